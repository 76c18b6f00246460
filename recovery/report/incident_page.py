"""An incident's report as one self-contained HTML page (no script, light and dark, narrow and wide) and as Markdown."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from recovery.report.incident import Bar, Incident, minutes

WIDTH, ROW, LEFT = 900, 22, 190


def html(report: Incident) -> str:
    """The page. Everything from the world goes through autoescape."""
    return (
        _environment(True)
        .get_template("incident.html.j2")
        .render(report=report, bars=placed(report.bars, report.scale))
    )


def markdown(report: Incident) -> str:
    """The same for a repository or a ticket."""
    return _environment(False).get_template("incident.md.j2").render(report=report)


def placed(bars: tuple[Bar, ...], scale: float) -> list[dict[str, float | str | bool]]:
    """The Gantt's rows in the drawing's units: what ran, and beside it what was budgeted (p95)."""
    last = max(
        [bar.end for bar in bars] + [bar.start + bar.people + bar.budget / scale for bar in bars] + [0.001]
    )
    per = (WIDTH - LEFT - 10) / last
    return [
        {
            "step": bar.step, "title": bar.title, "phase": bar.phase, "y": 10 + number * ROW, "critical": bar.critical,
            "x": round(LEFT + bar.start * per, 1), "wait": round(bar.people * per, 1),
            "work_x": round(LEFT + (bar.start + bar.people) * per, 1), "work": round(max(bar.worked * per, 1.5), 1),
            "budget": round(bar.budget / scale * per, 1),
            "text": f"{bar.title}: {minutes(bar.worked * scale)} of {minutes(bar.budget)} budgeted"
            + (f", waited {bar.people:.0f} s for people" if bar.people else ""),
        }
        for number, bar in enumerate(bars)
    ]  # fmt: skip


def _environment(escape: bool) -> Environment:
    made = Environment(
        loader=PackageLoader("recovery.report", "page"), autoescape=escape, undefined=StrictUndefined,  # noqa: S701 (Markdown is not escaped as HTML is)
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["minutes"] = minutes
    made.filters["cell"] = lambda thing: str(thing).replace("|", "\\|").replace("\n", " ")
    return made
