"""`dr precheck`: what its answers say."""

from __future__ import annotations

import pytest

from clouds.runbook.precheck import some, traffic_answer
from recovery.errors import Unobserved
from recovery.traffic import Side


@pytest.mark.parametrize(
    ("name", "side", "good", "said"),
    [
        ("failover", Side.ELSEWHERE, True, "the primary"),
        ("failover", Side.AZURE, False, "failed over already"),
        ("failover", Side.SPLIT, False, "half of a switch"),
        ("rollback", Side.AZURE, True, "the gateway"),
        ("rollback", Side.ELSEWHERE, False, "nothing to come back from"),
        ("rollback", Side.SPLIT, False, "half of a switch"),
    ],
)
def test_a_runbook_begins_where_traffic_is(name: str, side: Side, good: bool, said: str) -> None:
    """ACT-4, BACK-4: a rollback without a failover before it, or a second failover, is not what somebody wants."""
    answer, detail = traffic_answer(name, side, "@ A: 192.0.2.1")
    assert answer is good
    assert said in detail


@pytest.mark.parametrize("name", ["failover", "rollback"])
def test_records_that_cannot_be_read_are_no_answer(name: str) -> None:
    """Unknown is a verdict, never success."""
    with pytest.raises(Unobserved, match="cannot be read"):
        traffic_answer(name, Side.UNKNOWN, "@ A: unknown (503)")


def test_a_long_list_is_cut_and_counted() -> None:
    """A line of a hundred names is read by nobody."""
    assert some([str(n) for n in range(120)]) == "0, 1, 2, 3, 4, 5, 6, 7, and 112 more"
    assert some(["api", "gateway"]) == "api, gateway"
