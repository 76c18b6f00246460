"""The findings as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the line that declares a resource."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from recovery.drift.report import Report
from recovery.drift.text import short, show
from recovery.model import Finding, Json, Severity, Verdict

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

RULES: tuple[tuple[str, Verdict, str, str], ...] = (
    ("changed", Verdict.CHANGED, "A property differs from what the program declares", "Somebody or something changed it behind the program's back, or an up never arrived."),
    ("missing", Verdict.MISSING, "A declared resource is not there", "The activation may go through it."),
    ("unmanaged", Verdict.UNMANAGED, "Nobody declared this resource", "No failover counts on it, and no teardown removes it."),
    ("unobserved", Verdict.UNKNOWN, "This could not be observed", "Unknown is never success: nothing may be called clean or ready."),
)  # fmt: skip
"""id, verdict, one line, why it matters."""

LEVELS = {
    Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note",
}  # fmt: skip


def to_sarif(report: Report, version: str) -> dict[str, Json]:
    """The log file's object: one run, one result a finding, in the report's order."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "dr drift", "version": version,
                        "rules": [_rule(id, line, why) for id, _, line, why in RULES],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding) for finding in report.findings],
                "invocations": [
                    {
                        "executionSuccessful": report.complete, "exitCode": int(report.exit_code),
                        "toolExecutionNotifications": [
                            {"level": "error", "message": {"text": f"not observed: {f.reason or f.id}"}}
                            for f in report.findings if f.verdict is Verdict.UNKNOWN
                        ],
                    }
                ],
            }
        ],
    }  # fmt: skip


def _rule(id: str, line: str, why: str) -> dict[str, Json]:
    return {"id": id, "shortDescription": {"text": line}, "fullDescription": {"text": why}}


def _result(finding: Finding) -> dict[str, Json]:
    place = [verdict for _, verdict, _, _ in RULES].index(finding.verdict)
    logical = [{"fullyQualifiedName": finding.id, "kind": "resource"}]
    location: dict[str, Json] = {"logicalLocations": logical}
    if finding.source:
        location["physicalLocation"] = _physical(finding.source)
    return {
        "ruleId": RULES[place][0],
        "ruleIndex": place,
        "level": LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [location],
        "partialFingerprints": {"finding/v1": _print_of((finding.id.lower(), finding.path, str(finding.verdict)))},
        "properties": {
            "severity": str(finding.severity), "path": finding.path, "want": finding.want, "have": finding.have,
            "fix": finding.fix,
        },
    }  # fmt: skip


def _message(finding: Finding) -> str:
    where = f"{short(finding.id)}{': ' + finding.path if finding.path else ''}"
    match finding.verdict:
        case Verdict.CHANGED:
            said = f"{where} should be {show(finding.want)} and is {show(finding.have)}."
        case Verdict.MISSING:
            said = f"{where} is declared and not there."
        case Verdict.UNMANAGED:
            said = f"{where} is there and nobody declared it."
        case _:
            said = f"{where} could not be observed: {finding.reason}."
    return f"{said} Fix: {finding.fix}"


def _physical(source: str) -> dict[str, Json]:
    """``components/dns.py:12`` as SARIF's place in a file."""
    file, _, line = source.rpartition(":")
    if not file or not line.isdigit():
        file, line = source, ""
    found: dict[str, Json] = {"artifactLocation": {"uri": file.replace("\\", "/"), "uriBaseId": "%SRCROOT%"}}
    return {**found, "region": {"startLine": max(1, int(line))}} if line else found


def _print_of(parts: Sequence[str]) -> str:
    """What makes a finding the same one in the next run: its resource, its property and its verdict, no values."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
