"""What is new and what is gone between two checks of the same footprint: what a watch has to say."""

from __future__ import annotations

from dataclasses import dataclass

from recovery.drift.report import Report
from recovery.model import Finding


@dataclass(frozen=True)
class Changes:
    """appeared: findings that were not there, or are there with other values. gone: findings that are no more."""

    appeared: tuple[Finding, ...]
    gone: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return bool(self.appeared or self.gone)


def between(before: Report, after: Report) -> Changes:
    """The difference, in the reports' own order. A finding whose live value moved on has appeared anew."""
    was, now = ({_key(f): f for f in report.findings} for report in (before, after))
    return Changes(
        tuple(
            f
            for key, f in now.items()
            if key not in was or (was[key].want, was[key].have) != (f.want, f.have)
        ),
        tuple(f for key, f in was.items() if key not in now),
    )


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.id.lower(), finding.path, str(finding.verdict)
