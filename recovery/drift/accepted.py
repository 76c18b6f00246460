"""Differences that people have agreed to live with, each with a reason, an owner and a last day.

They are kept in a file that is reviewed like code (YAML or JSON, a list). Nothing is accepted for ever: on the
day after `expires` a difference is a finding again, and says whose it was. What was not observed is never
accepted, and what `verdict`, `id` and `path` together do not name is not either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase

from recovery.drift.normalizers import canonical_id, fold
from recovery.drift.report import Report
from recovery.errors import BadInput
from recovery.model import Finding, Json, Verdict

LONGEST_DAYS = 366
"""An acceptance lasts a year at most: what is wanted for longer belongs into the program."""

_EXAMPLE = "- {id: /subscriptions/…/dnsZones/demay.com, path: tags.owner, reason: why, owner: who, expires: 2027-01-31}"
_KEYS = frozenset({"id", "path", "verdict", "reason", "owner", "expires"})


@dataclass(frozen=True)
class Acceptance:
    """One agreement. id: an ARM id, ``*`` for any text. path: a property path, ``*`` for any, "" for the resource as a whole."""

    id: str
    path: str
    verdict: Verdict
    reason: str
    owner: str
    expires: date

    def covers(self, finding: Finding) -> bool:
        """Whether this agreement is about `finding` (whatever the day)."""
        return (
            finding.verdict is self.verdict
            and fnmatchcase(canonical_id(finding.id), canonical_id(self.id))
            and _matches(self.path, finding.path)
        )

    def to_json(self, finding: Finding) -> dict[str, Json]:
        """The object in `dr drift --format json`'s `acceptances`."""
        return {
            "id": finding.id, "path": finding.path, "verdict": str(finding.verdict),
            "reason": self.reason, "owner": self.owner, "expires": self.expires.isoformat(),
        }  # fmt: skip


def _matches(pattern: str, path: str) -> bool:
    """Paths without case; `[` and `]` are ordinary characters, since list elements are named in them."""
    folded = ".".join(fold(part) if part.isalnum() else part.lower() for part in pattern.split("."))
    mine = ".".join(fold(part) if part.isalnum() else part.lower() for part in path.split("."))
    return bool(re.fullmatch(".*".join(map(re.escape, folded.split("*"))), mine))


def apply(
    findings: Iterable[Finding], acceptances: Iterable[Acceptance], today: date
) -> tuple[list[Finding], list[tuple[Acceptance, Finding]], list[Acceptance]]:
    """(findings that are left, what was accepted, agreements that nothing needed and that can be deleted)."""
    agreed = list(acceptances)
    left: list[Finding] = []
    taken: list[tuple[Acceptance, Finding]] = []
    used: set[int] = set()
    for finding in findings:
        covering = [(place, a) for place, a in enumerate(agreed) if a.covers(finding)]
        used.update(place for place, _ in covering)
        valid = next((a for _, a in covering if today <= a.expires), None)
        if valid is not None:
            taken.append((valid, finding))
        elif covering:
            left.append(replace(finding, reason=_expired(covering[0][1], finding.reason)))
        else:
            left.append(finding)
    return left, taken, [a for place, a in enumerate(agreed) if place not in used]


def settle(report: Report, acceptances: Iterable[Acceptance], today: date) -> tuple[Report, list[Acceptance]]:
    """The report without what is accepted today, and the agreements that nothing needed."""
    left, taken, unused = apply(report.findings, acceptances, today)
    ours = {f.id for _, f in taken if f.verdict is Verdict.CHANGED} - {f.id for f in left}
    return replace(
        report, findings=tuple(left), same=report.same + len(ours), accepted=report.accepted + len(taken),
        acceptances=tuple(a.to_json(f) for a, f in taken),
    ), unused  # fmt: skip


def _expired(acceptance: Acceptance, reason: str) -> str:
    said = f"accepted by {acceptance.owner} until {acceptance.expires.isoformat()} ({acceptance.reason}); that has passed"
    return f"{reason}; {said}" if reason else said


def parse(raw: Json, name: str, today: date) -> list[Acceptance]:
    """The agreements in a file's content. Raises BadInput that names every entry that is none."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise _bad(name, ["it is not a list"])
    problems: list[str] = []
    found: list[Acceptance] = []
    for place, item in enumerate(raw, start=1):
        said = list(_problems(item, today))
        if said:
            problems += [f"entry {place}: {text}" for text in said]
        else:
            found.append(_acceptance(item))
    if problems:
        raise _bad(name, problems)
    return found


def _problems(item: Json, today: date) -> Iterable[str]:
    if not isinstance(item, Mapping):
        yield "it is not an object"
        return
    for key in ("id", "reason", "owner", "expires"):
        if not str(item.get(key) or "").strip():
            yield f"`{key}` is missing"
    for key in sorted(str(k) for k in item if str(k) not in _KEYS):
        yield f"`{key}` is not known (known: {', '.join(sorted(_KEYS))})"
    if item.get("verdict") is not None and item["verdict"] not in ("~", "missing", "unmanaged"):
        yield f"`verdict` {item['verdict']!r} cannot be accepted (known: ~, missing, unmanaged)"
    if set(str(item.get("id") or "x")) <= {"*", "/"}:
        yield "`id` names everything"
    last = _day(item.get("expires"))
    if item.get("expires") and last is None:
        yield f"`expires` {item['expires']!r} is no day (YYYY-MM-DD)"
    elif last and (last - today).days > LONGEST_DAYS:
        yield f"`expires` {last.isoformat()} is more than {LONGEST_DAYS} days away: what is wanted so long belongs into the program"


def _day(value: Json) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _acceptance(item: Mapping[str, Json]) -> Acceptance:
    path = str(item.get("path") or "")
    verdict = Verdict(item.get("verdict") or ("~" if path else "unmanaged"))
    return Acceptance(
        str(item["id"]), path, verdict, str(item["reason"]).strip(), str(item["owner"]).strip(),
        date.fromisoformat(str(item["expires"])),
    )  # fmt: skip


def _bad(name: str, problems: list[str]) -> BadInput:
    return BadInput(
        f"{name}: {'; '.join(problems)}",
        "a difference that is accepted without reason, owner and end is accepted for ever, by nobody",
        f"$EDITOR {name}    (an entry: {_EXAMPLE})",
    )
