"""One stop condition for every harm (TL-9), and what the test plan records of a stopped one (TL-8)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from clouds.journal_place import SharedJournal
from recovery.errors import BadInput, Stopped
from recovery.trustlayer.calendar import Outcome, named
from scripts import chaos, tests_plan
from scripts.chaos import MOST, WINDOW, Probe, _stop_condition
from tests.trustlayer.simulated import World


def _probe(failed: int, good: int) -> Probe:
    probe = Probe(World().site)
    probe.last.extend([True] * failed + [False] * good)
    return probe


@pytest.mark.parametrize(("failed", "good", "stops"), [(0, 0, False), (20, 80, False), (21, 79, True), (20, 0, False), (25, 0, True)])  # fmt: skip
def test_a_harm_is_given_up_when_too_many_of_the_last_probes_failed(
    failed: int, good: int, stops: bool
) -> None:
    """Of a whole window: the first probe's failure alone proves nothing."""
    if stops:
        with pytest.raises(Stopped, match="probes of /healthz failed"):
            _stop_condition(_probe(failed, good), MOST["pod"])
    else:
        _stop_condition(_probe(failed, good), MOST["pod"])


def test_old_failures_leave_the_window() -> None:
    """A restart that is over must not stop the test afterwards."""
    probe = _probe(WINDOW, 0)
    probe.last.extend([False] * WINDOW)
    assert probe.share == 0.0


def test_an_unknown_harm_is_refused_by_name() -> None:
    """Nothing is broken by a misspelling."""
    with pytest.raises(BadInput, match="'disk'"):
        chaos.command("disk")


def test_a_test_that_was_stopped_is_recorded_as_aborted_and_stays_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TL-8: what was done, with what result; a stopped harm is no pass and no failure of the site."""

    class Stops:
        @staticmethod
        def main(argv: list[str]) -> int:
            raise Stopped("not begun", "-", "-")

    monkeypatch.setitem(__import__("sys").modules, "scripts.chaos_that_stops", Stops)
    monkeypatch.setitem(tests_plan.RUNNABLE, "pod-failure", ("scripts.chaos_that_stops", ["pod"]))
    journal = SharedJournal(tmp_path / "tests.jsonl", tmp_path / "head.json")
    with pytest.raises(Stopped):
        tests_plan._carry_out(named("pod-failure"), journal, date(2026, 11, 25))
    assert [one.outcome for one in tests_plan.history(journal.records)] == [Outcome.ABORTED]
    journal.rest()
