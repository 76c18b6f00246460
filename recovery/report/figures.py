"""The figures that a person asks for, worked out from the records: what failed, and how long each switch took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recovery.report.model import Report, Request, Served, StepRecord


@dataclass(frozen=True)
class Band:
    """A stretch of time in which one resolver's answer for one name led to one side."""

    start: float
    end: float
    resolver: str
    name: str
    side: Served
    address: str


@dataclass(frozen=True)
class Switch:
    """One switch as a client sees it, in real seconds from its step's start; None: it never came.

    first: a resolver led a client to the new side for the first time. last: from here on every name at every
    resolver led to the new side, to the end of the step. served: the first request answered there.
    """

    to: Served
    began: float
    first: float | None
    last: float | None
    served: float | None
    mixed: int
    """Requests between first and last: the time in which both sides have to serve."""
    lost: int = 0
    """Those of them that failed."""


@dataclass(frozen=True)
class Figures:
    """Everything the head of the report shows."""

    requests: int
    failed: int
    longest_gap: float
    """Longest time, in seconds, between the end of one name's last good request and its next one, if one failed between."""
    median_ms: float
    p95_ms: float
    out: Switch | None
    back: Switch | None
    expected: int
    found: int


def bands(requests: Iterable[Request]) -> list[Band]:
    """Consecutive equal answers of one resolver for one name, joined; ordered by resolver, name, time."""
    lanes: dict[tuple[str, str], list[Request]] = {}
    for request in sorted(requests, key=lambda r: r.at):
        lanes.setdefault((request.resolver, request.name), []).append(request)
    found = []
    for (resolver, name), answers in sorted(lanes.items()):
        start = answers[0]
        for now, after in zip(answers, [*answers[1:], None], strict=True):
            if after is None or (after.side, after.address) != (start.side, start.address):
                end = after.at if after else now.at + now.ms / 1000
                found.append(Band(start.at, end, resolver, name, start.side, start.address))
                if after:
                    start = after
    return found


def switch(requests: Sequence[Request], step: StepRecord, to: Served) -> Switch:
    """The switch to side `to` within `step`."""
    inside = [r for r in sorted(requests, key=lambda r: r.at) if step.start <= r.at <= step.end]
    there = [r for r in inside if r.side is to]
    if not there:
        return Switch(to, step.start, None, None, None, 0)
    first = there[0].at
    lanes = {(r.resolver, r.name) for r in inside}
    last: float | None = first
    for lane in lanes:
        own = [r for r in inside if (r.resolver, r.name) == lane]
        if own[-1].side is not to:
            last = None
            break
        index = max((i for i, r in enumerate(own) if r.side is not to), default=-1) + 1
        last = max(last or first, own[index].at)
    until = last if last is not None else step.end
    served = next((r.at + r.ms / 1000 for r in there if not r.failed), None)
    mixed = [r for r in inside if first <= r.at <= until]
    return Switch(
        to,
        step.start,
        first - step.start,
        None if last is None else last - step.start,
        None if served is None else served - step.start,
        len(mixed),
        sum(r.failed for r in mixed),
    )


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def longest_gap(requests: Sequence[Request]) -> float:
    """The longest time in seconds for which a name that had failed gave no good answer; 0 when nothing failed."""
    worst = 0.0
    for name in {r.name for r in requests}:
        good: float | None = None
        broken = False
        for request in sorted((r for r in requests if r.name == name), key=lambda r: r.at):
            if request.failed:
                broken = True
                good = request.at if good is None else good
                worst = max(worst, request.at + request.ms / 1000 - good)
                continue
            if broken and good is not None:
                worst = max(worst, request.at - good)
            good, broken = request.at, False
    return worst


def figures(report: Report) -> Figures:
    """All of them, from the records alone."""
    times = [r.ms for r in report.requests if not r.failed]
    steps = {s.number: s for s in report.steps}
    started = [d for d in report.drift if d.expected]
    return Figures(
        requests=len(report.requests),
        failed=sum(r.failed for r in report.requests),
        longest_gap=longest_gap(report.requests),
        median_ms=_quantile(times, 0.5),
        p95_ms=_quantile(times, 0.95),
        out=_reached(report, steps.get(report.out_step), Served.AZURE),
        back=_reached(report, steps.get(report.back_step), Served.PRIMARY),
        expected=sum(d.expected for d in started),
        found=sum(len(d.findings) for d in started),
    )


def _reached(report: Report, step: StepRecord | None, to: Served) -> Switch | None:
    if step is None or step.end <= step.start or not report.requests:
        return None
    return switch(report.requests, step, to)
