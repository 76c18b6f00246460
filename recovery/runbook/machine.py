"""The machine: `advance(state, event) -> (state, effects)`. Pure; the journal's events are all it needs to resume.

Why it is safe:
- What is asked for is a function of the state (`outstanding`), so a machine restarted after any event asks for
  exactly the same again, under the same keys.
- Every attempt starts at `check`, so an effect whose end was not seen is looked at before it is done again.
- `do` of a step is asked for only from GUARD or later, which is entered only with all approvals given; a guard
  is looked at right before the `do` that it guards, in the same attempt.
- A step begins only when all it needs is settled; an abort undoes a step only when nothing that was built on it
  still stands, and never begins once something irreversible was begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from recovery.runbook import events as ev
from recovery.runbook.events import Event, Result
from recovery.runbook.roles import Role
from recovery.runbook.state import (
    LOOKING,
    SETTLED,
    UNWOUND,
    Ask,
    Do,
    Given,
    Mode,
    Phase,
    Say,
    State,
    StepState,
    alternatives,
    approved,
    begin,
    effect_of,
    key_of,
    outstanding,
)
from recovery.runbook.steps import Runbook, Step

Output = Do | Ask | Say
_ORDER = (Phase.CHECK, Phase.APPROVAL, Phase.GUARD, Phase.DO, Phase.VERIFY)
_ENDED = (Mode.ABORTED, Mode.COMPLETED)


def advance(state: State, event: Event) -> tuple[State, tuple[Output, ...]]:
    """One event. Returns the state after it and what is newly asked for or said."""
    before = {one.key for one in outstanding(state)}
    if state.mode in _ENDED:
        return state, (Say(f"the run is {state.mode}; {type(event).__name__} changes nothing"),)
    changed, said = _apply(state, event)
    changed = _settle(changed, event.at)
    fresh = tuple(one for one in outstanding(changed) if one.key not in before)
    return changed, (*said, *fresh)


def fold(
    runbook: Runbook, run: str, people: Mapping[str, frozenset[Role]], happened: Iterable[Event]
) -> State:
    """The state after all events of a journal: how a killed run resumes."""
    state = begin(runbook, run, people)
    for event in happened:
        state, _ = advance(state, event)
    return state


def _apply(state: State, event: Event) -> tuple[State, tuple[Say, ...]]:
    match event:
        case ev.Started(at):
            if state.mode is Mode.READY:
                state = replace(state, mode=Mode.RUNNING, started=at)
            return state, ()
        case ev.Finished():
            return _finished(state, event), ()
        case ev.Ticked(at):
            return _ticked(state, at), ()
        case ev.Answered():
            return _answered(state, event)
        case ev.BrokeGlass():
            return _broke_glass(state, event)
        case ev.Paused(identity, reason):
            if state.mode is not Mode.RUNNING:
                return state, (Say(f"a run that is {state.mode} cannot be paused"),)
            return replace(state, mode=Mode.PAUSED, reason=reason), (Say(f"paused by {identity}: {reason}"),)
        case ev.Resumed(identity):
            if state.mode is not Mode.PAUSED:
                return state, (Say(f"the run is {state.mode}, not paused"),)
            return _resumed(state), (Say(f"resumed by {identity}"),)
        case ev.Aborted():
            return _aborted(state, event)
        case ev.Skipped():
            return _skipped(state, event)
        case ev.Retried():
            return _retried(state, event)


def _resumed(state: State) -> State:
    for step in state.runbook.steps:
        now = state.of(step.id)
        if now.phase is Phase.DO and not now.issued and step.guard is not None:
            # What the guard saw before the pause proves nothing now.
            state = state.put(step.id, replace(now, phase=Phase.GUARD))
    return replace(state, mode=Mode.RUNNING, reason="")


def _finished(state: State, event: ev.Finished) -> State:
    for step in state.runbook.steps:
        now = state.of(step.id)
        if now.phase in LOOKING and now.issued and key_of(state, step.id) == event.key:
            return _ended(state, step, event.result, event.at, dict(event.evidence))
    return state  # a late answer to an attempt that was given up: the next check sees what it did


def _ended(state: State, step: Step, result: Result, at: float, evidence: dict[str, object]) -> State:
    """The effect of a step's phase has ended."""
    now = state.of(step.id)
    # An earlier attempt's error is no evidence of the one that succeeded.
    earlier = {k: v for k, v in now.evidence.items() if result is not Result.OK or k not in ("error", "fix")}
    now = replace(now, evidence={**earlier, **evidence})
    if now.phase is Phase.UNDO:
        if result is Result.OK:
            return state.put(step.id, _rest(now, Phase.UNDONE, at))
        return _again(state, step, now, at, result, Phase.UNDO, Phase.UNDO_FAILED)
    if state.mode is Mode.ABORTING:
        return state.put(step.id, replace(now, issued=False))  # `_unwind` takes it from here
    if result is Result.UNREACHABLE and step.owed:
        return state.put(step.id, _rest(now, Phase.OWED, at, f"owed: {step.owed}"))
    if result is Result.OK:
        # A check that says "done already" leaves approval, guard and do out, but never the proof.
        after = Phase.DO if now.phase is Phase.CHECK else now.phase
        return _enter(state.put(step.id, now), step, after, at)
    if result is Result.TODO and now.phase is Phase.CHECK:
        return _enter(state.put(step.id, now), step, Phase.CHECK, at)
    return _again(state, step, now, at, result, Phase.WAITING, Phase.FAILED)


