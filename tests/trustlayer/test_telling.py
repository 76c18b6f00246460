"""Status to each audience in its own rhythm, by timers in the run, across a kill (TL-7); unfinished runs and the way out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from clouds.incident_status import MEANT, TOLD, Teller
from clouds.notify import Channel, Delivery
from recovery.errors import Stopped
from recovery.journal.chain import Kind
from recovery.messages.texts import Message
from recovery.runbook import events as ev
from recovery.runbook.events import Result
from recovery.runbook.machine import advance
from recovery.runbook.roles import Role
from recovery.runbook.state import Do, Mode, State, begin, outstanding
from recovery.trustlayer.runbooks import book
from recovery.trustlayer.status import IMPACT, Standing, of_run
from scripts.recover import Recovery
from tests.clouds.runbook.simulated import MemoryJournal
from tests.trustlayer.simulated import World


class Outside:
    """The channels, and a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sent: list[tuple[str, float, Message]] = []

    def ways(self, audience: str) -> Sequence[Channel]:
        return [Channel(audience, "x://")]

    def deliver(self, way: Channel, message: Message) -> Delivery:
        self.sent.append((way.name, self.now, message))
        return Delivery(way.name, "2026-11-22T03:00:00Z")

    def teller(self, journal: MemoryJournal) -> Teller:
        return Teller("r", IMPACT[1], journal, self.ways, self.deliver, lambda: self.now)

    def count(self) -> dict[str, int]:
        return {who: sum(1 for name, _, _ in self.sent if name == who) for who in ("engineers", "users", "stakeholders", "executives")}  # fmt: skip


def _running() -> State:
    state, _ = advance(begin(book(1), "r", {"op": frozenset(Role)}), ev.Started(1000.0))
    return state


def test_each_audience_is_told_in_its_own_rhythm_while_nothing_changes() -> None:
    """TL-7: users every 15 min, stakeholders every 30, engineers when there is news, the bridge by people."""
    outside, journal = Outside(), MemoryJournal()
    teller = outside.teller(journal)
    for _ in range(0, 3600, 10):
        teller.look(_running())
        outside.now += 10
    teller.close()
    assert outside.count() == {"engineers": 1, "users": 4, "stakeholders": 2, "executives": 0}


def test_a_resumed_run_goes_on_where_the_telling_was_and_marks_what_may_be_a_repeat() -> None:
    """At least once, never silently lost."""
    outside, journal = Outside(), MemoryJournal()
    first = outside.teller(journal)
    first.look(_running())
    first.close()
    assert outside.count()["users"] == 1
    outside.now += 60
    second = outside.teller(journal)
    assert set(second.told) == {"engineers", "users", "stakeholders"}
    # A kill between the sending and its record: the record of the intent alone.
    journal.append(Kind.NOTE, "r", {"what": MEANT, "audience": "users"})
    third = outside.teller(journal)
    outside.now += 900
    third.look(_running())
    third.close()
    repeats = [name for name, _, message in outside.sent if "possibly a repeat" in message.body]
    assert repeats == ["users"]
    told = [r.body["audience"] for r in journal.records if r.body.get("what") == TOLD]
    assert told.count("users") == 2


def test_news_reaches_the_engineers_at_once_and_the_end_reaches_everybody_once() -> None:
    """TL-7: real time for engineers; the last update is not left to the next quarter of an hour."""
    outside = Outside()
    teller, state = outside.teller(MemoryJournal()), _running()
    teller.look(state)
    while state.mode is not Mode.COMPLETED:
        one = next(o for o in outstanding(state) if isinstance(o, Do))
        state, _ = advance(state, ev.Finished(one.key, Result.OK, outside.now))
        outside.now += 5
        teller.look(state)
    for _ in range(5):
        outside.now += 3600
        teller.look(state)
    teller.close()
    assert outside.count()["users"] == outside.count()["stakeholders"] == 2
    assert outside.count()["engineers"] > 2
    assert outside.sent[-1][2].subject.startswith("[Resolved]")


def test_the_status_document_follows_the_run() -> None:
    """TL-7: Investigating, Identified, Monitoring, Resolved."""
    state, seen = _running(), [of_run(_running(), "").standing]
    while state.mode is not Mode.COMPLETED:
        one = next(o for o in outstanding(state) if isinstance(o, Do))
        state, _ = advance(state, ev.Finished(one.key, Result.OK, 1001.0))
        seen.append(of_run(state, "").standing)
    assert list(dict.fromkeys(seen)) == [
        Standing.INVESTIGATING,
        Standing.IDENTIFIED,
        Standing.MONITORING,
        Standing.RESOLVED,
    ]


def test_an_unfinished_run_stops_another_one_unless_it_is_given_up_for_a_reason() -> None:
    """Two recoveries would undo each other; and a run of a region that is gone can never end."""
    journal = MemoryJournal()
    world = World()
    recovery = Recovery(world.site, journal, {"op": frozenset(Role)}, lambda ask: True, lambda text: None)  # type: ignore[arg-type]
    journal.append(
        Kind.RUN, "old", {"runbook": "trustlayer-2", "level": 2, "option": "--level 2", "given": {}}
    )
    with pytest.raises(Stopped, match="old is unfinished") as stop:
        recovery._unfinished("trustlayer-4", "")
    assert "dr recover --level 2" in stop.value.fix
    assert recovery._unfinished("trustlayer-4", "us-east-1 is gone") is None
    assert recovery._unfinished("trustlayer-4", "") is None
    assert journal.records[-1].body == {"ended": "abandoned", "reason": "us-east-1 is gone"}


def test_users_are_told_in_plain_words() -> None:
    """COMM-2's rule holds here too: no step, no server, no runbook reaches the status page."""
    outside = Outside()
    teller = outside.teller(MemoryJournal())
    teller.look(_running())
    teller.close()
    bodies = {name: message.body for name, _, message in outside.sent}
    assert "We are investigating." in bodies["users"]
    assert "runbook" not in bodies["users"]
    assert "Describe the pods" in bodies["engineers"]
