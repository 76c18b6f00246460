"""What the head of the report says is worked out from the records, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.report.figures import bands, figures, longest_gap, switch
from recovery.report.model import Outcome, Request, Served, StepRecord
from tests.recovery.report import sample

STEP = StepRecord(5, "switch", Outcome.DONE, 0.0, 100.0)


def request(
    at: float, side: Served, status: int | None = 200, name: str = "n", resolver: str = "r"
) -> Request:
    """One request that took 10 ms."""
    return Request(at, 10.0, name, resolver, str(side), side, status)


SIDES = st.sampled_from([Served.PRIMARY, Served.AZURE, Served.UNKNOWN])
REQUESTS = st.lists(
    st.builds(
        request,
        st.floats(0, 99),
        SIDES,
        st.sampled_from([200, 503, None]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["x", "y"]),
    ),
    max_size=40,
    unique_by=lambda r: r.at,
)


@given(REQUESTS)
def test_bands_hold_every_request_and_never_overlap_within_a_lane(requests: list[Request]) -> None:
    """The client's record is shown whole."""
    found = bands(requests)
    for r in requests:
        own = [b for b in found if (b.resolver, b.name) == (r.resolver, r.name) and b.start <= r.at < b.end]
        assert [b.side for b in own] == [r.side], "each request lies in exactly one band, of its own side"
    for one, after in pairwise(found):
        if (one.resolver, one.name) == (after.resolver, after.name):
            assert one.end == after.start


@given(REQUESTS)
def test_a_switch_has_arrived_only_when_every_lane_ends_on_the_new_side(requests: list[Request]) -> None:
    """ACT-4: all names at all resolvers; one that answers nothing usable is not an arrival."""
    seen = switch(requests, STEP, Served.AZURE)
    lanes = {(r.resolver, r.name): r.side for r in sorted(requests, key=lambda r: r.at)}
    arrived = bool(lanes) and set(lanes.values()) == {Served.AZURE}
    assert (seen.last is not None) == arrived
    if seen.last is not None and seen.first is not None:
        assert seen.first <= seen.last
        assert all(r.side is Served.AZURE for r in requests if r.at > seen.last)


def test_the_last_resolver_decides_when_a_switch_is_over() -> None:
    """BACK-4: until resolvers converge, traffic is split."""
    seen = switch(sample.good().requests, replace(STEP, start=35.2, end=58.6), Served.AZURE)
    assert seen.first == pytest.approx(45.5 - 35.2, abs=1.0)
    assert seen.last == pytest.approx(49.0 + 0.8 - 35.2, abs=1.0)
    assert seen.mixed > 30


def test_a_gap_runs_from_the_last_good_answer_to_the_next_one() -> None:
    """How many failed, and for how long nobody was served."""
    requests = [request(1, Served.PRIMARY), request(2, Served.AZURE, None), request(4, Served.AZURE)]
    assert longest_gap(requests) == pytest.approx(3.0)


def test_nothing_failed_means_no_gap_however_rarely_somebody_asked() -> None:
    assert longest_gap([request(1, Served.PRIMARY), request(60, Served.PRIMARY)]) == 0.0


def test_the_figures_of_a_report_count_what_its_records_hold() -> None:
    known = figures(sample.bumpy())
    assert (known.requests, known.failed) == (750, 11)
    assert (known.expected, known.found) == (7, 7)


def test_a_redirect_is_an_answer_and_an_error_page_is_not() -> None:
    assert [request(1, Served.AZURE, s).failed for s in (200, 301, 404, 502, None)] == [
        False,
        False,
        True,
        True,
        True,
    ]
