"""ACT-2's decision rule and the interval of a sample (Definitions, Confirmed %)."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recovery.runbook.decision import Flow, decide, from_evidence
from recovery.runbook.roles import Role

IC, CTO = Role.INCIDENT_COMMANDER, Role.CTO


@pytest.mark.parametrize(
    ("equal", "of", "role", "word"),
    [
        (100, 100, IC, "may proceed"), (95, 100, IC, "may proceed"), (9499, 10000, IC, "decides on this figure"),
        (90, 100, IC, "decides on this figure"), (8999, 10000, CTO, "accept the loss"), (0, 100, CTO, "accept the loss"),
    ],
)  # fmt: skip
def test_the_role_follows_from_the_figure(equal: int, of: int, role: Role, word: str) -> None:
    """ACT-2: >= 95 % IC, 90-95 % IC with the figure, < 90 % CTO; exact at the edges."""
    decision = decide([Flow("uploads", equal, of, of)])
    assert decision.role is role
    assert word in decision.sentence
    assert f"{100 * equal / of:.2f} %" in decision.sentence


def test_the_lowest_flow_counts() -> None:
    """Confirmed % is the lowest over uploads and metadata."""
    decision = decide([Flow("uploads", 100, 100, 100), Flow("metadata", 17, 20, 20)])
    assert decision.role is CTO
    assert decision.confirmed == 85
    assert "of metadata" in decision.sentence


@pytest.mark.parametrize(
    "evidence",
    [
        {}, {"flows": []}, {"flows": None}, {"flows": [{"name": "uploads"}]},
        {"flows": [{"name": "uploads", "equal": 5, "compared": 4, "population": 9}]},
        {"flows": [{"name": "uploads", "equal": 0, "compared": 0, "population": 0}]},
        {"flows": [{"name": "a", "equal": 9, "compared": 9, "population": 9},
                   {"name": "b", "equal": 0, "compared": 0, "population": 7}]},
    ],
)  # fmt: skip
def test_what_is_not_known_goes_to_the_cto(evidence: dict[str, object]) -> None:
    """Unknown is a verdict; an empty source proves nothing."""
    decision = from_evidence(evidence)
    assert decision.role is CTO
    assert decision.confirmed is None


def test_a_sample_shows_its_interval() -> None:
    """Where only a sample exists the point estimate decides and its interval is shown."""
    decision = decide([Flow("metadata", 1980, 2000, 20000)])
    assert decision.role is IC
    assert (
        "99.00 % of metadata confirmed (1980 of 2000 sampled from 20000; 95 % interval 98.49 to 99.34 %)"
        in (decision.sentence)
    )


def test_the_interval_agrees_with_a_published_one() -> None:
    """Wilson's interval for 81 of 263 from an endless population: 0.2553 to 0.3662 (Newcombe 1998, table I)."""
    low, high = Flow("x", 81, 263, 10**12).interval()
    assert (round(low / 100, 4), round(high / 100, 4)) == (0.2553, 0.3662)


@given(st.integers(1, 400), st.integers(0, 400), st.integers(0, 4000))
@settings(deadline=None)
def test_an_interval_holds_its_point_and_what_was_seen(compared: int, equal: int, unseen: int) -> None:
    """It never leaves 0..100, never contradicts what was counted, and is the point when all was compared."""
    assume(equal <= compared)
    flow = Flow("x", equal, compared, compared + unseen)
    low, high = flow.interval()
    assert 0 <= low <= flow.percent() + 1e-9
    assert flow.percent() - 1e-9 <= high <= 100
    assert low >= 100 * equal / flow.population - 1e-9
    assert high <= 100 * (flow.population - (compared - equal)) / flow.population + 1e-9
    if unseen == 0:
        assert low == high


@given(st.integers(1, 10**6), st.integers(0, 10**6))
@settings(deadline=None)
def test_more_proven_never_needs_a_higher_role(of: int, equal: int) -> None:
    """Monotone in the figure."""
    assume(equal < of)
    if decide([Flow("x", equal, of, of)]).role is IC:
        assert decide([Flow("x", equal + 1, of, of)]).role is IC


def test_counts_that_do_not_add_up_are_refused() -> None:
    """More equal than compared is a fault of the proof."""
    with pytest.raises(ValueError, match="equal 3 <= compared 2"):
        Flow("x", 3, 2, 2)
