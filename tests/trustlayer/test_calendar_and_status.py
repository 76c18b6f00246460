"""The test plan (TL-8) and the incident's status document (TL-7)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from recovery.trustlayer.calendar import PLAN, Done, Outcome, named, report, standing
from recovery.trustlayer.status import Incident, Moment, Standing, document, next_update, owed

TODAY = date(2026, 11, 22)


def test_what_was_never_done_is_due() -> None:
    """A plan without a record is a plan not kept."""
    assert all(due.due for due in standing([], TODAY))
    assert len(standing([], TODAY)) == len(PLAN)


@pytest.mark.parametrize(("days", "due"), [(0, False), (7, False), (8, True)])
def test_a_weekly_test_is_due_after_a_week(days: int, due: bool) -> None:
    """TL-8: pod failure weekly."""
    found = standing([Done("pod-failure", TODAY - timedelta(days=days), Outcome.PASSED, 3)], TODAY)
    assert next(d for d in found if d.test.id == "pod-failure").due is due


def test_a_failed_test_stays_due_until_it_passes() -> None:
    """A failure in time is no pass."""
    runs = [
        Done("zone-failover", TODAY - timedelta(days=9), Outcome.PASSED, 30),
        Done("zone-failover", TODAY, Outcome.FAILED, 55),
    ]
    assert next(d for d in standing(runs, TODAY) if d.test.id == "zone-failover").failing
    again = [*runs, Done("zone-failover", TODAY, Outcome.PASSED, 41)]
    assert not next(d for d in standing(again, TODAY) if d.test.id == "zone-failover").due


def test_the_report_says_whether_a_test_took_longer_than_it_may() -> None:
    """TL-8: duration is part of the plan."""
    text = report([Done("backup-restore", TODAY, Outcome.PASSED, 130)], TODAY)
    assert "| Backup restore | passed | 130.0 | no |" in text


def test_an_unknown_test_is_refused_by_name() -> None:
    """A misspelt record would leave the test due for ever."""
    with pytest.raises(KeyError, match="pod-failure"):
        named("pods")


def _audiences(**more: object) -> set[str]:
    return {c.audience for c in owed(**more)}  # type: ignore[arg-type]


def test_each_audience_is_told_in_its_own_rhythm() -> None:
    """TL-7: engineers at once, users every 15 min, stakeholders every 30; the bridge is called by people."""
    assert _audiences(told={}, now=0.0, changed=0.0) == {"engineers", "users", "stakeholders"}
    told = {"engineers": 0.0, "users": 0.0, "stakeholders": 0.0}
    assert _audiences(told=told, now=10.0, changed=5.0) == {"engineers"}
    assert _audiences(told=told, now=900.0, changed=0.0) == {"users"}
    assert _audiences(told=told, now=1800.0, changed=0.0) == {"users", "stakeholders"}


def test_the_end_is_told_once_to_everybody() -> None:
    """The last update is not left to the next quarter of an hour."""
    told = {"engineers": 100.0, "users": 0.0, "stakeholders": 0.0}
    assert _audiences(told=told, now=60.0, changed=50.0, ended=True) == {"users", "stakeholders"}


def test_the_document_has_the_templates_parts_in_order() -> None:
    """TL-7."""
    incident = Incident(
        "Database down",
        Standing.MONITORING,
        "Writes failed.",
        0.0,
        [Moment(120, "Fix applied"), Moment(60, "Identified")],
        "Watching.",
    )
    text = document(incident, next_update({"users": 0.0}, 300.0) / 60)
    parts = [
        "## Incident: Database down",
        "**Status:** Monitoring",
        "**Start Time:** 1970-01-01 00:00 UTC",
        "**00:01** - Identified",
        "**00:02** - Fix applied",
        "### Current Status",
        "In 10 minutes",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
