"""The failbacks on real PostgreSQL servers and in process: nothing lost, never two primaries, and the right order."""

from __future__ import annotations

import pytest

from clouds.aws.rds import next_generation
from recovery.trustlayer.failback import LEVELS, back


@pytest.mark.parametrize("level", LEVELS)
def test_the_next_primary_has_everything_and_the_present_one_is_fenced_before_a_promotion(level: int) -> None:
    """TL-2 to TL-4: freeze, caught up, fence, promote; the promotion is guarded by the fence and a person's word."""
    runbook = back(level)
    promote = runbook.step("promote")
    assert {"freeze", "caught-up", "fence", "lag", "rejoin"} <= runbook.before("promote")
    assert promote.irreversible
    assert promote.guard is not None
    assert promote.guard.kind == "back.fenced"
    assert promote.approval is not None


def test_what_came_back_is_silenced_before_anything_else_and_traffic_moves_on_a_write() -> None:
    """TL-4: the former primary of a region that returns takes writes by itself, unless it is told not to."""
    runbook = back(4)
    assert "quiet" in runbook.before("rejoin")
    assert "data" in runbook.before("flag")
    assert "healthz" in runbook.before("rest")


def test_a_replica_is_named_by_its_generation() -> None:
    """facts.md: the way back from a promotion is a new replica, never the old one."""
    assert next_generation("trustlayer-dr-replica") == "trustlayer-dr-replica-g2"
    assert next_generation("trustlayer-dr-replica-g9") == "trustlayer-dr-replica-g10"


def test_only_three_levels_have_a_way_back() -> None:
    """A pod and a restore have none."""
    with pytest.raises(KeyError):
        back(1)
