"""An incident's report as one self-contained HTML page (no script, light and dark, narrow and wide) and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from recovery.report.incident import RPO_TARGET_SECONDS, RTO_TARGET_SECONDS, Bar, Incident, minutes


@dataclass(frozen=True)
class Card:
    """One figure beside its target. mood: good, bad, or "" where there is none to meet."""

    title: str
    value: str
    note: str
    mood: str = ""


def html(report: Incident) -> str:
    """The page. Everything from the world goes through autoescape."""
    return (
        _environment(True)
        .get_template("incident.html.j2")
        .render(
            report=report,
            bars=placed(report.bars, report.scale),
            cards=cards(report),
            width=_last(report.bars, report.scale),
        )
    )


def cards(report: Incident) -> tuple[Card, ...]:
    """RTO and RPO against their targets, the path against the seeds' order, people and their answers."""
    failover, real = report.kind == "post-incident", report.scale == 1
    worked = None if report.rto is None else max(0.0, report.rto - report.people_seconds)
    judged = (worked if real else report.critical_p95) if failover else None
    mood = "" if judged is None else "good" if judged <= RTO_TARGET_SECONDS else "bad"
    took = "not reached" if worked is None else minutes(worked)
    found = [
        Card("RTO, people apart" if failover else "Return, people apart", took if real else minutes(report.critical_p95),
             (f"target {minutes(RTO_TARGET_SECONDS)}" if failover else "no target in the plan")
             + ("" if real else f"; at the table's p95 (rehearsed in {took} at {report.scale:g}:1)"), mood),
        Card("With people", "not reached" if report.rto is None else minutes(report.rto),
             f"{minutes(report.people_seconds)} of it waited for people alone"),
    ]  # fmt: skip
    if failover:
        known = report.rpo_seconds is not None
        good = known and (report.rpo_seconds or 0.0) <= RPO_TARGET_SECONDS
        value = minutes(report.rpo_seconds or 0.0) if known else "not known"
        found.append(Card("RPO", value, f"target {minutes(RPO_TARGET_SECONDS)}", "good" if good else "bad"))
    if report.critical_p95:
        ratio = report.sequential_p95 / report.critical_p95
        found.append(
            Card(
                "One step after another",
                minutes(report.sequential_p95),
                f"{ratio:.1f}x the critical path of {minutes(report.critical_p95)} (p95)",
            )
        )
    glass = sum(one["answer"] == "BREAK-GLASS" for one in report.approvals)
    who = len({one["who"] for one in report.approvals})
    found.append(Card("Approvals", str(len(report.approvals)), f"by {who} people" + (f", {glass} by break-glass" if glass else ""),
                      "bad" if glass else ""))  # fmt: skip
    return tuple(found)


def markdown(report: Incident) -> str:
    """The same for a repository or a ticket."""
    return _environment(False).get_template("incident.md.j2").render(report=report)


def _last(bars: tuple[Bar, ...], scale: float) -> float:
    """Real seconds that the drawing's whole width stands for: what ran decides; a long budget is cut off."""
    return max([bar.end for bar in bars] + [0.001])


def placed(bars: tuple[Bar, ...], scale: float) -> list[dict[str, float | str | bool]]:
    """The Gantt's rows, in per cent of its width: what ran, and below it what was budgeted (p95)."""
    whole = _last(bars, scale)

    def share(seconds: float) -> float:
        return round(100 * seconds / whole, 2)

    return [
        {
            "step": bar.step, "title": bar.title, "phase": bar.phase, "critical": bar.critical,
            "x": share(bar.start), "wait": share(bar.people), "work_x": share(bar.start + bar.people),
            "work": share(bar.worked), "budget": min(share(bar.budget / scale), 100 - share(bar.start + bar.people)),
            "took": minutes(bar.worked) + (f" + {minutes(bar.people)} people" if bar.people >= 1 else ""),
            "text": f"{bar.title}: {minutes(bar.worked * scale)} of {minutes(bar.budget)} budgeted"
            + (f", waited {bar.people:.0f} s for people" if bar.people else ""),
        }
        for bar in bars
    ]  # fmt: skip


def _environment(escape: bool) -> Environment:
    made = Environment(
        loader=PackageLoader("recovery.report", "page"), autoescape=escape, undefined=StrictUndefined,  # noqa: S701 (Markdown is not escaped as HTML is)
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["minutes"] = minutes
    made.filters["cell"] = lambda thing: str(thing).replace("|", "\\|").replace("\n", " ")
    return made
