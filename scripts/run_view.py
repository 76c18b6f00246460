"""A run as a person sees it: what happens, what is asked, how long it still takes, and the sentence at its end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from recovery.exit_codes import ExitCode
from recovery.journal.chain import Record
from recovery.model import Json
from recovery.report.evidence import said
from recovery.report.incident import minutes
from recovery.runbook.machine import Output
from recovery.runbook.path import critical_path
from recovery.runbook.roles import Role
from recovery.runbook.state import SETTLED, Ask, Do, Mode, Phase, State, outstanding

if TYPE_CHECKING:
    from clouds.runbook.runs import Begun

BAD = (Phase.FAILED, Phase.REFUSED, Phase.UNDO_FAILED)


def asks(state: State) -> list[Ask]:
    """What people are asked now."""
    return [one for one in outstanding(state) if isinstance(one, Ask)]


def document(
    state: State, begun: Begun | None = None, scale: float = 1.0, journal: Sequence[Record] = ()
) -> dict[str, Json]:
    """What is asked, as published for approvers on other machines; with begun, also the texts that would be sent."""
    return {
        "runbook": state.runbook.id,
        "mode": str(state.mode),
        "asks": [
            {
                "key": one.key,
                "step": one.step,
                "title": state.runbook.step(one.step).title,
                "sentence": one.sentence,
                "missing": sorted(map(str, one.missing)),
                "alternatives": [sorted(map(str, roles)) for roles in one.any_of],
                "evidence": {step: dict(seen) for step, seen in one.evidence.items()},
                "drafts": drafts(state, one, begun, scale, journal) if begun is not None else {},
            }
            for one in asks(state)
        ],
        "stuck": [{"step": id, "reason": state.of(id).reason} for id in state.stuck],
    }


def seconds_left(state: State, scale: float, now: float) -> float:
    """Simulated seconds on the critical path from now on, at p95, people's waiting time apart."""
    seen = {}
    for step in state.runbook.steps:
        one = state.of(step.id)
        if one.phase in SETTLED:
            seen[step.id] = 0.0
        elif one.started is not None and one.phase is not Phase.APPROVAL:
            seen[step.id] = max(0.0, step.budget.p95 - (now - one.started) * scale)
    return critical_path(state.runbook, seen=seen).seconds


def drafts(state: State, ask: Ask, begun: Begun, scale: float, journal: Sequence[Record]) -> dict[str, Json]:
    """The text that a yes would publish, in each language (COMM-2: the PM drafts, the CTO approves)."""
    step = state.runbook.step(ask.step)
    if step.do is None or step.do.kind != "message.send":
        return {}
    from clouds.runbook.messages import facts_of
    from recovery.messages.drafts import drafted
    from recovery.messages.texts import LANGUAGES

    facts = facts_of(state, begun, time.time(), scale)
    made = [drafted(str(step.do.args["template"]), one, facts, journal, state.run) for one in LANGUAGES]
    return {one.language: f"{one.subject}\n{one.body}" for one in made}


