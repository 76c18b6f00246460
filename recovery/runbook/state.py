"""Where a run stands: one frozen value, made from the journal alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from recovery.model import Json
from recovery.runbook.decision import from_evidence
from recovery.runbook.roles import Role
from recovery.runbook.steps import Approval, Effect, Runbook, Step


class Phase(StrEnum):
    """Where a step stands, and what is true in it."""

    WAITING = "waiting"  # nothing was done; what it needs is not settled
    CHECK = "check"  # being looked at: is it done already?
    APPROVAL = "approval"  # nothing was done in this round; a person is asked
    GUARD = "guard"  # approved; being looked at whether it may be done now
    DO = "do"  # the effect may or may not have happened
    VERIFY = "verify"  # the effect happened; not proven
    DONE = "done"  # proven, or already so
    FAILED = "failed"  # attempts used up; a person retries, skips or aborts
    REFUSED = "refused"  # a person said no; a retry asks again
    SKIPPED = "skipped"  # a person left it out, with a reason
    MISSED = "missed"  # best effort that failed; holds nothing up
    OWED = "owed"  # the primary cannot be reached; an obligation stands
    CANCELLED = "cancelled"  # aborted, and nothing had been done
    KEPT = "kept"  # aborted; done, and there is nothing to undo
    UNDO = "undo"  # being undone
    UNDONE = "undone"  # undone
    UNDO_FAILED = "undo failed"  # not proven undone; a person retries


LOOKING = frozenset({Phase.CHECK, Phase.GUARD, Phase.DO, Phase.VERIFY, Phase.UNDO})
"""An effect of the step is asked for (or will be, when the pause ends)."""
SETTLED = frozenset({Phase.DONE, Phase.SKIPPED, Phase.MISSED, Phase.OWED})
"""What needs the step may go on."""
UNWOUND = frozenset({Phase.CANCELLED, Phase.KEPT, Phase.UNDONE})


class Mode(StrEnum):
    """What the run as a whole is at."""

    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    ABORTING = "aborting"
    ABORTED = "aborted"
    COMPLETED = "completed"


@dataclass(frozen=True)
class Given:
    """One role's yes. glass: the reason, where a person broke the glass in that role's stead."""

    role: Role
    identity: str
    glass: str = ""


@dataclass(frozen=True)
class StepState:
    """One step's standing. issued: its phase's effect has been asked for. did: `do` was asked for in this run,
    so the world may have changed. round: how often it was begun (a person's retry begins a new one)."""

    phase: Phase = Phase.WAITING
    round: int = 1
    attempt: int = 1
    issued: bool = False
    since: float = 0.0
    started: float | None = None
    ended: float | None = None
    given: tuple[Given, ...] = ()
    did: bool = False
    evidence: Mapping[str, Json] = field(default_factory=dict)
    reason: str = ""


_UNTOUCHED = StepState()


@dataclass(frozen=True)
class Do:
    """Ask for an effect. key: the same after a restart, never the same for another attempt. limit: seconds."""

    key: str
    step: str
    phase: Phase
    effect: Effect
    limit: float


@dataclass(frozen=True)
class Ask:
    """Ask people. any_of: alternatives of roles; missing: roles that have not answered yet.
    sentence: the consequence, with the figure where one decides. evidence: what the steps before it found."""

    key: str
    step: str
    any_of: tuple[frozenset[Role], ...]
    missing: frozenset[Role]
    sentence: str
    evidence: Mapping[str, Mapping[str, Json]]


@dataclass(frozen=True)
class Say:
    """Tell the operator something, now; it is not repeated after a restart. loud: it must not be overlooked."""

    text: str
    loud: bool = False


@dataclass(frozen=True)
class State:
    """A run. people: identity -> roles, as they were when the run began."""

    run: str
    runbook: Runbook
    people: Mapping[str, frozenset[Role]]
    mode: Mode = Mode.READY
    steps: Mapping[str, StepState] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    reason: str = ""

    def of(self, id: str) -> StepState:
        """A step's standing."""
        return self.steps.get(id, _UNTOUCHED)

    def put(self, id: str, step: StepState) -> State:
        """The state with one step's standing changed."""
        return replace(self, steps={**self.steps, id: step})

    @property
    def obligations(self) -> dict[str, str]:
        """Step -> what is owed, for steps that the unreachable primary left undone."""
        return {
            step.id: step.owed or step.title
            for step in self.runbook.steps
            if self.of(step.id).phase is Phase.OWED
        }

    @property
    def stuck(self) -> tuple[str, ...]:
        """Steps that wait for a person's decision (retry, skip, abort)."""
        bad = (Phase.FAILED, Phase.REFUSED, Phase.UNDO_FAILED)
        return tuple(step.id for step in self.runbook.steps if self.of(step.id).phase in bad)


def begin(runbook: Runbook, run: str, people: Mapping[str, frozenset[Role]]) -> State:
    """A run before its first event."""
    return State(run, runbook, people, steps={step.id: StepState() for step in runbook.steps})


def effect_of(step: Step, phase: Phase) -> Effect | None:
    """The effect that a phase of a step asks for."""
    return {
        Phase.CHECK: step.check, Phase.GUARD: step.guard, Phase.DO: step.do,
        Phase.VERIFY: step.verify, Phase.UNDO: step.undo,
    }.get(phase)  # fmt: skip


def key_of(state: State, id: str) -> str:
    """The key of what a step asks for now."""
    step = state.of(id)
    attempt = "" if step.phase is Phase.APPROVAL else f".{step.attempt}"
    return f"{state.run}/{id}/{step.phase}/{step.round}{attempt}"


def outstanding(state: State) -> tuple[Do | Ask, ...]:
    """All that is asked for now. After a restart, exactly this is asked for again."""
    found: list[Do | Ask] = []
    for step in state.runbook.steps:
        now = state.of(step.id)
        if now.phase is Phase.APPROVAL:
            found.append(_ask(state, step))
        elif now.phase in LOOKING and now.issued:
            effect = effect_of(step, now.phase)
            assert effect is not None  # noqa: S101 - a phase is entered only where it has an effect
            found.append(Do(key_of(state, step.id), step.id, now.phase, effect, step.limit))
    return tuple(found)


def alternatives(state: State, step: Step) -> tuple[frozenset[Role], ...]:
    """Who may approve a step now: as written, or as the figure decides."""
    approval = step.approval or Approval((), "")
    if not approval.rule:
        return approval.any_of
    return (frozenset({from_evidence(_proof(state, approval.rule)).role}),)


def approved(state: State, step: Step) -> bool:
    """Does the step have all its approvals (or need none)?"""
    if step.approval is None:
        return True
    roles = {given.role for given in state.of(step.id).given}
    return any(wanted and wanted <= roles for wanted in alternatives(state, step))


def _ask(state: State, step: Step) -> Ask:
    any_of = alternatives(state, step)
    given = {one.role for one in state.of(step.id).given}
    approval = step.approval or Approval((), "")
    sentence = approval.sentence
    if approval.rule:
        sentence = f"{from_evidence(_proof(state, approval.rule)).sentence} {sentence}"
    evidence = {need: state.of(need).evidence for need in step.needs if state.of(need).evidence}
    missing = frozenset().union(*any_of) - given
    return Ask(key_of(state, step.id), step.id, any_of, missing, sentence, evidence)


def _proof(state: State, id: str) -> Mapping[str, Json]:
    """The evidence of a comparison that was really made; nothing where it was skipped or owed."""
    step = state.of(id)
    return step.evidence if step.phase is Phase.DONE else {}
