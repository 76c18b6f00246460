"""Accepted differences: a reason, an owner, a last day; never for ever, never what was not observed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from recovery.drift.accepted import LONGEST_DAYS, parse, settle
from recovery.drift.report import Report
from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.model import Finding, Severity, Verdict

TODAY = date(2026, 11, 25)
ZONE = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.Network/dnsZones/demay.com"
ENTRY = {
    "id": ZONE,
    "path": "tags.owner",
    "reason": "renamed next week",
    "owner": "platform",
    "expires": "2026-12-01",
}


def finding(path: str = "tags.owner", verdict: Verdict = Verdict.CHANGED, id: str = ZONE) -> Finding:
    return Finding(verdict, id, path, "a", "b", Severity.LOW, "components/dns.py:3", "dr up -s standby", "")


def settled(raw: list[dict[str, Any]], *findings: Finding, today: date = TODAY) -> tuple[Report, int]:
    report, unused = settle(Report(findings, 0, 0), parse(raw, "f.yaml", today), today)
    return report, len(unused)


def test_an_accepted_difference_is_no_finding_and_is_told_with_its_owner() -> None:
    report, unused = settled([ENTRY], finding())
    assert (report.findings, report.exit_code, report.same, report.accepted, unused) == (
        (),
        ExitCode.CLEAN,
        1,
        1,
        0,
    )
    [told] = report.to_json()["acceptances"]
    assert (told["owner"], told["expires"], told["path"]) == ("platform", "2026-12-01", "tags.owner")


def test_the_last_day_still_holds_and_the_day_after_brings_the_finding_back_with_its_owner() -> None:
    last = date(2026, 12, 1)
    agreed = parse([ENTRY], "f.yaml", TODAY)
    held, _ = settle(Report((finding(),), 0, 0), agreed, last)
    assert held.findings == ()
    back, unused = settle(Report((finding(),), 0, 0), agreed, last + timedelta(days=1))
    assert back.exit_code is ExitCode.FINDING and unused == []
    assert "platform" in back.findings[0].reason and "2026-12-01" in back.findings[0].reason


@pytest.mark.parametrize(
    ("changes", "other"),
    [
        ({}, finding("tags.other")),
        ({}, finding("tags.owner2")),
        ({}, finding(id=ZONE + "/A/www")),
        ({}, finding("", Verdict.MISSING)),
        ({}, finding("tags.owner", Verdict.UNKNOWN)),
        ({"path": ""}, finding("", Verdict.MISSING)),
        ({"path": "*"}, finding("", Verdict.UNKNOWN)),
        ({"path": "a.b"}, finding("axb")),
        ({"path": "rules[*].port"}, finding("rules[a].access")),
    ],
)
def test_what_an_agreement_does_not_name_is_not_accepted(changes: dict[str, str], other: Finding) -> None:
    report, unused = settled([{**ENTRY, **changes}], other)
    assert report.findings == (other,)
    assert unused == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"id": ZONE.upper().replace("/SUBSCRIPTIONS", "/subscriptions")}, finding()),
        ({"id": "*/dnsZones/demay.com"}, finding()),
        ({"path": "tags.*"}, finding()),
        ({"path": "properties.securityRules[*].access"}, finding("properties.securityRules[ssh].access")),
        ({"path": "", "verdict": "unmanaged"}, finding("", Verdict.UNMANAGED)),
        ({"path": ""}, finding("", Verdict.UNMANAGED)),
        ({"path": "", "verdict": "missing"}, finding("", Verdict.MISSING)),
    ],
)
def test_an_agreement_names_ids_without_case_and_parts_by_a_star(
    changes: dict[str, str], named: Finding
) -> None:
    assert settled([{**ENTRY, **changes}], named)[0].findings == ()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({**ENTRY, "reason": " "}, "`reason` is missing"),
        ({k: v for k, v in ENTRY.items() if k != "owner"}, "`owner` is missing"),
        ({k: v for k, v in ENTRY.items() if k != "expires"}, "`expires` is missing"),
        ({**ENTRY, "expires": "soon"}, "is no day"),
        ({**ENTRY, "expires": (TODAY + timedelta(LONGEST_DAYS + 1)).isoformat()}, "more than 366 days"),
        ({**ENTRY, "verdict": "?"}, "cannot be accepted"),
        ({**ENTRY, "id": "*"}, "names everything"),
        ({**ENTRY, "expire": "x"}, "`expire` is not known"),
        ("x", "not an object"),
    ],
)
def test_an_agreement_without_reason_owner_or_end_is_refused_by_entry(entry: Any, said: str) -> None:
    with pytest.raises(BadInput, match="entry 2") as refused:
        parse([ENTRY, entry], "f.yaml", TODAY)
    assert said in str(refused.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        parse([{"id": "x"}, {"id": "y"}], "f.yaml", TODAY)
    assert str(refused.value).count("is missing") == 6