def _enter(state: State, step: Step, after: Phase, at: float) -> State:
    """Go to the step's next phase behind `after` (WAITING: to its first)."""
    later = _ORDER if after is Phase.WAITING else _ORDER[_ORDER.index(after) + 1 :]
    now = state.of(step.id)
    for phase in later:
        if phase is Phase.APPROVAL:
            if approved(state, step):
                continue
        elif effect_of(step, phase) is None:
            continue
        why = now.reason if now.attempt > 1 else ""  # why it is tried again is said until it has ended
        return state.put(step.id, replace(now, phase=phase, issued=False, since=at, reason=why))
    return state.put(step.id, _rest(now, Phase.DONE, at))


def _again(
    state: State, step: Step, now: StepState, at: float, result: Result, first: Phase, given_up: Phase
) -> State:
    """Another attempt from the step's beginning, or the end of attempts."""
    reason = f"{now.phase} ended {result}" + (f": {why}" if (why := now.evidence.get("error")) else "")
    if now.attempt <= step.retries:
        now = replace(now, phase=first, attempt=now.attempt + 1, issued=False, since=at, reason=reason)
        return state.put(step.id, now)
    if step.best_effort and given_up is Phase.FAILED:
        given_up = Phase.MISSED
    return state.put(step.id, _rest(now, given_up, at, reason))


def _rest(now: StepState, phase: Phase, at: float, reason: str = "") -> StepState:
    return replace(now, phase=phase, issued=False, ended=at, reason=reason)


def _ticked(state: State, at: float) -> State:
    for step in state.runbook.steps:
        now = state.of(step.id)
        if now.phase not in LOOKING or not now.issued:
            continue
        if at < now.since:  # the clock was set back: count from here
            state = state.put(step.id, replace(now, since=at))
        elif at - now.since > step.limit:
            late = {"error": f"no answer within {step.limit:.0f} s"}
            state = _ended(state, step, Result.UNKNOWN, at, dict(late))
    return state


def _asked(state: State, key: str) -> Step | None:
    for step in state.runbook.steps:
        if state.of(step.id).phase is Phase.APPROVAL and key_of(state, step.id) == key:
            return step
    return None


def _answered(state: State, event: ev.Answered) -> tuple[State, tuple[Say, ...]]:
    step = _asked(state, event.key)
    if step is None:
        return state, (
            Say(f"nobody asks {event.key} (any more); the answer of {event.identity} is kept only"),
        )
    now = state.of(step.id)
    if event.role not in state.people.get(event.identity, frozenset()):
        return state, (Say(f"{event.identity} is not {event.role}: no approval of {step.id}", loud=True),)
    if event.role not in frozenset().union(*alternatives(state, step)):
        return state, (Say(f"{step.id} is not for the {event.role} to approve"),)
    if not event.yes:
        why = f"refused by {event.identity} ({event.role})"
        return state.put(step.id, _rest(now, Phase.REFUSED, event.at, why)), (
            Say(f"{step.id}: {why}", loud=True),
        )
    if any(given.identity == event.identity and not given.glass for given in now.given):
        return state, (
            Say(f"{event.identity} has approved {step.id} already: two roles need two identities"),
        )
    return _grant(state, step, Given(event.role, event.identity), event.at), ()


def _broke_glass(state: State, event: ev.BrokeGlass) -> tuple[State, tuple[Say, ...]]:
    step = _asked(state, event.key)
    if step is None:
        return state, (Say(f"nobody asks {event.key} (any more)"),)
    if not event.reason.strip() or event.identity not in state.people:
        return state, (Say("breaking the glass needs a person of the plan and a reason"),)
    if event.role not in frozenset().union(*alternatives(state, step)):
        return state, (Say(f"{step.id} is not for the {event.role} to approve"),)
    said = Say(
        f"BREAK-GLASS: {event.identity} goes on with {step.id} without the {event.role}: {event.reason}", True
    )
    return _grant(state, step, Given(event.role, event.identity, event.reason), event.at), (said,)


def _grant(state: State, step: Step, given: Given, at: float) -> State:
    now = state.of(step.id)
    if given.role in {one.role for one in now.given}:
        return state
    state = state.put(step.id, replace(now, given=(*now.given, given)))
    return _enter(state, step, Phase.APPROVAL, at) if approved(state, step) else state