class Terminal:
    """Talks to stderr, each line with its time (UTC). publish: called with the questions whenever they change.

    records: the journal's, for the drafts that a question is about.
    """

    def __init__(
        self,
        begun: Begun,
        scale: float,
        publish: Callable[[Mapping[str, Json]], None],
        records: Callable[[], Sequence[Record]] = tuple,
    ) -> None:
        self._begun, self._scale, self._publish, self._records = begun, scale, publish, records
        self._phases: dict[str, Phase] = {}
        self._asked: set[tuple[str, str]] = set()
        self._published: Mapping[str, Json] = {}
        self._lock = threading.Lock()

    def said(self, text: str, loud: bool = False) -> None:
        """One line; what must not be overlooked stands in a frame of its own."""
        at = time.strftime("%H:%M:%S", time.gmtime())
        with self._lock:
            shown = f"\n{at}  !!! {text}\n" if loud else f"{at}  {text}"
            print(shown, file=sys.stderr, flush=True)

    def opened(self, state: State) -> None:
        """What is about to be done, who is asked, and where words go: said once, at the beginning."""
        book, begun = state.runbook, self._begun
        way = [
            word
            for word, on in (("a DRILL", begun.drill), ("AWS declared unreachable", begun.primary_gone))
            if on
        ]
        self.said(f"{book.title}: run {begun.id}{f' ({chr(44).join(way)})' if way else ''}")
        path = critical_path(book)
        self.said(
            f"  at most {minutes(path.seconds)} of work to {book.goal} (p95), people's waiting time apart: {' > '.join(path.steps)}"
        )
        roles: dict[Role, list[str]] = {}
        for who, held in sorted(begun.people.items()):
            for role in held:
                roles.setdefault(role, []).append(who)
        self.said(
            "  who may answer: "
            + "; ".join(f"{role}: {', '.join(who)}" for role, who in sorted(roles.items()))
        )
        self.said(
            "  times are UTC; killed or disconnected at any point, `dr resume` goes on; `dr status` from anywhere shows it"
        )

    def changed(self, state: State, out: Sequence[Output]) -> None:
        """What is new since the last look."""
        now = time.time()
        if not self._phases:  # what was done before a resume was said then
            self._phases = {id: one.phase for id, one in state.steps.items() if one.phase in SETTLED}
            self.opened(state)
        for step in state.runbook.steps:
            one = state.of(step.id)
            if self._phases.get(step.id, Phase.WAITING) is one.phase:
                continue
            self._phases[step.id] = one.phase
            if one.phase in SETTLED or one.phase in BAD or one.phase is Phase.UNDONE:
                self.said(self._ended(state, step.id, now), loud=one.phase in BAD)
            elif one.phase in (Phase.DO, Phase.UNDO) and step.do is not None:
                doing = "begun" if one.phase is Phase.DO else "undoing"
                again = f" (attempt {one.attempt}; the last one: {one.reason})" if one.attempt > 1 else ""
                self.said(f"{doing:<8} {step.id}: {step.title}{again}")
        for ask in asks(state):
            mark = (ask.key, ",".join(sorted(ask.missing)))
            if mark not in self._asked:
                self._asked.add(mark)
                self._ask(state, ask)
        document_ = document(state)  # without drafts: their clock would make each look a change
        if document_ != self._published:
            self._published = document_
            self._publish(document(state, self._begun, self._scale, self._records()))

    def listen(self, spoken: Callable[[str], str]) -> None:
        """Answers typed here: `yes STEP as WHO`, `no STEP as WHO`, `pause`, ... (each signed like any other)."""

        def go() -> None:
            for line in sys.stdin:
                if line.strip():
                    self.said(spoken(line.strip()))

        threading.Thread(target=go, daemon=True, name="stdin").start()

    def _ended(self, state: State, id: str, now: float) -> str:
        one = state.of(id)
        took = (one.ended or now) - (one.started or one.ended or now)
        why = f": {one.reason}" if one.reason and one.phase is not Phase.DONE else ""
        text = f"{one.phase:<8} {id} after {took:.1f} s{why}"
        if one.phase in BAD:
            return f"{text}\n           then: {' | '.join(ways_on(state, id))}"
        seen = said(one.evidence)
        if seen and one.phase is Phase.DONE:
            text += f": {seen if len(seen) <= 140 else seen[:139] + '…'}"
        if state.of(state.runbook.goal).phase in SETTLED:
            return text
        return f"{text}  [{minutes(seconds_left(state, self._scale, now))} left at most]"

    def _ask(self, state: State, ask: Ask) -> None:
        who = " or ".join(" and ".join(sorted(roles & ask.missing or roles)) for roles in ask.any_of)
        names = [name for name, held in sorted(self._begun.people.items()) if held & ask.missing]
        lines = [f"ASKED    {ask.step}, of the {who}:", f"  {ask.sentence}"]
        lines += [f"  seen: {step}: {text}" for step, seen in ask.evidence.items() if (text := said(seen))]
        for language, text in drafts(state, ask, self._begun, self._scale, self._records()).items():
            lines += [f"  draft ({language}):", *(f"    | {one}" for one in text.strip().splitlines())]
        name = names[0] if names else "WHO"
        lines.append(
            f"  yes: dr approve {ask.step} --as {name}    no: dr approve {ask.step} --as {name} --no"
        )
        if len(names) > 1:
            lines.append(f"  (or {', '.join(names[1:])})")
        self.said("\n          ".join(lines))


