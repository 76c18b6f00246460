"""The findings as SARIF 2.1.0 (OASIS), so that a code host shows them beside the code. Ready checks are no results."""

from __future__ import annotations

from recovery.model import Json
from recovery.readiness.model import Check, Verdict
from recovery.readiness.report import Report

LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
SETTINGS = "Pulumi.standby.yaml"
"""SARIF wants a place in the repository: what is not ready is what this file declares."""


def sarif(report: Report, checks: tuple[Check, ...]) -> dict[str, Json]:
    """The log. An unknown is a result too, of kind `review`: it must not vanish from a board."""
    rules = [
        {
            "id": one.id, "name": one.title, "shortDescription": {"text": one.proves},
            "help": {"text": f"Fix: {one.fix}"}, "properties": {"requirement": one.requirement, "severity": str(one.severity)},
        }
        for one in checks
    ]  # fmt: skip
    index = {one.id: n for n, one in enumerate(checks)}
    results = [
        {
            "ruleId": one.id, "ruleIndex": index[one.id],
            "kind": "fail" if one.verdict is Verdict.NOT_READY else "review",
            "level": LEVELS[one.severity] if one.verdict is Verdict.NOT_READY else "none",
            "message": {"text": f"{one.requirement} {one.title}: {one.sentence} Fix: {one.fix}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": SETTINGS}, "region": {"startLine": 1}}}],
            "partialFingerprints": {"check/v1": one.id},
        }
        for one in report.results
        if one.verdict is not Verdict.READY
    ]  # fmt: skip
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "dr ready", "rules": rules}},
                "invocations": [{"executionSuccessful": True, "exitCode": int(report.code), "startTimeUtc": report.started}],
                "results": results,
            }
        ],
    }  # fmt: skip
