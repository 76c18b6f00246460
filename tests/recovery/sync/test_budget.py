"""The import's request units (SYNC-3; GOALS: at least 90 % used, under 1 % throttled)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recovery.sync.budget import Budget


@given(st.lists(st.floats(1, 60), min_size=300, max_size=600), st.integers(400, 10_000))
def test_what_is_spent_follows_the_rate_whatever_single_requests_cost(
    charges: list[float], rate: int
) -> None:
    """GOALS: over any long run the spending is the rate, but for one burst of a tenth of a second and one request."""
    budget, now = Budget(rate), 1.0
    for charge in charges:
        reserved = budget.typical
        now += budget.reserve(now)
        budget.paid(reserved, charge)
    spent = sum(charges)
    assert spent <= rate * (now - 1.0) + rate / 10 + 120
    assert spent >= 0.9 * rate * (now - 1.0) - 120


def test_a_refusal_stops_everybody_for_as_long_as_the_service_says_and_costs_nothing() -> None:
    """SYNC-3: 429s are obeyed."""
    budget = Budget(400)
    budget.reserve(10.0)
    level = budget.level
    budget.refused(budget.typical, 10.0, 0.5)
    assert budget.level > level
    assert budget.reserve(10.1) >= 0.4
    assert (budget.throttled, budget.spent) == (1, 0.0)
