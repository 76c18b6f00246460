"""How long a runbook takes: its critical path, the plan's budget, and one thing after another for comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from recovery.runbook.steps import Budget, Runbook, Step

Seconds = Callable[[Step], float]


@dataclass(frozen=True)
class Path:
    """The longest chain of needs up to the goal. steps: in order; ends: step id -> seconds at which it ends."""

    steps: tuple[str, ...]
    seconds: float
    ends: Mapping[str, float]


def p95(step: Step) -> float:
    """A step's pessimistic duration, which promises are made of."""
    return step.budget.p95


def median(step: Step) -> float:
    """A step's usual duration."""
    return step.budget.median


ASSUMED_TTL = 60
"""Seconds: the records' TTL that the runbooks' budgets count with (both settings files have it)."""


def with_ttl(book: Runbook, ttl: int) -> Runbook:
    """The runbook with the settings' own TTL in the budget of its propagation step: a resolver that has just asked
    keeps the former answer that long (ACT-4)."""
    more = ttl - ASSUMED_TTL
    steps = tuple(
        replace(step, budget=Budget(step.budget.median + more, step.budget.p95 + more))
        if step.id == "propagation"
        else step
        for step in book.steps
    )
    return replace(book, steps=steps)


def critical_path(book: Runbook, seconds: Seconds = p95, seen: Mapping[str, float] | None = None) -> Path:
    """The critical path, people's waiting time apart. seen: durations already measured, which replace budgets
    (so the same function says live how long the rest will take)."""
    known = seen or {}
    ends: dict[str, float] = {}
    cause: dict[str, str] = {}
    left = list(book.steps)
    while left:  # the runbook has no cycles: each turn ends at least one step
        for step in [one for one in left if all(need in ends for need in one.needs)]:
            last = max(step.needs, key=lambda need: ends[need], default="")
            ends[step.id] = (ends[last] if last else 0.0) + known.get(step.id, seconds(step))
            cause[step.id] = last
            left.remove(step)
    chain = [book.goal]
    while before := cause[chain[-1]]:
        chain.append(before)
    return Path(tuple(reversed(chain)), ends[book.goal], ends)


def sequential(book: Runbook, seconds: Seconds = p95) -> float:
    """Seconds to the goal if its steps ran one after another, as the seeds write them."""
    before = book.before(book.goal) | {book.goal}
    return sum(seconds(step) for step in book.steps if step.id in before)


def plan(book: Runbook) -> tuple[float, float]:
    """Seconds (least, most) of the seeds' parts, one after another."""
    return 60 * sum(a for a, _ in book.parts.values()), 60 * sum(b for _, b in book.parts.values())


def verdict(book: Runbook) -> str:
    """One sentence: the critical path against the plan's budget and against the sequential order."""
    path, order = critical_path(book), sequential(book)
    least, most = plan(book)
    within = "within" if path.seconds <= book.plan_seconds[0] else "NOT within"
    parts = f", by the plan's own parts {_minutes(least)} to {_minutes(most)}" if most else ""
    return (
        f"{book.id}: {_minutes(path.seconds)} at p95 on the critical path (people's waiting time apart), {within} "
        f"the plan's {_minutes(book.plan_seconds[0])} to {_minutes(book.plan_seconds[1])}; one step after another "
        f"{_minutes(order)} ({order / path.seconds:.1f}x){parts}."
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"
