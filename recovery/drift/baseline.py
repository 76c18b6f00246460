"""What the service filled in by itself, recorded right after a clean deployment, so that it is no news later.

Source of the idea: Azure's own lesson from what-if (facts: noise is what the service fills in). A baseline
holds digests only, no values: it may be committed and cannot leak. It cannot grow: writing replaces it whole
with the differences that exist now, missing and unobserved resources are never accepted, and each entry is
bound to both values, so that a new wish or a new reality shows again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from recovery.errors import BadInput, Unobserved
from recovery.model import Finding, Json, Verdict

VERSION = 1


def _digest(finding: Finding) -> str:
    text = json.dumps([finding.want, finding.have], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _key(finding: Finding) -> str:
    return f"{finding.id.lower()}#{finding.path}"


@dataclass(frozen=True)
class Baseline:
    """entries: ``id#path`` -> digest of (want, have)."""

    entries: Mapping[str, str] = field(default_factory=dict)

    def accepts(self, finding: Finding) -> bool:
        """True when exactly this difference was there right after the clean deployment."""
        return self.entries.get(_key(finding)) == _digest(finding)

    def to_json(self) -> dict[str, Json]:
        """The object that is written to the baseline file."""
        return {"version": VERSION, "entries": dict(sorted(self.entries.items()))}


def record(findings: Iterable[Finding], command: str) -> Baseline:
    """The baseline that makes `findings` no news. `command` repairs what stands in the way (for the error)."""
    findings = list(findings)
    unseen = [f for f in findings if f.verdict is Verdict.UNKNOWN]
    if unseen:
        raise Unobserved(
            f"no baseline was written: {len(unseen)} things could not be observed (first: {unseen[0].id})",
            "a baseline of what was not seen would hide it for ever",
            unseen[0].fix,
        )
    missing = [f for f in findings if f.verdict is Verdict.MISSING]
    if missing:
        raise BadInput(
            f"no baseline was written: {len(missing)} resources are missing (first: {missing[0].id})",
            "a baseline is written right after a clean deployment; this is none",
            command,
        )
    return Baseline({_key(f): _digest(f) for f in findings})


def parse(raw: Json) -> Baseline:
    """The baseline in a file's JSON. Raises BadInput when it is none."""
    entries = raw.get("entries") if isinstance(raw, dict) and raw.get("version") == VERSION else None
    if not isinstance(entries, dict) or not all(isinstance(v, str) for v in entries.values()):
        raise BadInput(
            "the baseline file is not one that `dr drift --baseline-write` wrote",
            "taking it for an empty one would report the service's own defaults as drift",
            "dr drift --baseline-write    (right after a clean deployment)",
        )
    return Baseline(entries)
