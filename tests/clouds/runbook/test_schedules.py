"""Any schedule at executor level: kills, failures, AWS that comes and goes, late or refused approvals, a busy client.

Issue 6, Must show: no acknowledged write silently lost; DNS never at an unhealthy side; no capacity removed under
traffic; no traffic moved without its approval; the journal complete.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from clouds.runbook.calls import Heard
from clouds.runbook.executor import Executor
from clouds.runbook.runner import Inline
from clouds.runbook.runs import BOOKS
from recovery.journal.chain import Kind
from recovery.runbook import events as ev
from recovery.runbook.state import Ask, Mode, State, outstanding
from tests.clouds.runbook.simulated import PEOPLE, Killed, MemoryJournal, World, begin

MOVES = ("write",) * 5 + ("expire",) * 3 + ("yes",) * 6 + (
    "no", "late", "aws down", "aws up", "sick", "well", "retry", "jump back", "pause", "resume", "kill",
)  # fmt: skip


class Storm:
    """Plays a schedule: one move at every look of the executor; then all is calm and people answer."""

    def __init__(self, world: World, moves: Sequence[tuple[str, int]]) -> None:
        self.world, self.left, self.looks = world, list(moves), 0

    def words(self, state: State) -> list[Heard]:
        self.looks += 1
        calm = not self.left
        move, number = ("calm", self.looks) if calm else self.left.pop(0)
        world, at = self.world, self.world.clock
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
        if move == "jump back":
            world.clock -= 100_000
        if move == "kill":
            raise Killed
        found: list[ev.Event] = []
        if move == "pause":
            found.append(ev.Paused("sre@demay", "wait", at))
        if state.mode is Mode.PAUSED and (calm or move == "resume"):
            found.append(ev.Resumed("sre@demay", at))
        if state.stuck and (calm or move == "retry"):
            found.append(ev.Retried(state.stuck[number % len(state.stuck)], "sre@demay", at))
        asks = [one for one in outstanding(state) if isinstance(one, Ask) and one.missing]
        if asks and (calm or move in ("yes", "no")):
            ask = asks[number % len(asks)]
            role = sorted(ask.missing)[0]
            who = f"{role.name.lower()}@demay"
            found.append(ev.Answered(ask.key, role, who, move != "no", ask.sentence, at))
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


moves = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 50)), max_size=60)


@settings(max_examples=12, deadline=None)
@given(out=moves, between=st.integers(0, 10), back=moves)
def test_nothing_acknowledged_is_lost_over_any_failover_contingency_and_rollback(
    out: list[tuple[str, int]], between: int, back: list[tuple[str, int]]
) -> None:
    """GOALS: acknowledged writes lost or silently overwritten over the whole: 0."""
    world, journal = World(), MemoryJournal()
    for number in range(5):
        world.client(number)
    assert carry_through(world, journal, "failover", Storm(world, out)).mode is Mode.COMPLETED
    assert world.records == "azure"
    for number in range(between):
        world.client(number)
    end = carry_through(world, journal, "rollback", Storm(world, back))
    assert end.mode is Mode.COMPLETED
    assert world.records == "primary"
    assert world.capacity == 0
    assert world.broken == []
    assert world.lost() == []
    assert world.frozen == {"uploads": False, "table": False}
    assert world.triggers
    meant = {str(r.body["key"]) for r in journal.records if r.kind is Kind.INTENT}
    asked = {
        str(r.body["key"]) for r in journal.records if r.kind is Kind.EVENT and r.body["event"] == "Finished"
    }
    assert asked <= meant, "an effect ended that was never meant"


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
