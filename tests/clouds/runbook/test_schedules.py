"""Any schedule at executor level: kills, failures, AWS that comes and goes, late or refused approvals, a busy client.

No acknowledged write silently lost; DNS never at an unhealthy side; no capacity removed under
traffic; no traffic moved without its approval; the journal complete.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clouds.runbook.calls import Handler, Heard, ok
from clouds.runbook.executor import Executor
from clouds.runbook.runner import Inline
from clouds.runbook.runs import BOOKS
from recovery.journal.chain import Kind
from recovery.journal.direction import standing
from recovery.runbook import events as ev
from recovery.runbook.state import Ask, Mode, Phase, State, outstanding
from tests.clouds.runbook.simulated import PEOPLE, Killed, MemoryJournal, World, begin

MOVES = ("write",) * 5 + ("expire",) * 3 + ("yes",) * 6 + (
    "no", "twice", "glass", "stranger", "aws down", "aws up", "sick", "well", "retry", "jump back", "jump ahead", "pause",
    "resume", "abort", "skip", "kill",
)  # fmt: skip
"""twice: two operators answer one question at once. stranger: somebody without the role. jump: of the clock."""


class Storm:
    """Plays a schedule: one move at every look of the executor; then all is calm and people answer."""

    def __init__(
        self, world: World, moves: Sequence[tuple[str, int]], journal: MemoryJournal | None = None
    ) -> None:
        self.world, self.left, self.looks = world, list(moves), 0
        self.journal, self.seen = journal or MemoryJournal(), list[str]()

    def words(self, state: State) -> list[Heard]:
        self.looks += 1
        self.seen += violations_now(self.world, state, self.journal)
        calm = not self.left
        move, number = ("calm", self.looks) if calm else self.left.pop(0)
        world, at = self.world, self.world.clock
        if move == "sick at cutover":  # health is lost while the go is awaited
            if state.of("cutover").phase is Phase.APPROVAL:
                world.healthy = False
            else:
                self.left.insert(0, (move, number))
            move = "yes"
        if calm:
            world.aws_up = world.healthy = True
            world.expire(number)
        if move == "write" or (calm and self.looks % 3 == 0):
            world.client(number)
        if move == "expire":
            world.expire(number)
        if move in ("aws down", "aws up"):
            world.aws_up = move == "aws up"
        if move in ("sick", "well"):
            world.healthy = move == "well"
        if move in ("jump back", "jump ahead"):
            world.clock += 100_000 if move == "jump ahead" else -100_000
        if move == "kill":
            raise Killed
        found: list[ev.Event] = []
        if move == "pause":
            found.append(ev.Paused("sre@demay", "wait", at))
        if state.mode is Mode.PAUSED and (calm or move == "resume"):
            found.append(ev.Resumed("sre@demay", at))
        if state.stuck and (calm or move == "retry"):
            found.append(ev.Retried(state.stuck[number % len(state.stuck)], "sre@demay", at))
        if move == "abort" and number < 5:
            found.append(ev.Aborted("incident_commander@demay", "AWS is back", at))
        if move == "skip":
            steps = state.runbook.steps
            found.append(ev.Skipped(steps[number % len(steps)].id, "sre@demay", "it takes too long", at))
        asks = [one for one in outstanding(state) if isinstance(one, Ask) and one.missing]
        if asks and (calm or move in ("yes", "no", "twice", "glass", "stranger")):
            ask = asks[number % len(asks)]
            role = sorted(ask.missing)[0]
            who = f"{role.name.lower()}@demay"
            if move == "stranger":
                who = "nobody@demay"
            if move == "glass":
                found.append(ev.BrokeGlass(ask.key, role, "sre@demay", "three calls unanswered", at))
            else:
                found.append(ev.Answered(ask.key, role, who, move != "no", ask.sentence, at))
            if move == "twice":
                found.append(ev.Answered(ask.key, role, who, False, ask.sentence, at))
        return [Heard(one, {"what": "word"}) for one in found]


def carry_through(world: World, journal: MemoryJournal, book: str, storm: Storm) -> State:
    """Until the run has ended, restarted after every kill."""

    def clock() -> float:
        world.clock += 1
        return world.clock

    for _ in range(400):
        begun = begin(journal, book, book)
        one = Executor(
            BOOKS[book],
            book,
            PEOPLE,
            journal,
            world.table(begun),
            Inline(),
            clock,
            storm.words,
            patience=1.0,
            sleep=lambda seconds: None,
        )
        try:
            state = one.go()
        except Killed:
            continue
        if state.mode in (Mode.COMPLETED, Mode.ABORTED):
            return state
    raise AssertionError(f"no end: {state.mode} {state.stuck} {[state.of(s).reason for s in state.stuck]}")


def violations_now(world: World, state: State, journal: MemoryJournal) -> list[str]:
    """Invariants that hold at every moment."""
    found = list(world.broken)
    aws_writable = world.aws_up and not all(world.frozen.values())
    if world.records == "azure" and aws_writable and state.runbook.id == "failover":
        owed = {id.rpartition("/")[2] for id in standing(journal.records).obligations}
        open_now = {f"freeze-{what}" for what, frozen in world.frozen.items() if not frozen}
        pending = {
            id for id in open_now if state.of(id).phase is Phase.OWED
        }  # the duty is written with the next record
        if not open_now <= owed | pending:
            found.append(f"two writable sides, and nobody knows: {sorted(open_now - owed)}")
    for step in state.runbook.steps:
        one = state.of(step.id)
        if step.irreversible and one.did and not one.given and one.phase is not Phase.WAITING:
            found.append(f"{step.id} is irreversible and was begun without an approval or a broken glass")
    return found


def violations_at_the_end(world: World, journal: MemoryJournal) -> list[str]:
    """Invariants of a whole failover, contingency and rollback."""
    found = list(world.broken)
    if world.lost():
        found.append(f"acknowledged writes are gone: {world.lost()}")
    meant = {str(r.body["key"]) for r in journal.records if r.kind is Kind.INTENT}
    ended = {
        str(r.body["key"]) for r in journal.records if r.kind is Kind.EVENT and r.body["event"] == "Finished"
    }
    if not ended <= meant:
        found.append(f"an effect ended that was never meant: {sorted(ended - meant)[:3]}")
    glass = [r for r in journal.records if r.kind is Kind.EVENT and r.body["event"] == "BrokeGlass"]
    if any(not r.body["reason"] for r in glass):
        found.append("a broken glass without its reason")
    if world.frozen != {"uploads": False, "table": False} or not world.triggers:
        found.append(f"AWS is not as it was: {world.frozen}, triggers {world.triggers}")
    return found


moves = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 50)), max_size=60)


def whole_story(
    world: World,
    journal: MemoryJournal,
    out: list[tuple[str, int]],
    between: int,
    back: list[tuple[str, int]],
) -> list[str]:
    """Failover, contingency, rollback on one schedule; what was violated, at any moment or at the end."""
    for number in range(5):
        world.client(number)
    storm = Storm(world, out, journal)
    state = carry_through(world, journal, "failover", storm)
    seen = storm.seen
    if (
        state.mode is Mode.ABORTED
    ):  # AWS returned before the cutover: everything is undone, there is no way back to go
        clean = world.records == "primary" and world.frozen == {"uploads": False, "table": False}
        return seen + ([] if clean else ["aborted, and not as it was"]) + world.broken
    seen += [] if world.records == "azure" else ["completed, and traffic is elsewhere"]
    for number in range(between):
        world.client(number)
    storm = Storm(world, back, journal)
    state = carry_through(world, journal, "rollback", storm)
    if state.mode is Mode.ABORTED:
        return seen + storm.seen
    ended = world.records == "primary" and world.capacity == 0
    return (
        seen
        + storm.seen
        + violations_at_the_end(world, journal)
        + ([] if ended else ["not a cheap standby again"])
    )


@settings(max_examples=int(os.environ.get("DR_SCHEDULES", "10")), deadline=None)
@given(out=moves, between=st.integers(0, 10), back=moves)
def test_nothing_acknowledged_is_lost_over_any_failover_contingency_and_rollback(
    out: list[tuple[str, int]], between: int, back: list[tuple[str, int]]
) -> None:
    """GOALS: acknowledged writes lost or silently overwritten over the whole: 0; and every other invariant of the issue."""
    assert whole_story(World(), MemoryJournal(), out, between, back) == []


NASTY = [("write", n) for n in range(3)] + [("yes", 0)] * 150
AWAY = [
    ("aws down", 0),
    *[("yes", 0)] * 40,
    ("aws up", 0),
    *[("write", n) for n in range(9)],
    *[("yes", 0)] * 60,
]
SICK = [("sick at cutover", 0), *[("yes", 0)] * 40]
BACK = [*[("yes", 0), ("write", 0), ("write", 1)] * 60]


def _without_approvals(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr("recovery.runbook.machine.approved", lambda state, step: True)


def _without_guards(patch: pytest.MonkeyPatch, world: World) -> None:
    order = (Phase.CHECK, Phase.APPROVAL, Phase.DO, Phase.VERIFY)
    patch.setattr("recovery.runbook.machine._ORDER", order)
    world.gates = False


def _without_the_last_delta(patch: pytest.MonkeyPatch, world: World) -> None:
    nothing = lambda self, args, call: ok()  # noqa: E731
    for name in ("sync", "until_empty", "delta_empty"):
        patch.setattr(World, name, nothing)


def _without_waiting_for_the_drain(patch: pytest.MonkeyPatch, world: World) -> None:
    forget, look = World.expire, World.look

    def home_is_never_learnt(self: World, number: int) -> None:
        if self.records == "azure":  # the way out is as it was: without it no run would come this far
            forget(self, number)

    def believed(self: World, test: str) -> Handler:
        asked = look(self, test)
        return lambda args, call: (
            ok() if (test, args.get("side")) == ("propagated", "primary") else asked(args, call)
        )

    patch.setattr(World, "drain", lambda self, args, call: ok())
    patch.setattr(World, "look", believed)
    patch.setattr(World, "expire", home_is_never_learnt)


def _keeping_no_conflicts(patch: pytest.MonkeyPatch, world: World) -> None:
    world.conflicts = _Forgetful()


class _Forgetful(set[tuple[str, int, int]]):
    def add(self, element: tuple[str, int, int]) -> None:
        """Forgets it."""


@pytest.mark.parametrize(
    ("mutate", "out"),
    [
        (_without_approvals, NASTY),
        (_without_guards, SICK),
        (_without_the_last_delta, NASTY),
        (_without_waiting_for_the_drain, NASTY),
        (_keeping_no_conflicts, AWAY),
    ],
)
def test_each_invariant_can_fail(mutate: object, out: list[tuple[str, int]]) -> None:
    """A machine without one of its safeguards is caught by the same judgement that the property uses."""
    assert whole_story(World(), MemoryJournal(), out, 9, BACK) == []
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        mutate(patch, world)  # type: ignore[operator]
        try:
            seen = whole_story(world, MemoryJournal(), out, 9, BACK)
        except AssertionError as error:
            seen = [str(error)]
    assert seen


def test_what_aws_accepted_after_the_cutover_is_listed_beside_what_azure_has() -> None:
    """design.md, Directions: AWS was away, so its freeze is owed; it comes back and takes a write from an old cache."""
    world, journal = World(), MemoryJournal()
    for number in range(5):
        world.client(number)
    out = Storm(world, [("aws down", 0), *[("yes", 0)] * 150])
    assert carry_through(world, journal, "failover", out).mode is Mode.COMPLETED
    assert world.frozen == {"uploads": False, "table": False}
    world.aws_up, world.caches = True, ["primary", "azure", "azure"]
    world.client(0)
    for _ in range(7):  # the seventh has the same key, and Azure never saw AWS's version of it
        world.client(1)
    assert carry_through(world, journal, "rollback", Storm(world, [("yes", 0)] * 150)).mode is Mode.COMPLETED
    assert world.conflicts
    assert world.lost() == []
    world.conflicts.clear()
    assert world.lost(), "this test could not have failed"
