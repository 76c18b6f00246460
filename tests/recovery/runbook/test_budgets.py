"""What a step promises, against the duration table it is made of."""

from __future__ import annotations

import pytest

from localcloud.durations import TABLE
from recovery.runbook.image_app import FAILOVER
from recovery.runbook.image_app_rollback import ROLLBACK
from recovery.runbook.path import ASSUMED_TTL, critical_path, p95, plan, with_ttl
from recovery.runbook.steps import Runbook

WAITS: dict[tuple[str, str], tuple[str, ...]] = {
    ("failover", "checkpoint"): ("backend health query",),
    ("failover", "scale-up"): ("scale set update", "instance boot"),
    ("failover", "health"): ("backend health query",),
    ("failover", "throughput"): (),
    ("failover", "unmute"): ("event subscription update",),
    ("failover", "warm"): ("event delivery",),
    ("failover", "cutover"): ("backend health query",),
    ("failover", "propagation"): ("record reaches name servers",),
    ("failover", "smoke"): ("backend health query",),
    ("failover", "end-to-end"): ("event delivery",),
    ("failover", "handover"): ("backend health query",),
    ("rollback", "cutback"): ("backend health query", "record reaches name servers"),
    ("rollback", "propagation"): ("record reaches name servers",),
    ("rollback", "scale-down"): ("gateway update", "scale set update", "instance drain"),
}
"""(runbook, step) -> the rows of the duration table that it waits for, one after another."""


def book(name: str) -> Runbook:
    return {one.id: one for one in (FAILOVER, ROLLBACK)}[name]


@pytest.mark.parametrize(("name", "step"), WAITS)
@pytest.mark.parametrize("column", ["median", "p95"])
def test_no_step_promises_less_than_the_rows_it_waits_for(name: str, step: str, column: str) -> None:
    """GOALS: the RTO is summed from the steps' p95 in the duration table, so no step may leave a row out."""
    least = sum(getattr(TABLE[row], column) for row in WAITS[name, step])
    if step == "propagation":
        least += ASSUMED_TTL
    assert getattr(book(name).step(step).budget, column) >= least


def test_the_failover_is_within_its_goal_at_p95() -> None:
    """GOALS: at most 15 minutes from declaration to validated, people apart, and less than the plan's own parts."""
    path = critical_path(FAILOVER, p95)
    assert path.seconds <= 15 * 60
    assert path.seconds < plan(FAILOVER)[0]


@pytest.mark.parametrize("runbook", [FAILOVER, ROLLBACK])
def test_a_longer_ttl_is_waited_out_and_said(runbook: Runbook) -> None:
    """ACT-4: a resolver that has just asked keeps the former answer for the whole TTL."""
    longer = with_ttl(runbook, 300)
    assert critical_path(longer).seconds == critical_path(runbook).seconds + 240
    assert with_ttl(runbook, ASSUMED_TTL) == runbook
