"""The drift baseline as a file: `baseline-STACK.json` in DR_HOME (default `.dr` in the project)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from recovery.drift import baseline
from recovery.errors import BadInput
from recovery.model import Finding, Severity, Verdict


def path_of(root: Path, stack: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where a stack's baseline lives."""
    home = environ.get("DR_HOME")
    return (Path(home) if home else root / ".dr") / f"baseline-{stack}.json"


def load(root: Path, stack: str, environ: Mapping[str, str] = os.environ) -> baseline.Baseline:
    """The baseline, empty when none was written yet. Raises BadInput for a file that is none."""
    path = path_of(root, stack, environ)
    if not path.exists():
        return baseline.Baseline()
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} cannot be read as JSON: {error}",
            "taking it for an empty one would report the service's own defaults as drift",
            f"dr drift -s {stack} --baseline-write    (right after a clean deployment)",
        ) from error
    return baseline.parse(raw)


def noise(findings: Sequence[Finding]) -> list[Finding]:
    """What may be taken for the service's own right after an up: a changed value that breaks no activation.

    A missing, unmanaged or unseen resource is never noise, and neither is a difference that is critical: that
    is an up which did not do what it said.
    """
    return [f for f in findings if f.verdict is Verdict.CHANGED and f.severity is not Severity.CRITICAL]


def write(
    root: Path, stack: str, findings: Sequence[Finding], environ: Mapping[str, str] = os.environ
) -> int:
    """Replace the baseline by the noise among `findings` (of a check without a baseline). Returns its
    size."""
    new = baseline.record(noise(findings), f"dr up -s {stack}")
    path = path_of(root, stack, environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(new.to_json(), indent=2) + "\n")
    partial.replace(path)
    return len(new.entries)
