"""Drift of site trustlayer: the drift checker's own comparison and findings, over AWS's and Kubernetes' resources. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from recovery.aws.kinds import AWS
from recovery.drift import report
from recovery.drift.baseline import Baseline
from recovery.drift.report import Live, Report
from recovery.model import Desired, Finding, Json, Severity, Verdict
from recovery.trustlayer.kinds import repair

_CARRIES = (
    "apps/v1/Deployment",
    "AWS::RDS::DBInstance",
    "AWS::S3::BucketPolicy",
    "AWS::Route53::",
    "v1/Namespace",
    "AWS::S3::Bucket/",
    "AWS::S3::Object/",
)
"""Resources that an activation goes through: without them, or with them changed, us-west-2 does not serve."""
FLAG_TYPE, FLAG_ID = "trustlayer:flag", "/aws/us-west-2/AWS::S3::Object/flags/active"
_LABELS = ("metadata.labels", "metadata.annotations", "comment")


def check(
    desired: Iterable[Desired], live: Live, baseline: Baseline | None = None, stack: str = "trustlayer-standby"
) -> Report:  # fmt: skip
    """Compare everything declared with everything read. Same report, same findings, this site's repairs and severities."""
    found = report.check([comparable(one) for one in desired], live, baseline, stack)
    findings = tuple(_of_this_site(one, stack) for one in found.findings)
    order = list(Severity)
    return replace(
        found, findings=tuple(sorted(findings, key=lambda f: (order.index(f.severity), f.id.lower(), f.path)))
    )


def comparable(desired: Desired) -> Desired:
    """Without what only the provider keeps (no service returns it); the traffic flag as the object that it is."""
    if desired.type.endswith(":TrafficFlag"):
        there = {"present": desired.inputs.get("want") == "set"}
        return Desired(FLAG_TYPE, "AWS::S3::Object", FLAG_ID, there, desired.options, desired.source)
    silent = AWS[desired.type].silent if desired.type in AWS else frozenset()
    inputs = {key: value for key, value in desired.inputs.items() if key not in silent}
    return replace(desired, inputs=inputs)


def _of_this_site(finding: Finding, stack: str) -> Finding:
    fix = repair(finding.id, stack)
    if finding.verdict is Verdict.UNKNOWN:
        fix = f"dr drift -s {stack}    (again, once it answers)"
    elif finding.verdict is Verdict.UNMANAGED:
        kind, _, name = finding.id.partition("/us-west-2/")[2].rpartition("/trustlayer/")
        fix = f"kubectl --context us-west-2 -n trustlayer delete {kind.rpartition('/')[2].lower()} {name}    (or declare it in the program)"
    return replace(finding, fix=fix, severity=_severity(finding))


def _severity(finding: Finding) -> Severity:
    if finding.verdict is Verdict.UNMANAGED:
        return Severity.MEDIUM
    if finding.verdict is Verdict.UNKNOWN:
        return finding.severity
    if finding.path.startswith(_LABELS):
        return Severity.LOW
    carries = any(f"/{kind}" in f"{finding.id}/" for kind in _CARRIES)
    if finding.path == "spec.replicas":  # a dial: more than wanted costs, and fewer do not carry the load
        more = isinstance(finding.have, int) and isinstance(finding.want, int) and finding.have > finding.want
        return Severity.MEDIUM if more else Severity.CRITICAL
    return Severity.CRITICAL if carries else Severity.HIGH


def strangers(declared: Iterable[str], bodies: Mapping[str, Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    """Of the live objects of the namespace (by id), those that nobody declared."""
    ours = {id.lower() for id in declared}
    return [
        {"id": id, "type": str(body.get("kind", "")), "kind": body.get("kind")}
        for id, body in bodies.items()
        if id.lower() not in ours
    ]
