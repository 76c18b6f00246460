"""The DR test plan (TL-8): what is due, what was done, with what result. Days only; no clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Outcome(StrEnum):
    """How a test ended. Anything but PASSED leaves it due."""

    PASSED = "passed"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Test:
    """One row of the plan. every: days. hours: how long it may take. impact: on users, as the plan says."""

    id: str
    title: str
    every: int
    hours: float
    impact: str
    command: str


PLAN: tuple[Test, ...] = (
    Test("backup-restore", "Backup restore", 31, 2, "none", "dr backup verify latest"),
    Test("pod-failure", "Pod failure", 7, 5 / 60, "none", "dr chaos pod"),
    Test("zone-failover", "Zone failover", 92, 1, "minimal", "dr chaos zone"),
    Test("dr-activation", "DR activation", 366, 4, "planned", "dr recover --level 4"),
)
"""Monthly, weekly, quarterly, yearly: counted from the last pass, so that a late test does not move the plan."""


@dataclass(frozen=True)
class Done:
    """One test that was run. minutes: how long it took."""

    test: str
    day: date
    outcome: Outcome
    minutes: float
    note: str = ""


@dataclass(frozen=True)
class Due:
    """Where one test of the plan stands. last: of the last pass; late: whole days beyond its day (0: not yet, or today)."""

    test: Test
    last: date | None
    on: date
    late: int
    failing: bool

    @property
    def due(self) -> bool:
        """Is it to be run now? A test that failed since its last pass is, whatever the calendar says."""
        return self.late > 0 or self.failing or self.last is None


def named(id: str) -> Test:
    """The plan's row. KeyError: there is none."""
    return next((t for t in PLAN if t.id == id), None) or _none(id)


def standing(done: Iterable[Done], today: date) -> list[Due]:
    """Every test of the plan, the most overdue first."""
    runs = sorted(done, key=lambda d: d.day)
    out = []
    for test in PLAN:
        mine = [d for d in runs if d.test == test.id]
        passed = [d.day for d in mine if d.outcome is Outcome.PASSED]
        last = passed[-1] if passed else None
        on = last + timedelta(days=test.every) if last else today
        failing = bool(mine) and mine[-1].outcome is not Outcome.PASSED
        out.append(Due(test, last, on, max(0, (today - on).days), failing))
    return sorted(out, key=lambda d: (not d.due, -d.late, d.on, d.test.id))


def report(done: Iterable[Done], today: date) -> str:
    """The plan and its trail, as Markdown."""
    runs = list(done)
    lines = [
        f"# DR tests, as of {today.isoformat()}",
        "",
        "| test | every | allowed | last pass | due | standing |",
        "|---|---|---|---|---|---|",
    ]
    for due in standing(runs, today):
        word = (
            "failing"
            if due.failing
            else f"{due.late} days late"
            if due.late
            else "due"
            if due.due
            else "in time"
        )
        lines.append(
            f"| {due.test.title} | {due.test.every} d | {due.test.hours:.2g} h | {due.last or 'never'} | {due.on} | {word} |"
        )
    lines += ["", "| day | test | outcome | minutes | within | note |", "|---|---|---|---|---|---|"]
    for run in sorted(runs, key=lambda d: d.day):
        within = "yes" if run.minutes <= named(run.test).hours * 60 else "no"
        lines.append(
            f"| {run.day} | {named(run.test).title} | {run.outcome} | {run.minutes:.1f} | {within} | {run.note} |"
        )
    return "\n".join(lines) + "\n"


def _none(id: str) -> Test:
    raise KeyError(f"there is no test {id!r}: {', '.join(t.id for t in PLAN)}")
