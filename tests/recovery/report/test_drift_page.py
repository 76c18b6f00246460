"""The drift report as a page: everything on it, nothing unescaped, nothing fetched."""

from __future__ import annotations

from recovery.drift.report import Report
from recovery.model import Finding, Severity, Verdict
from recovery.report.drift_page import render

EVIL = "<script>alert(1)</script>"
REPORT = Report(
    (
        Finding(Verdict.CHANGED, "/subscriptions/S/providers/Microsoft.Network/dnsZones/demay.com", "tags.owner",
                EVIL, EVIL, Severity.CRITICAL, "components/dns.py:3", "dr up -s standby", ""),
        Finding(Verdict.UNKNOWN, "/x/" + EVIL, "", None, None, Severity.HIGH, "", "az login", EVIL),
    ),
    7, 0, 1,
    ({"id": "/x", "path": "p", "verdict": "~", "reason": EVIL, "owner": "platform", "expires": "2026-12-01"},),
)  # fmt: skip


def test_the_page_shows_every_finding_with_its_fix_and_what_was_accepted() -> None:
    page = render(REPORT, "standby", "the program against the cloud", "2026-11-25 03:00 UTC")
    for said in (
        "tags.owner",
        "dr up -s standby",
        "az login",
        "components/dns.py:3",
        "platform",
        "2026-12-01",
        "critical",
    ):
        assert said in page
    assert ">7<" in page


def test_nothing_on_the_page_is_code_from_the_world_or_comes_from_elsewhere() -> None:
    page = render(REPORT, EVIL, EVIL, EVIL)
    assert "<script" not in page
    assert "http://" not in page and "https://" not in page and "src=" not in page


def test_a_clean_report_is_a_page_too() -> None:
    page = render(Report((), 3, 0), "active", "two files", "now")
    assert "Clean: 3 resources" in page and 'class="broken"' not in page
