"""kill -9 at every journal record of both runbooks, before and after it: the run resumes to the same end.

"After the intent's record" is before the effect, "before the event's record" is after it, so
every place in which a process can die lies at one of these points.
"""

from __future__ import annotations

import pytest

from clouds.runbook.calls import Heard
from clouds.runbook.executor import Executor
from clouds.runbook.runner import Inline
from clouds.runbook.runs import BOOKS
from recovery.journal.chain import Kind
from recovery.journal.direction import standing
from recovery.runbook import events as ev
from recovery.runbook.state import Ask, Mode, State, outstanding
from tests.clouds.runbook.simulated import PEOPLE, Killed, MemoryJournal, World, begin


def approvals(world: World) -> object:
    """Everyone answers yes at once, one answer a look."""

    def words(state: State) -> list[Heard]:
        for one in outstanding(state):
            if isinstance(one, Ask) and one.missing:
                role = sorted(one.missing)[0]
                who = f"{role.name.lower()}@demay"
                return [
                    Heard(ev.Answered(one.key, role, who, True, one.sentence, world.clock), {"what": "word"})
                ]
        return []

    return words


def executor(world: World, journal: MemoryJournal, book: str, run: str = "r1") -> Executor:
    begun = begin(journal, book, run)

    def clock() -> float:
        world.clock += 1
        return world.clock

    return Executor(
        BOOKS[book],
        run,
        PEOPLE,
        journal,
        world.table(begun),
        Inline(),
        clock,
        approvals(world),
        patience=0.0,
        sleep=lambda seconds: None,  # type: ignore[arg-type]  # a closure with that shape
    )


def prepared(book: str) -> World:
    """The world in which the runbook begins."""
    world = World(aws={f"k{n}": n for n in range(1, 5)}, version=4, cut=4)
    world.acknowledged = [(key, version, "aws") for key, version in world.aws.items()]
    if book == "rollback":
        world.azure = {**world.aws, "k5": 5}
        world.acknowledged.append(("k5", 5, "azure"))
        world.version = 5
        world.records, world.caches, world.capacity, world.listening = "azure", ["azure"] * 3, 2, True
        world.frozen = {"uploads": True, "table": True}
        world.fence.turn(world.fence.is_now().OFF, "", "")
    return world


def phases(state: State) -> dict[str, str]:
    return {id: str(step.phase) for id, step in state.steps.items()}


@pytest.mark.parametrize("book", sorted(BOOKS))
def test_a_run_killed_at_any_journal_record_resumes_to_the_same_end(book: str) -> None:
    """Enumerates them all and prints `N kill points`."""
    straight, kept = prepared(book), MemoryJournal()
    end = executor(straight, kept, book).go()
    assert end.mode is Mode.COMPLETED, (end.stuck, [end.of(id).reason for id in end.stuck])
    assert straight.broken == []
    assert straight.lost() == []
    points = [(number, when) for number in range(1, kept.appends + 1) for when in ("before", "after")]
    for point in points:
        world, journal = prepared(book), MemoryJournal(kill_at=point)
        with pytest.raises(Killed):
            executor(world, journal, book).go()
        journal.kill_at = None
        resumed = executor(world, journal, book).go()
        assert resumed.mode is Mode.COMPLETED, (point, resumed.stuck)
        assert phases(resumed) == phases(end), point
        assert world.facts() == straight.facts(), point
        assert (world.broken, world.lost()) == ([], []), point
        assert standing(journal.records).obligations == standing(kept.records).obligations, point
        assert set(standing(journal.records).deadlines) == set(standing(kept.records).deadlines), point
        assert intents_end(journal) == set(), point
        assert [r for r in journal.records if r.kind is Kind.RUN and "ended" in r.body], point
    print(f"{book}: {len(points)} kill points")


def intents_end(journal: MemoryJournal) -> set[str]:
    """Keys of effects that were meant and whose end is nowhere: the journal would not be complete."""
    meant = {str(r.body["key"]) for r in journal.records if r.kind is Kind.INTENT}
    ended = {
        str(r.body["key"]) for r in journal.records if r.kind is Kind.EVENT and r.body["event"] == "Finished"
    }
    return meant - ended


@pytest.mark.parametrize("book", sorted(BOOKS))
def test_a_message_whose_sending_was_cut_off_is_sent_again_and_says_so(book: str) -> None:
    """design.md, Runbooks: at least once, marked as a possible repeat, never silently lost."""
    straight, kept = prepared(book), MemoryJournal()
    executor(straight, kept, book).go()
    before = len(kept.records) - kept.appends
    cut_off = [
        number
        for number, record in enumerate(kept.records[before:], 1)
        if record.kind is Kind.MESSAGE and record.body["state"] != "sending"
    ]
    assert cut_off
    for number in cut_off:
        world, journal = prepared(book), MemoryJournal(kill_at=(number, "before"))
        with pytest.raises(Killed):
            executor(world, journal, book).go()
        journal.kill_at = None
        executor(world, journal, book).go()
        again = [
            subject
            for _, _, subject in world.sent
            if "possible repeat" in subject or "possível repetição" in subject
        ]
        assert len(again) == 1
        assert len(world.sent) == len(straight.sent) + 1
