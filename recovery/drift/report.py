"""Desired x live x baseline -> findings, each with what a tired person needs to act on it.

Every declared resource ends with one verdict: equal, changed, missing, or not observed. What could not be
read is never called equal and never called missing.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from recovery.arm.mutability import is_fixed_in_body
from recovery.arm.placeholders import resolve
from recovery.drift import dynamic, severity, unmanaged
from recovery.drift.baseline import Baseline
from recovery.drift.compare import Difference, Kind, compare
from recovery.drift.normalizers import canonical_id
from recovery.drift.prepare import declared_body, token_of
from recovery.drift.secrets import masked
from recovery.exit_codes import ExitCode
from recovery.model import Desired, Finding, Json, Verdict


@dataclass(frozen=True)
class Live:
    """What was read. bodies: id -> body (extra reads merged in). unknown: id -> why it could not be read.

    unmanaged: bodies in the footprint's resource group that nobody declared. Ids are looked up without case.
    """

    bodies: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    unmanaged: Sequence[Mapping[str, Json]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "bodies", {canonical_id(k): v for k, v in self.bodies.items()})
        object.__setattr__(self, "unknown", {canonical_id(k): v for k, v in self.unknown.items()})

    def body(self, id: str) -> Mapping[str, Json] | None:
        """The live body of `id`, or None when it is missing or was not read."""
        return self.bodies.get(canonical_id(id))

    def why_unknown(self, id: str) -> str | None:
        """Why `id` was not read, or None when it was."""
        return self.unknown.get(canonical_id(id))


@dataclass(frozen=True)
class Report:
    """findings: worst first. same: declared resources without a finding. skipped: declared, cannot drift.

    accepted: differences that the baseline or people's agreements cover; acceptances: the latter, one by one.
    """

    findings: tuple[Finding, ...]
    same: int
    skipped: int
    accepted: int = 0
    acceptances: tuple[Mapping[str, Json], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything could be observed. Nothing may be called clean or ready while it is False."""
        return not any(f.verdict is Verdict.UNKNOWN for f in self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """Findings by verdict; under ``=`` the declared resources that have none."""
        found = Counter(str(f.verdict) for f in self.findings)
        return {str(v): self.same if v is Verdict.SAME else found[str(v)] for v in Verdict}

    @property
    def exit_code(self) -> ExitCode:
        """3 where something differs, else 5 where something was not seen, else 0."""
        if any(f.verdict is not Verdict.UNKNOWN for f in self.findings):
            return ExitCode.FINDING
        return ExitCode.CLEAN if self.complete else ExitCode.UNOBSERVED

    def to_json(self) -> dict[str, Json]:
        """The object that `dr drift --format json` prints."""
        return {
            "findings": [f.to_json() for f in self.findings], "counts": self.counts, "complete": self.complete,
            "accepted": self.accepted, "acceptances": [dict(a) for a in self.acceptances], "skipped": self.skipped,
        }  # fmt: skip


def check(
    desired: Iterable[Desired], live: Live, baseline: Baseline | None = None, stack: str = "standby"
) -> Report:
    """Compare everything declared with everything read. Pure: the same input gives the same report."""
    findings: list[Finding] = []
    clean = skipped = 0
    seen: set[str] = set()
    for declared in desired:
        wanted = dynamic.as_arm(declared)
        if wanted is None or _cannot_be_seen(declared, wanted, live):
            skipped += 1
            continue
        found = _one(wanted, live, stack)
        clean += not found
        findings += found
        seen.add(canonical_id(wanted.id))
    findings += [_stranger(body) for body in live.unmanaged]
    findings += [_not_read(id, reason) for id, reason in live.unknown.items() if id not in seen]
    known = baseline or Baseline()
    news = [f for f in findings if not known.accepts(f)]
    order = list(type(severity.UNKNOWN))
    news.sort(key=lambda f: (order.index(f.severity), f.id.lower(), f.path))
    accepted_ids = {f.id for f in findings if known.accepts(f)} - {f.id for f in news}
    declared_now_clean = len({id for id in accepted_ids if live.body(id) is not None})
    return Report(tuple(news), clean + declared_now_clean, skipped, len(findings) - len(news))


def _cannot_be_seen(declared: Desired, wanted: Desired, live: Live) -> bool:
    """A dynamic resource of which a list of ARM bodies says nothing (`dr drift --desired D --live L`)."""
    if dynamic.kind(declared.type) is None:
        return False
    return live.body(wanted.id) is None and live.why_unknown(wanted.id) is None


def _one(wanted: Desired, live: Live, stack: str) -> list[Finding]:
    reason = live.why_unknown(wanted.id)
    if reason is not None:
        return [_unknown(wanted, "", reason)]
    body = live.body(wanted.id)
    if body is None:
        return [
            Finding(
                Verdict.MISSING, wanted.id, "", wanted.arm_type or wanted.type, None,
                severity.of_missing(wanted.arm_type), wanted.source, f"dr up -s {stack} --allow create",
            )
        ]  # fmt: skip
    if wanted.inputs.get("observed") is not None and body.get("observed") == dynamic.UNOBSERVED:
        return [_unknown(wanted, "observed", str(body.get("detail") or "it could not be observed"))]
    inputs = resolve(dict(wanted.inputs), live.body)
    differences = compare(declared_body(replace(wanted, inputs=inputs), body), body)
    differences += dynamic.throughput_kind(wanted, body)
    return [f for d in differences if (f := _changed(wanted, d, live, stack)) is not None]


def _changed(wanted: Desired, difference: Difference, live: Live, stack: str) -> Finding | None:
    if difference.kind is Kind.UNKNOWN:
        reason = live.why_unknown(difference.depends_on)
        if reason is None and live.body(difference.depends_on) is None:
            return None  # that resource is missing, which is a finding of its own
        return _unknown(wanted, difference.path, reason or f"{difference.depends_on} does not say it (yet)")
    fixed = is_fixed_in_body(token_of(wanted), difference.path)
    return Finding(
        Verdict.CHANGED, wanted.id, difference.path, difference.want, difference.have,
        severity.of_change(wanted.arm_type, difference), wanted.source,
        f"dr preview -s {stack}    (shows a replacement: decide it, do not run it on the day)" if fixed else f"dr up -s {stack}",
        "nobody declared this element" if difference.kind is Kind.EXTRA else
        "this cannot be changed in place" if fixed else "",
    )  # fmt: skip


def _unknown(wanted: Desired, path: str, reason: str) -> Finding:
    return Finding(
        Verdict.UNKNOWN, wanted.id, path, None, None, severity.UNKNOWN, wanted.source, _fix_unknown(wanted.id, reason), reason
    )  # fmt: skip


def _not_read(id: str, reason: str) -> Finding:
    """Something beside the declared resources (the list of a group) that could not be read."""
    fix = _fix_unknown(id, reason)
    return Finding(Verdict.UNKNOWN, id, "", None, None, severity.UNKNOWN, "", fix, reason)


def _fix_unknown(id: str, reason: str) -> str:
    scope = id.partition("/providers/")[0] or id
    if "403" in reason or "Authorization" in reason:
        return (
            f"az role assignment create --role Reader --scope {shlex.quote(scope)} --assignee YOUR_OBJECT_ID"
        )
    if "401" in reason or "Authentication" in reason:
        return "az login"
    return "dr drift    (again, once the service answers)"


def _stranger(body: Mapping[str, Json]) -> Finding:
    id = str(body.get("id") or "")
    arm_type = unmanaged.type_of(body)
    shown = {k: body[k] for k in ("type", "location", "tags", "kind") if body.get(k)}
    return Finding(
        Verdict.UNMANAGED, id, "", None, masked((), shown) or None, severity.of_unmanaged(arm_type), "",
        f"az resource delete --ids {shlex.quote(id)}    (or declare it in the program)",
        "nobody declared it, so no failover counts on it",
    )  # fmt: skip
