"""Direction, epochs, obligations and deadlines, folded from the journal (design.md, Directions and fencing)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.journal.chain import Kind, Record
from recovery.journal.direction import (
    REPORT_AFTER_INCIDENT,
    REPORT_AFTER_ROLLBACK,
    Direction,
    Standing,
    after,
    close_obligation,
    may_happen,
    may_run,
    open_obligation,
    overdue,
    set_deadline,
    settle,
    standing,
    turn,
)

F, O, R = Direction.FORWARD, Direction.OFF, Direction.REVERSE  # noqa: E741 - O is off


def record(kind: Kind, body: dict[str, object], at: str = "2026-01-05T03:00:00Z") -> Record:
    return Record(1, at, "r", kind, body)


def turned(*directions: Direction) -> Standing:
    state = Standing()
    for direction in directions:
        state = after(state, record(Kind.DIRECTION, turn(state, direction, "test")))
    return state


def test_an_empty_journal_lets_no_sync_run() -> None:
    """What is not known is not permitted: the direction is off until somebody says otherwise."""
    for wanted in Direction:
        assert not may_run(wanted, standing([])).allowed


@pytest.mark.parametrize("now", list(Direction))
@pytest.mark.parametrize("wanted", list(Direction))
def test_a_sync_runs_in_its_own_direction_alone(wanted: Direction, now: Direction) -> None:
    """Forward runs only in direction forward, reverse only in reverse, nothing in off."""
    state = turned(now) if now is not R else turned(F, O, R)
    assert may_run(wanted, state).allowed == (wanted is now and now is not O)


def test_the_wrong_direction_is_refused_in_words() -> None:
    """The wrong one refused in words."""
    assert may_run(F, turned(F, O, R)).reason == (
        "the journal says reverse (epoch 3), this is a forward sync: it would overwrite the side that is live"
    )


def test_a_process_from_an_earlier_epoch_is_stopped_even_if_the_direction_came_back() -> None:
    """It may have slept through a whole contingency."""
    began, now = turned(F), turned(F, O, F)
    assert may_run(F, began, began).allowed
    answer = may_run(F, now, began)
    assert not answer.allowed
    assert "epoch 1 then, 3 now" in answer.reason


def test_two_writers_from_one_past_make_the_journal_unbelievable_until_a_person_settles_it() -> None:
    """Two writable sides are never unknown: on a conflict neither direction runs."""
    past = turned(F, O)
    first = after(past, record(Kind.DIRECTION, turn(past, R, "operator one")))
    second = after(first, record(Kind.DIRECTION, turn(past, F, "operator two")))
    assert not may_run(F, second).allowed
    assert not may_run(R, second).allowed
    assert not may_happen("cutback", second).allowed
    still = after(second, record(Kind.DIRECTION, turn(second, O, "no person")))
    assert still.fault
    settled = after(
        still, record(Kind.DIRECTION, settle(still, R, "cto", "Azure is live, seen at three resolvers"))
    )
    assert may_run(R, settled).allowed
    assert settled.epoch > still.epoch


def test_forward_and_reverse_are_never_neighbours() -> None:
    """Off lies between, so that no batch of either is under way when the other begins."""
    assert turned(F, R).fault == "the direction went from forward to reverse without being off between"


@given(st.lists(st.sampled_from([O, F, O, R]), max_size=12))
@settings(deadline=None)
def test_epochs_only_grow_and_faults_only_come_from_forbidden_turns(directions: list[Direction]) -> None:
    """Every turn has its own epoch."""
    state = turned(*directions)
    assert state.epoch == len(directions)
    neighbours = zip([O, *directions], directions, strict=False)
    assert bool(state.fault) == any({a, b} == {F, R} for a, b in neighbours)


def test_an_obligation_blocks_cutback_until_it_is_met() -> None:
    """design.md: a freeze that could not be applied is a standing obligation."""
    opened = record(Kind.OBLIGATION, open_obligation("freeze-uploads", "block uploads on the AWS bucket"))
    state = standing([opened, opened])
    answer = may_happen("cutback", state)
    assert not answer.allowed
    assert "block uploads on the AWS bucket (since 2026-01-05T03:00:00Z)" in answer.reason
    assert may_happen("something else", state).allowed
    met = after(
        state, record(Kind.OBLIGATION, close_obligation("freeze-uploads", "applied, a write was refused"))
    )
    assert may_happen("cutback", met).allowed


@pytest.mark.parametrize(("within", "hours"), [(REPORT_AFTER_INCIDENT, 48), (REPORT_AFTER_ROLLBACK, 24)])
def test_a_report_is_overdue_after_its_hours_and_not_before(within: timedelta, hours: int) -> None:
    """COMM-3: 48 h after the incident; BACK-6: 24 h after the rollback."""
    start = datetime(2026, 1, 5, 3, tzinfo=UTC)
    state = standing([record(Kind.DEADLINE, set_deadline("report", "post-incident report", start, within))])
    assert overdue(start + timedelta(hours=hours), state) == []
    assert [late.id for late in overdue(start + timedelta(hours=hours, seconds=1), state)] == ["report"]
    met = after(state, record(Kind.DEADLINE, {"id": "report", "met": True}))
    assert overdue(start + timedelta(days=9), met) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.DIRECTION, {}), (Kind.DIRECTION, {"direction": "up", "epoch": 1, "after": 0}), (Kind.OBLIGATION, {}),
        (Kind.DEADLINE, {"id": "x", "what": "y", "due": "soon"}), (Kind.DEADLINE, {"id": "never set", "met": True}),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_understood_is_a_fault_not_a_default(
    kind: Kind, body: dict[str, object]
) -> None:
    """Unknown is a verdict."""
    assert "cannot be understood" in standing([record(kind, body)]).fault


def test_other_records_change_nothing() -> None:
    """Notes, intents and results are no state of the direction."""
    assert (
        standing([record(Kind.NOTE, {"direction": "reverse"}), record(Kind.INTENT, {"epoch": 5})])
        == Standing()
    )
