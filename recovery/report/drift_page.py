"""`dr drift --format html`: one self-contained page, escaped by construction, no script, light and dark, narrow and wide."""

from __future__ import annotations

from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from recovery.drift.report import Report
from recovery.drift.text import HEADING, verdict
from recovery.model import Finding, Verdict
from recovery.report.html import named, value

_NAMES = {
    Verdict.CHANGED: "changed", Verdict.MISSING: "declared, and not there",
    Verdict.UNMANAGED: "there, and not declared", Verdict.UNKNOWN: "not observed",
}  # fmt: skip


def render(report: Report, stack: str, against: str, at: str) -> str:
    """The page. against: what was compared with what; at: when, as people read it. Everything else is escaped."""
    environment = Environment(
        loader=PackageLoader("recovery.report", "page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(value=value, named=named)
    return environment.get_template("drift.html.j2").render(
        report=report, stack=stack, against=against, at=at, sentence=verdict(report), names=_NAMES,
        figures=_figures(report), severities=_severities(report.findings),
    )  # fmt: skip


def _figures(report: Report) -> list[tuple[str, int, bool, str]]:
    """(name, number, whether a number above nought is bad, what it means)."""
    counts = report.counts
    return [
        ("as declared", counts[str(Verdict.SAME)], False, "resources with nothing to say about"),
        ("changed", counts[str(Verdict.CHANGED)], True, "properties that differ"),
        ("missing", counts[str(Verdict.MISSING)], True, "declared, and not there"),
        ("unmanaged", counts[str(Verdict.UNMANAGED)], True, "there, and not declared"),
        ("not observed", counts[str(Verdict.UNKNOWN)], True, "with one of these nothing may be called ready"),
    ]


def _severities(findings: tuple[Finding, ...]) -> list[tuple[str, str, list[list[Finding]]]]:
    return [
        (
            str(severity),
            HEADING[severity],
            [list(group) for _, group in groupby(found, key=lambda f: f.id.lower())],
        )
        for severity, found in groupby(findings, key=lambda f: f.severity)
    ]