def ways_on(state: State, step: str) -> list[str]:
    """The commands that lead on from a step that waits for a decision: only those that the machine would take."""
    one, plan = state.of(step), state.runbook.step(step)
    found = [f"dr resume --retry {step}"]
    if plan.skippable and one.phase is not Phase.UNDO_FAILED and state.mode is not Mode.ABORTING:
        found.append(f"dr skip {step} --reason '...'")
    begun = any(one.irreversible and state.of(one.id).did for one in state.runbook.steps)
    if not begun and state.mode is not Mode.ABORTING:
        found.append("dr abort --reason '...' (undoes what was done)")
    if plan.manual:
        found.append(f"by hand: {plan.manual[0]}")
    return found


def verdict(state: State) -> tuple[ExitCode, str]:
    """The exit code and the sentence at the end."""
    book, run = state.runbook, state.run
    if state.mode is Mode.COMPLETED:
        goal, owed = state.of(book.goal), state.obligations
        took = (goal.ended or 0.0) - (state.started or 0.0)
        left = f" Still owed: {'; '.join(owed.values())}." if owed else ""
        missed = [id for id, one in state.steps.items() if one.phase in (Phase.MISSED, Phase.SKIPPED)]
        out = f" Left out: {', '.join(missed)}." if missed else ""
        return (
            ExitCode.CLEAN,
            f"{book.title}: done, {book.goal} {took:.0f} s after it began (run {run}).{left}{out}",
        )
    if state.mode is Mode.ABORTED:
        kept = [id for id, one in state.steps.items() if one.phase is Phase.KEPT]
        stays = f" What has no undo stays: {', '.join(kept)}." if kept else ""
        return ExitCode.STOPPED, f"The run {run} was aborted and undone: {state.reason}.{stays}"
    if state.stuck:
        step = state.stuck[0]
        others = "" if len(state.stuck) == 1 else f" (and {', '.join(state.stuck[1:])})"
        return ExitCode.FAILED, (
            f"The run {run} waits for a decision: {step} {state.of(step).phase}{others}: {state.of(step).reason}. "
            f"Then: {'; or '.join(ways_on(state, step))}."
        )
    open_ones = ", ".join(one.step for one in asks(state)) or str(state.mode)
    return (
        ExitCode.STOPPED,
        f"The run {run} waits for people: {open_ones}. Answer (dr approve), then: dr resume.",
    )


def summary(state: State, begun: Begun, scale: float) -> dict[str, Json]:
    """The run for `--format json`."""
    now = time.time()
    return {
        "run": state.run, "runbook": state.runbook.id, "mode": str(state.mode), "drill": begun.drill,
        "engine": begun.engine, "started": state.started, "ended": state.ended, "scale": scale,
        "goal": {"step": state.runbook.goal, "ended": state.of(state.runbook.goal).ended},
        "secondsLeft": round(seconds_left(state, scale, now), 1), "owed": dict(state.obligations),
        "steps": {
            id: {"phase": str(one.phase), "started": one.started, "ended": one.ended, "reason": one.reason,
                 "evidence": dict(one.evidence)}
            for id, one in state.steps.items()
        },
        **document(state),
    }  # fmt: skip


def under_way(state: State) -> list[str]:
    """Steps whose effects are asked for now."""
    return [one.step for one in outstanding(state) if isinstance(one, Do)]
