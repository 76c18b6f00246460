"""The HTML pages of readiness: one run, one month, the kept runs of a year. Self-contained, escaped, no script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from recovery.model import Json
from recovery.readiness.model import Result, Verdict
from recovery.readiness.report import ORDER, Report
from recovery.readiness.trail import Trail

DAYS = 366
"""How far back the history is drawn."""

WEEKS = 53
"""More runs than days are one cell a week: a year of daily runs stays readable on a telephone."""

CSS = {Verdict.READY: "good", Verdict.NOT_READY: "bad", Verdict.UNKNOWN: "blind"}
_WORST = (Verdict.NOT_READY, Verdict.UNKNOWN, Verdict.READY)


@dataclass(frozen=True)
class Cell:
    """One period of one check: the worst verdict in it. words: for the tooltip and for who cannot see."""

    css: str
    words: str


@dataclass(frozen=True)
class Row:
    """One check over time. share: percent of its runs that said ready, "–" without any."""

    check: str
    title: str
    requirement: str
    cells: tuple[Cell, ...]
    share: str


@dataclass(frozen=True)
class Span:
    """A heading over so many columns. label: "" where there is no room for one."""

    label: str
    columns: int


@dataclass(frozen=True)
class Grid:
    """rows over columns of equal length. years, months: headings over all columns. unit: what a column is."""

    rows: tuple[Row, ...]
    years: tuple[Span, ...]
    months: tuple[Span, ...]
    unit: str


ROOM = 3
"""Columns that a heading needs: at their narrowest (9 px and 2 between) "2026" and "May" are as wide."""


def grid(runs: Sequence[Report], today: date) -> Grid:
    """The last year, in weeks. A week without a run is empty, and so is a check that was not asked in it."""
    first = today - timedelta(days=today.weekday()) - timedelta(weeks=WEEKS - 1)
    starts = [first + timedelta(weeks=n) for n in range(WEEKS)]
    held: dict[str, dict[int, list[tuple[str, Result]]]] = {}
    for run in runs:
        week = (datetime.fromisoformat(run.started).date() - first).days // 7
        if 0 <= week < WEEKS:
            for result in run.results:
                held.setdefault(result.id, {}).setdefault(week, []).append((run.started, result))
    newest = {result.id: result for run in runs for result in run.results}
    rows = []
    for id, weeks in held.items():
        every = [r for found in weeks.values() for _, r in found]
        good = sum(r.verdict is Verdict.READY for r in every)
        cells = tuple(_cell(weeks.get(n, []), starts[n]) for n in range(WEEKS))
        last = newest[id]
        rows.append(Row(id, last.title, last.requirement, cells, _percent(good, len(every))))
    return Grid(
        tuple(rows), _spans([f"{s:%Y}" for s in starts]), _spans([f"{s:%Y}-{s:%b}" for s in starts]), "a week"
    )


def _spans(names: Sequence[str]) -> tuple[Span, ...]:
    """Columns of one name in a row, as one heading: what stands behind its last dash."""
    found = []
    for name, columns in groupby(names):
        width = len(list(columns))
        found.append(Span(name.rpartition("-")[2] if width >= ROOM else "", width))
    return tuple(found)


def _cell(found: Sequence[tuple[str, Result]], start: date) -> Cell:
    if not found:
        return Cell("none", f"week of {start}: no run")
    worst = min((r.verdict for _, r in found), key=_WORST.index)
    at, result = next((a, r) for a, r in reversed(found) if r.verdict is worst)
    return Cell(CSS[worst], f"week of {start}: {len(found)} run(s), {worst}. {at[:10]}: {result.sentence}")


def _percent(good: int, total: int) -> str:
    """One failure in a year must not be rounded away."""
    return "100 %" if good == total else f"{min(99.9, 100 * good / total):.1f} %"


def worst_first(results: Sequence[Result]) -> list[Result]:
    """Not ready, then unknown, then ready; the gravest first in each."""
    return sorted(results, key=lambda one: (_WORST.index(one.verdict), ORDER.index(one.severity)))


def longest(runs: Sequence[Report]) -> list[tuple[str, float]]:
    """(day, seconds) of each run of the last year, for the duration line."""
    return [(one.started[:10], one.seconds) for one in runs]


def line(points: Sequence[tuple[str, float]], width: float = 1000, height: float = 90) -> str:
    """An SVG polyline's points: time runs to the right, seconds upwards, the largest at the top."""
    if len(points) < 2:
        return ""
    days = [date.fromisoformat(day).toordinal() for day, _ in points]
    span, most = max(1, days[-1] - days[0]), max(seconds for _, seconds in points) or 1.0
    return " ".join(
        f"{(day - days[0]) / span * width:.1f},{height - seconds / most * height:.1f}"
        for day, (_, seconds) in zip(days, points, strict=True)
    )


def evidence(result: Result) -> str:
    """The evidence for a cell that opens: JSON, cut where it is long."""
    text = json.dumps(dict(result.evidence), indent=1, ensure_ascii=False)
    return text if len(text) <= 4000 else text[:3999] + "…"


def page(report: Report, trails: Sequence[Trail], history: Sequence[Report]) -> str:
    """One run: verdict, checks with evidence and fix, the open trails, the year behind it."""
    today = datetime.fromisoformat(report.started).date()
    return _render(
        "ready.html.j2", report=report, trails=[t for t in trails if not t.closed], grid=grid(history, today),
        runs=len(history),
    )  # fmt: skip


def monthly_page(month: str, runs: Sequence[Report], trails: Sequence[Trail], unseen: str) -> str:
    """One month: its runs, each check's last word in it, and the trail of each failure (READY-8)."""
    last: dict[str, Result] = {result.id: result for run in runs for result in run.results}
    return _render(
        "monthly.html.j2", month=month, runs=runs, last=list(last.values()), trails=trails, unseen=unseen
    )


def trend_page(
    runs: Sequence[Report], trails: Sequence[Trail], unseen: str, today: date | None = None
) -> str:
    """The kept runs of a year: each check week by week, how long the runs took, and every failure."""
    day = today or (datetime.fromisoformat(runs[-1].started).date() if runs else date(1970, 1, 1))
    points = [p for p in longest(runs) if date.fromisoformat(p[0]) >= day - timedelta(days=DAYS)]
    return _render(
        "trend.html.j2", runs=runs, grid=grid(runs, day), trails=list(reversed(trails)), unseen=unseen, day=day,
        points=line(points), most=max((seconds for _, seconds in points), default=0.0),
    )  # fmt: skip


def _render(name: str, **values: Json) -> str:
    environment = Environment(
        loader=PackageLoader("recovery.readiness", "page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        evidence=evidence,
        css=lambda verdict: CSS[verdict],
        worst_first=worst_first,
        when=lambda t: t[:16].replace("T", " "),
    )
    return environment.get_template(name).render(**values)
