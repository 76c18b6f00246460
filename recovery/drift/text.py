"""The report for a person at three in the morning: worst first, what is wanted and what is there, what to type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby

from recovery.drift.report import Report
from recovery.model import Finding, Json, Severity, Verdict

_SHOWN = 160
_NOISE = frozenset({"id", "etag", "type"})
HEADING = {
    Severity.CRITICAL: "CRITICAL: the activation would fail or lose data",
    Severity.HIGH: "HIGH: the activation would be degraded, slow or unsafe",
    Severity.MEDIUM: "MEDIUM: cost, hygiene or observability",
    Severity.LOW: "LOW",
}


def lines(report: Report) -> Iterable[str]:
    """The whole report, line by line; the last one is the verdict."""
    for severity, found in groupby(report.findings, key=lambda f: f.severity):
        yield HEADING[severity]
        for _, same_resource in groupby(found, key=lambda f: f.id.lower()):
            yield from _resource(list(same_resource))
        yield ""
    for agreed in report.acceptances:
        where = f"{short(str(agreed['id']))} {agreed['path']}".rstrip()
        yield f"accepted until {agreed['expires']} by {agreed['owner']}: {where} ({agreed['reason']})"
    yield verdict(report)


def _resource(found: list[Finding]) -> Iterable[str]:
    first = found[0]
    where = f"   [{first.source}]" if first.source else ""
    mark = first.verdict if len({f.verdict for f in found}) == 1 else Verdict.CHANGED
    yield f"  {mark} {short(first.id)}{where}"
    for finding in found:
        yield from _finding(finding)
        if finding.reason and finding.verdict in (Verdict.CHANGED, Verdict.MISSING):
            yield f"        {finding.reason}"
    for fix in dict.fromkeys(f.fix for f in found):
        yield f"      fix: {fix}"


def _finding(finding: Finding) -> Iterable[str]:
    match finding.verdict:
        case Verdict.MISSING:
            yield "      declared, and not there"
        case Verdict.UNMANAGED:
            yield f"      there, and {finding.reason or 'nobody declared it'}"
        case Verdict.UNKNOWN:
            yield f"      {finding.path + ': ' if finding.path else ''}not observed: {finding.reason}"
        case _:
            yield f"      {finding.path}"
            yield f"        want {show(finding.want)}"
            yield f"        have {show(finding.have)}"


def show(value: Json) -> str:
    """A value on one line; long ones are cut, since the JSON output has them whole."""
    if value is None:
        return "(nothing)"
    if isinstance(value, Mapping):
        value = {key: child for key, child in value.items() if key not in _NOISE}
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def short(id: str) -> str:
    """An id without its subscription and group: what is left says what it is."""
    return id.rpartition("/providers/")[2] or id.rpartition("/")[2] or id


def verdict(report: Report) -> str:
    """One sentence that can stand alone."""
    counts = report.counts
    total = sum(counts.values()) - counts[str(Verdict.UNMANAGED)]
    by_people = len(report.acceptances)
    agreed = [
        f"{number} accepted by {whom}"
        for number, whom in ((report.accepted - by_people, "the baseline"), (by_people, "people"))
        if number
    ]
    accepted = f" ({', '.join(agreed)})" if agreed else ""
    differing = [
        f"{number} {one if number == 1 else many}"
        for v, one, many in (
            (Verdict.CHANGED, "changed property", "changed properties"),
            (Verdict.MISSING, "missing resource", "missing resources"),
            (Verdict.UNMANAGED, "unmanaged resource", "unmanaged resources"),
        )
        if (number := counts[str(v)])
    ]
    unseen = counts[str(Verdict.UNKNOWN)]
    if differing:
        worst = report.findings[0].severity
        tail = f", and {unseen} could not be observed" if unseen else ""
        return f"Drift: {', '.join(differing)}{tail}; the worst is {worst}{accepted}."
    if unseen:
        return f"Unknown: {unseen} could not be observed, so nothing is concluded; the rest is as declared{accepted}."
    return f"Clean: {total} {'resource is' if total == 1 else 'resources are'} as declared, none is missing, none was added{accepted}."
