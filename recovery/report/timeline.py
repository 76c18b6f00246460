"""Where things stand on the page: records turned into bars, steps and marks, in per cent of a window of time.

Everything is relative, so the same drawing is right on a telephone and on a wall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recovery.report.figures import bands, figures
from recovery.report.model import DialPoint, Outcome, Report, Request, Served
from recovery.report.verdict import span

HEIGHT = 100.0
"""Height of a drawn lane in its own units; the page stretches it."""


NARROW = 10.0
"""Bars below this per cent of the width cannot hold their own name."""

MARK = 5.5
"""Per cent of a narrow screen's width that a number in its circle takes."""

NAME = 8.6
"""Per cent of the width that a name beside a bar takes."""


@dataclass(frozen=True)
class Window:
    """The stretch of time that a drawing shows, in seconds since the rehearsal's start."""

    start: float
    end: float

    def x(self, at: float) -> float:
        """Per cent from the left, held inside the drawing."""
        whole = max(self.end - self.start, 1e-9)
        return round(min(max((at - self.start) / whole, 0.0), 1.0) * 100, 3)


@dataclass(frozen=True)
class Bar:
    """A stretch on a lane. row: 0 is the uppermost; rows: how many share the lane."""

    left: float
    width: float
    kind: str
    label: str = ""
    title: str = ""
    row: int = 0
    rows: int = 1


@dataclass(frozen=True)
class Lane:
    """One line of the drawing: bars, or a stepped line, or the request sky-line. summary: the same in words."""

    name: str
    note: str
    summary: str
    bars: tuple[Bar, ...] = ()
    line: str = ""
    area: str = ""
    ceiling: str = ""
    requests: bool = False


@dataclass(frozen=True)
class Mark:
    """A moment worth a vertical line. level: 0 to 2, drawn so many rows down because its neighbours are too near."""

    number: int
    at: float
    left: float
    text: str
    level: int = 0


@dataclass(frozen=True)
class Tick:
    """A labelled second on the axis. minor: may be left out where space is short."""

    left: float
    label: str
    minor: bool


@dataclass(frozen=True)
class Drawing:
    """The two switches as lanes over one window."""

    window: Window
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]


