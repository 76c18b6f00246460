"""READY-8: found, fixed, retested; or escalated to the CTO with the message that was sent. And when a check is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recovery.readiness import calendar
from recovery.readiness.model import Verdict
from recovery.readiness.trail import State, due, fold, message, touched

BEGAN = datetime(2026, 12, 7, 3, tzinfo=UTC)


def run(hours: float, **verdicts: str) -> dict[str, Any]:
    at = (BEGAN + timedelta(hours=hours)).isoformat(timespec="seconds")
    results = [
        {"id": id, "requirement": "READY-6", "title": id, "verdict": said, "sentence": f"{id} is {said}"}
        for id, said in verdicts.items()
    ]
    return {"kind": "run", "run": f"run-{hours:g}", "started": at, "results": results}


def note(kind: str, check: str, hours: float, **more: Any) -> dict[str, Any]:
    at = (BEGAN + timedelta(hours=hours)).isoformat(timespec="seconds")
    return {"kind": kind, "check": check, "at": at, "by": "somebody", "text": "a word", **more}


def test_a_failure_that_is_fixed_and_retested_is_closed_by_the_run_alone() -> None:
    found = run(0, tls="not ready", site="ready")
    said = note("fixed", "tls", 1)
    assert fold([found, said])[0].state is State.FIXED
    (trail,) = fold([found, said, run(2, tls="ready")])
    assert trail.state is State.CLOSED
    assert [n.what for n in trail.notes] == ["found", "fixed", "retested"]
    assert trail.closed.startswith("2026-12-07T05")


def test_a_word_does_not_close_a_failure_and_a_failed_retest_opens_it_again() -> None:
    documents = [run(0, tls="not ready"), note("fixed", "tls", 1), run(2, tls="not ready")]
    (trail,) = fold(documents)
    assert trail.state is State.FOUND
    assert trail.sentence == "not ready: tls is not ready"


def test_what_could_not_be_seen_opens_a_trail_too() -> None:
    (trail,) = fold([run(0, tls="unknown")])
    assert trail.verdict is Verdict.UNKNOWN


def test_a_run_of_other_checks_says_nothing_about_a_failure() -> None:
    (trail,) = fold([run(0, tls="not ready"), run(1, site="ready")])
    assert trail.state is State.FOUND
    assert len(trail.notes) == 1


def test_the_same_check_failing_again_later_is_another_failure() -> None:
    trails = fold([run(0, tls="not ready"), run(1, tls="ready"), run(700, tls="not ready")])
    assert [t.state for t in trails] == [State.CLOSED, State.FOUND]


def test_a_failure_goes_to_the_cto_once_its_window_is_over_and_once_alone() -> None:
    documents = [run(0, tls="not ready")]
    assert due(fold(documents), BEGAN + timedelta(hours=7)) == []
    assert [t.check for t in due(fold(documents), BEGAN + timedelta(hours=8))] == ["tls"]
    told = note("escalated", "tls", 8, reached=True, delivered=[{"channel": "chat", "at": "x", "reason": ""}])
    (trail,) = fold([*documents, told])
    assert trail.state is State.ESCALATED
    assert due([trail], BEGAN + timedelta(days=9)) == []


def test_an_escalation_that_reached_nobody_is_tried_again() -> None:
    told = note(
        "escalated",
        "tls",
        8,
        reached=False,
        delivered=[{"channel": "chat", "at": "x", "reason": "TimeoutError"}],
    )
    assert len(due(fold([run(0, tls="not ready"), told]), BEGAN + timedelta(hours=9))) == 1


def test_the_message_names_each_failure_in_both_languages() -> None:
    subject, body = message(fold([run(0, tls="not ready")]), "run-0")
    assert "CTO" in subject
    assert body.count("tls is not ready") == 2
    assert "priorizar" in body
    assert "priority" in body


def test_a_month_carries_what_was_open_in_it() -> None:
    trails = fold([run(0, tls="not ready"), run(800, tls="ready"), run(801, site="not ready")])
    assert [t.check for t in touched(trails, "2026-12")] == ["tls"]
    assert [t.check for t in touched(trails, "2027-01")] == ["tls", "site"]
    assert touched(trails, "2026-11") == []


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(list(Verdict))), max_size=12))
def test_open_failures_are_exactly_the_checks_whose_last_run_was_not_ready(
    seen: list[tuple[str, Verdict]],
) -> None:
    documents = [run(n, **{check: str(verdict)}) for n, (check, verdict) in enumerate(seen)]
    last = dict(seen)
    open_ = [t.check for t in fold(documents) if not t.closed]
    assert sorted(open_) == sorted(c for c, v in last.items() if v is not Verdict.READY)


@given(st.dates(date(2020, 1, 1), date(2090, 1, 1)))
def test_each_month_has_exactly_one_first_monday(day: date) -> None:
    """cron cannot say it: its two day fields are joined by OR."""
    month = [day.replace(day=n) for n in range(1, 29)]
    assert sum(calendar.is_first_monday(one) for one in month) == 1
    following = calendar.next_first_monday(day)
    assert calendar.is_first_monday(following)
    assert 1 <= (following - day).days <= 35


def test_a_check_that_never_happened_is_overdue_and_one_of_last_month_is_not() -> None:
    today = date(2026, 12, 7)
    assert calendar.overdue(None, today)
    assert not calendar.overdue(date(2026, 11, 2), today)
    assert calendar.overdue(date(2026, 10, 5), today)
