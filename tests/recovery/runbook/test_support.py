"""VAL-3 decided from what was seen: bad is named, unseen is never good."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.runbook import support


@pytest.mark.parametrize(("seen", "bad", "unseen"), [(4000, 0, 0), (400, 1, 0), ("unknown", 0, 1), (None, 0, 1), (True, 0, 1)])  # fmt: skip
def test_throughput_holds_only_as_the_number_that_was_wanted(seen: object, bad: int, unseen: int) -> None:
    """VAL-3: throughput really 4000 RU/s; what is no number was not seen."""
    said = support.throughput(4000, seen)
    assert (len(said.bad), len(said.unseen)) == (bad, unseen)


@given(st.lists(st.floats(0, 60), min_size=1, max_size=9))
def test_queries_are_slow_when_half_of_them_are(seconds: list[float]) -> None:
    """VAL-3: queries not slow. One slow one among quick ones is no finding."""
    quick = sum(one < support.SLOW_QUERY_SECONDS for one in seconds)
    said = support.queries(seconds)
    if quick > len(seconds) / 2:
        assert not said.bad
    if quick < len(seconds) / 2:
        assert said.bad
    assert not said.unseen


def test_no_timed_query_is_no_quick_query() -> None:
    """VAL-3: missing evidence is no pass."""
    assert support.queries([]).unseen


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_requests_are_mostly_good_or_named_and_none_at_all_is_unseen(total: int, failed: int) -> None:
    """VAL-3: requests mostly 200 and telemetry arriving now."""
    failed = min(failed, total)
    said = support.requests(total, failed)
    assert bool(said.unseen) == (total == 0)
    assert bool(said.bad) == (total > 0 and failed / total > 1 - support.GOOD_SHARE + 1e-12)


def test_findings_add_up() -> None:
    """VAL-3: everything that was looked at is told at once."""
    both = support.throughput(4000, 400) + support.requests(0, 0) + support.queries([0.01])
    assert (len(both.bad), len(both.unseen)) == (1, 1)