def ticks(window: Window) -> tuple[Tick, ...]:
    """About eight labels at round seconds; every second one is minor."""
    wanted = (window.end - window.start) / 8
    step = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600) if s >= wanted), 1200)
    first = -int(-window.start // step) * step
    seconds = range(first, int(window.end) + 1, step)
    return tuple(Tick(window.x(s), f"{s} s", i % 2 == 1) for i, s in enumerate(seconds))


def stepped(points: Sequence[DialPoint], window: Window, top: float) -> tuple[str, str]:
    """SVG paths (line, area) of a value that holds until the next one; unknown values leave a gap."""
    line = ""
    area = ""
    shown = [p for p in sorted(points, key=lambda p: p.at) if p.at < window.end]
    for point, after in zip(shown, [*shown[1:], None], strict=True):
        if point.value is None:
            continue
        x0, x1 = window.x(point.at), window.x(after.at if after else window.end)
        y = round(HEIGHT - 92 * point.value / top, 2) if top else HEIGHT
        line += f"{'L' if line and _touches(line, x0) else 'M'}{x0} {y}L{x1} {y}"
        area += f"M{x0} {HEIGHT}L{x0} {y}L{x1} {y}L{x1} {HEIGHT}Z"
    return line, area


def _touches(path: str, x: float) -> bool:
    return path.rsplit("L", 1)[-1].split(" ")[0] == f"{x}"


def sky(requests: Sequence[Request], window: Window) -> list[tuple[str, str]]:
    """(side, SVG path) of all requests: one thin column each, as high as it took long; a failed one fills the lane."""
    slowest = max((r.ms for r in requests if not r.failed), default=1.0) or 1.0
    columns: dict[str, list[str]] = {}
    for r in requests:
        height = HEIGHT if r.failed else 12 + 80 * (r.ms / slowest) ** 0.5
        kind = "failed" if r.failed else str(r.side)
        columns.setdefault(kind, []).append(f"M{window.x(r.at)} {HEIGHT}V{round(HEIGHT - height, 1)}")
    order = [str(Served.PRIMARY), str(Served.AZURE), str(Served.NOBODY), str(Served.UNKNOWN), "failed"]
    return [(kind, "".join(columns[kind])) for kind in order if kind in columns]


def _gate_lane(report: Report, window: Window) -> Lane:
    inside = [g for g in report.gates if window.start <= g.end and g.start <= window.end]
    ends = [(window.x(g.start), window.x(g.end)) for g in inside]
    taken = list(ends)
    bars = []
    for g, (left, right) in zip(inside, ends, strict=True):
        kind, label = "gate" if g.passed else "gate failed", g.gate
        if right - left < NARROW:  # no room inside: the name stands beside the bar, where nothing else does
            beside = {"before": (left - NAME, left), "after": (right, right + NAME)}
            free = [w for w, (a, z) in beside.items() if a >= 0 and z <= 100 and not _meets(a, z, taken)]
            taken += [beside[w] for w in free[:1]]
            kind, label = (f"{kind} {free[0]}", label) if free else (kind, "")
        title = f"{g.gate}: {g.observed} after {span(g.end - g.start)}. {g.detail}"
        bars.append(Bar(left, max(right - left, 0.6), kind, label, title))
    said = "; ".join(f"{g.gate} {g.observed} after {span(g.end - g.start)}" for g in inside)
    return Lane("Gates", "waiting, then passed", said or "no gate had to wait", tuple(bars))


def _meets(start: float, end: float, others: Sequence[tuple[float, float]]) -> bool:
    """Does the open stretch meet any other?"""
    return any(start < z and a < end for a, z in others)


def _dial_lanes(report: Report, window: Window) -> list[Lane]:
    lanes = []
    for dial in dict.fromkeys(p.dial for p in report.dials):
        points = [p for p in report.dials if p.dial == dial]
        top = max((p.value or 0 for p in points), default=0)
        before = [p for p in points if p.at <= window.start]
        seen = [*before[-1:], *(p for p in points if p.at > window.start)]
        line, area = stepped(seen, window, top)
        course = " → ".join("unknown" if p.value is None else f"{p.value:g}" for p in seen)
        lanes.append(Lane(dial, course, f"{dial}: {course}", line=line, area=area, ceiling=f"{top:g}"))
    return lanes


def _resolver_lanes(report: Report, window: Window) -> list[Lane]:
    found = bands(report.requests)
    names = sorted({b.name for b in found}, key=lambda n: (n.count("."), n))
    lanes = []
    for resolver in dict.fromkeys(b.resolver for b in found):
        own = [b for b in found if b.resolver == resolver]
        bars = tuple(
            Bar(
                window.x(b.start),
                round(window.x(b.end) - window.x(b.start), 3),
                str(b.side),
                title=f"{b.name} at {b.resolver}: {b.address or 'no answer'} ({b.side}), "
                f"{b.start:.1f} s to {b.end:.1f} s",
                row=names.index(b.name),
                rows=len(names),
            )
            for b in own
        )
        said = "; ".join(f"{b.name} {b.side} from {b.start:.1f} s" for b in own)
        lanes.append(Lane(resolver, " · ".join(short_names(names)), said, bars))
    return lanes


def short_names(names: Sequence[str]) -> list[str]:
    """Names below the first one without its ending (`api` for api.demay.com), the first one itself as `apex`."""
    if not names:
        return []
    ending = "." + names[0]
    return ["apex" if n == names[0] else n.removesuffix(ending) for n in names]


def marks(report: Report, window: Window) -> tuple[Mark, ...]:
    """The moments of both switches, as clients and gates saw them, in order of time."""
    known = figures(report)
    moments: list[tuple[float, str]] = []
    for title, one in (("the standby", known.out), ("the primary", known.back)):
        if one is None:
            continue
        moments.append((one.began, f"the switch to {title} is declared"))
        if one.first is not None:
            moments.append((one.began + one.first, f"the first resolver leads a client to {title}"))
        if one.last is not None:
            moments.append((one.began + one.last, f"the last resolver follows: every name leads to {title}"))
    for g in report.gates:
        detail = g.detail if len(g.detail) <= 90 else g.detail[:89] + "…"
        moments.append((g.end, f"{g.gate} {g.observed}" + (f": {detail}" if detail else "")))
    inside = sorted(m for m in moments if window.start <= m[0] <= window.end)
    found: list[Mark] = []
    ends = [-100.0] * 3  # where each row's last number stands
    for number, (at, text) in enumerate(inside, 1):
        left = window.x(at)
        level = next((i for i, end in enumerate(ends) if left - end >= MARK), ends.index(min(ends)))
        ends[level] = left
        found.append(Mark(number, at, left, text, level))
    return tuple(found)


def drawing(report: Report) -> Drawing | None:
    """The switches' lanes; None when no request was ever made."""
    if not report.requests:
        return None
    last = max(r.at + r.ms / 1000 for r in report.requests)
    window = Window(min(r.at for r in report.requests), last)
    steps = tuple(
        Bar(
            window.x(s.start),
            round(window.x(s.end) - window.x(s.start), 3),
            "step failed" if s.outcome is Outcome.FAILED else "step",
            f"{s.number}  {s.title}",
            f"step {s.number}: {s.title}, {span(s.seconds)}",
        )
        for s in report.steps
        if s.end > window.start and s.start < window.end
    )
    said = "; ".join(b.title for b in steps)
    failed = sum(r.failed for r in report.requests)
    clients = Lane(
        "Requests",
        f"{len(report.requests)} sent, {failed} failed",
        f"{len(report.requests)} requests, {failed} failed",
        requests=True,
    )
    lanes = [Lane("Steps", "", said, steps), _gate_lane(report, window), *_dial_lanes(report, window)]
    lanes += [*_resolver_lanes(report, window), clients]
    return Drawing(window, tuple(lanes), marks(report, window), ticks(window))


def overview(report: Report) -> tuple[Bar, ...]:
    """The whole run as one strip of its steps."""
    ran = [s for s in report.steps if s.outcome is not Outcome.NOT_REACHED]
    if not ran:
        return ()
    window = Window(min(s.start for s in ran), max(s.end for s in ran))
    return tuple(
        Bar(
            window.x(s.start),
            round(window.x(s.end) - window.x(s.start), 3),
            "done" if s.outcome is Outcome.DONE else "failed",
            str(s.number),
            f"{s.number}. {s.title}: {span(s.seconds)}",
        )
        for s in ran
    )
