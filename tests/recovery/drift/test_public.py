"""The public names as resolvers answer them: as the zone says, otherwise, or from a cache."""

from __future__ import annotations

from typing import Any

import pytest

from recovery.drift.public import Answer, body, names
from recovery.drift.report import Live, Report, check
from recovery.model import Desired, Severity

ZONE = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.Network/dnsZones/demay.com"
RESOLVERS = ("Google", "Cloudflare")


def record(rdtype: str, label: str, **inputs: Any) -> Desired:
    return Desired("azure-native:dns:RecordSet", f"Microsoft.Network/dnsZones/{rdtype}", f"{ZONE}/{rdtype}/{label}",
                   {"ttl": 300, **inputs}, {}, "components/dns.py:9")  # fmt: skip


APEX = record("A", "@", aRecords=[{"ipv4Address": "192.0.2.10"}, {"ipv4Address": "192.0.2.11"}])
WWW = record("CNAME", "www", cnameRecord={"cname": "gw.example.com"})
LIVE = {
    APEX.id: {"id": APEX.id, "properties": {"TTL": 300, "ARecords": APEX.inputs["aRecords"]}},
    WWW.id: {"id": WWW.id, "properties": {"TTL": 300, "CNAMERecord": {"cname": "gw.example.com."}}},
}


def seen(one: Desired, *answers: Answer) -> Report:
    [name] = names([one], RESOLVERS)
    said, doubt = body(name, LIVE[one.id], answers)
    unknown = {name.desired.id: doubt} if doubt else {}
    return check([one, name.desired], Live({**LIVE, name.desired.id: said}, unknown))


def both(*values: str, ttl: int = 300) -> list[Answer]:
    return [Answer(resolver, values, ttl) for resolver in RESOLVERS]


def test_the_names_are_those_that_lead_somewhere() -> None:
    txt = record("TXT", "_acme", txtRecords=[{"value": ["x"]}])
    assert [(n.name, n.rdtype, n.ttl) for n in names([APEX, WWW, txt], RESOLVERS)] == [
        ("demay.com", "A", 300), ("www.demay.com", "CNAME", 300),
    ]  # fmt: skip


def test_answers_as_the_zone_says_are_clean_in_any_order_and_with_the_roots_dot() -> None:
    assert seen(APEX, *both("192.0.2.11", "192.0.2.10")).findings == ()
    assert seen(WWW, *both("GW.example.com")).findings == ()


@pytest.mark.parametrize("one", [APEX, WWW], ids=["A", "CNAME"])
def test_an_answer_that_no_cache_explains_is_critical_and_names_the_resolver(one: Desired) -> None:
    good = ("192.0.2.10", "192.0.2.11") if one is APEX else ("gw.example.com",)
    bad = ("198.51.100.1",) if one is APEX else ("evil.example.org",)
    report = seen(one, Answer("Google", good, 300), Answer("Cloudflare", bad, 86400))
    assert report.findings and all("Cloudflare" in f.path for f in report.findings)
    assert report.findings[0].severity is Severity.CRITICAL
    assert report.findings[0].source == "components/dns.py:9"


def test_a_name_that_a_resolver_does_not_know_at_all_is_found() -> None:
    assert seen(WWW, Answer("Google", ("gw.example.com",), 60), Answer("Cloudflare", ())).counts["~"] == 1


def test_an_old_answer_in_a_cache_is_neither_drift_nor_clean_and_says_when_to_look_again() -> None:
    report = seen(
        APEX, Answer("Google", ("192.0.2.10", "192.0.2.11"), 1), Answer("Cloudflare", ("203.0.113.10",), 42)
    )
    assert report.counts["?"] == 1 and report.counts["~"] == 0
    assert "Cloudflare" in report.findings[0].reason and "42 s" in report.findings[0].reason


def test_a_resolver_that_does_not_answer_leaves_it_unknown() -> None:
    report = seen(
        APEX, *both("192.0.2.10", "192.0.2.11")[:1], Answer("Cloudflare", (), None, "no answer within 3 s")
    )
    assert (report.counts["?"], report.complete) == (1, False)
