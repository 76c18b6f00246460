"""Drift of stack source: the drift checker's own comparison and findings, over AWS's resources. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from recovery.aws.kinds import AWS
from recovery.drift import report
from recovery.drift.baseline import Baseline
from recovery.drift.report import Live, Report
from recovery.model import Desired, Finding, Json, Severity, Verdict

POLICIES = ("policy", "assumeRolePolicy", "redrivePolicy")
"""Inputs that are a JSON document as text."""
_LABELS = ("tags", "description", "alarmDescription")
_COST_ALONE = ("AWS::S3::Lifecycle", "AWS::S3::BucketVersioning")


def check(
    desired: Iterable[Desired], live: Live, baseline: Baseline | None = None, stack: str = "source"
) -> Report:
    """Compare everything declared with everything read. Same report, same findings, this stack's repairs and severities."""
    bodies = {id: canonical(body) for id, body in live.bodies.items()}
    found = report.check([comparable(one) for one in desired], replace(live, bodies=bodies), baseline, stack)
    findings = [_of_this_stack(one, stack) for one in found.findings]
    order = list(Severity)
    findings.sort(key=lambda f: (order.index(f.severity), f.id.lower(), f.path))
    return replace(found, findings=tuple(findings))


def comparable(desired: Desired) -> Desired:
    """Without what only the provider keeps, each policy in one spelling."""
    row = AWS.get(desired.type)
    if row is None:
        return desired
    inputs = {key: value for key, value in desired.inputs.items() if key not in row.silent}
    return replace(desired, inputs=canonical(inputs))


def canonical(body: Mapping[str, Json]) -> dict[str, Json]:
    """Its policies in one spelling: AWS keeps one element with or without its list, and lists in an order of its own."""
    return {key: _policy(value) if key in POLICIES else value for key, value in body.items()}


def _policy(text: Json) -> Json:
    try:
        return json.dumps(_one_spelling(json.loads(text)), sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError):
        return text  # no document: it differs from every one that is


def _one_spelling(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _one_spelling(child) for key, child in value.items()}
    if isinstance(value, list):
        parts = sorted(
            (_one_spelling(child) for child in value), key=lambda part: json.dumps(part, sort_keys=True)
        )
        return parts[0] if len(parts) == 1 else parts
    return value


def _of_this_stack(finding: Finding, stack: str) -> Finding:
    fix = f"pulumi up -s {stack} --refresh"
    if finding.verdict is Verdict.UNKNOWN:
        fix = f"dr drift -s {stack}    (again, once it answers: {_who(finding)})"
    return replace(finding, fix=fix, severity=_severity(finding))


def _who(finding: Finding) -> str:
    return (
        "az login"
        if finding.id.startswith("/stack/") or finding.path == "assumeRolePolicy"
        else "aws sts get-caller-identity"
    )


def _severity(finding: Finding) -> Severity:
    """No failover goes through this stack, so nothing is critical: what is open, and what stops the sync or hides it, is high."""
    if finding.path.startswith(_LABELS):
        return Severity.LOW
    if any(f"/{kind}/" in finding.id for kind in _COST_ALONE):
        return Severity.MEDIUM
    return Severity.HIGH