def _aborted(state: State, event: ev.Aborted) -> tuple[State, tuple[Say, ...]]:
    begun = [step.title for step in state.runbook.steps if step.irreversible and state.of(step.id).did]
    if begun:
        return state, (
            Say(f"not aborted: {begun[0]} was begun and has no undo; its way back is a runbook", True),
        )
    if state.mode is Mode.ABORTING:
        return state, ()
    return replace(state, mode=Mode.ABORTING, reason=event.reason), (
        Say(f"aborted by {event.identity}: {event.reason}", loud=True),
    )


def _skipped(state: State, event: ev.Skipped) -> tuple[State, tuple[Say, ...]]:
    step = next((one for one in state.runbook.steps if one.id == event.step), None)
    if step is None or state.mode is Mode.ABORTING:
        return state, (Say(f"{event.step} cannot be skipped now"),)
    now = state.of(step.id)
    if not step.skippable or not event.reason.strip():
        return state, (
            Say(f"{step.id} cannot be skipped" + ("" if event.reason.strip() else " without a reason")),
        )
    if now.phase not in (Phase.WAITING, Phase.APPROVAL, Phase.REFUSED, Phase.FAILED):
        return state, (Say(f"{step.id} is at {now.phase} and cannot be skipped now"),)
    why = f"skipped by {event.identity}: {event.reason}"
    return state.put(step.id, _rest(now, Phase.OWED if step.owed else Phase.SKIPPED, event.at, why)), (
        Say(why),
    )


def _retried(state: State, event: ev.Retried) -> tuple[State, tuple[Say, ...]]:
    now = state.of(event.step)
    fresh = replace(now, round=now.round + 1, attempt=1, issued=False, since=event.at, ended=None)
    if now.phase is Phase.UNDO_FAILED:
        return state.put(event.step, replace(fresh, phase=Phase.UNDO)), ()
    if now.phase in (Phase.FAILED, Phase.REFUSED, Phase.MISSED) and state.mode is not Mode.ABORTING:
        approval = state.runbook.step(event.step).approval
        if now.phase is Phase.REFUSED and approval is not None:
            for id in approval.reopens:  # a no to the figure, then a retry: the figure is made again
                old = state.of(id)
                again = replace(
                    old, phase=Phase.WAITING, round=old.round + 1, attempt=1, ended=None, evidence={}
                )
                state = state.put(id, again)
        return state.put(event.step, replace(fresh, phase=Phase.WAITING, given=())), ()
    return state, (Say(f"{event.step} is at {now.phase}: nothing to retry"),)


def _settle(state: State, at: float) -> State:
    """Begin all that may begin now, until nothing changes."""
    if state.mode is Mode.ABORTING:
        return _unwind(state, at)
    while state.mode is Mode.RUNNING:
        changed = state
        for step in state.runbook.steps:
            now = changed.of(step.id)
            if now.phase is Phase.WAITING and all(changed.of(need).phase in SETTLED for need in step.needs):
                started = at if now.started is None else now.started
                changed = _enter(changed.put(step.id, replace(now, started=started)), step, Phase.WAITING, at)
            now = changed.of(step.id)
            if now.phase in LOOKING and not now.issued:
                did = now.did or now.phase is Phase.DO
                changed = changed.put(step.id, replace(now, issued=True, since=at, did=did))
        if changed == state:
            break
        state = changed
    if state.mode is Mode.RUNNING and all(now.phase in SETTLED for now in state.steps.values()):
        return replace(state, mode=Mode.COMPLETED, ended=at)
    return state


def _unwind(state: State, at: float) -> State:
    """Undo what this run did, what was built last first."""
    changed: State | None = None
    while changed != state:
        state = changed or state
        changed = state
        for step in state.runbook.steps:
            now = changed.of(step.id)
            if now.phase in UNWOUND or now.phase is Phase.UNDO_FAILED:
                continue
            above = [one.id for one in state.runbook.steps if step.id in one.needs]
            if not all(changed.of(id).phase in UNWOUND for id in above):
                continue  # something built on it, directly or through others, still stands
            if now.phase is Phase.DO and now.issued:
                continue  # wait for its end (or its time limit): it cannot be undone while it happens
            if now.phase is Phase.UNDO:
                if not now.issued:
                    changed = changed.put(step.id, replace(now, issued=True, since=at))
            elif not now.did:
                changed = changed.put(step.id, _rest(now, Phase.CANCELLED, at, now.reason))
            elif step.undo is None:
                changed = changed.put(step.id, _rest(now, Phase.KEPT, at, "there is nothing to undo"))
            else:
                begun = replace(now, phase=Phase.UNDO, attempt=1, issued=True, since=at, ended=None)
                changed = changed.put(step.id, begun)
    if all(now.phase in UNWOUND for now in state.steps.values()):
        return replace(state, mode=Mode.ABORTED, ended=at)
    return state
