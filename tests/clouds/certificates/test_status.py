"""READY-6, `dr cert status`: what passes, what does not, and what could not be seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from clouds.azure.vaults import Certificate
from clouds.certificate import Seen
from scripts.cert import _verdict, lines

NAMES = ("demay.com", "*.demay.com")
FIT = Certificate(
    "site", "v1", NAMES, datetime(2030, 1, 1, tzinfo=UTC), True, False, "https://v/secrets/site/v1"
)
GOOD = Seen(FIT, "CN=Some CA", 80, True, True)


def test_what_passes_has_no_findings() -> None:
    assert GOOD.findings(NAMES) == []
    assert "passes" in _verdict(GOOD, [], False)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(GOOD, newest=None), "there is no certificate"),
        (replace(GOOD, newest=replace(FIT, self_signed=True)), "self-signed"),
        (replace(GOOD, newest=replace(FIT, enabled=False)), "disabled"),
        (replace(GOOD, days=30), "30 days left; more than 30"),
        (replace(GOOD, newest=replace(FIT, names=("*.demay.com",))), "does not name demay.com"),
        (replace(GOOD, bound=False), "bound to another secret"),
        (replace(GOOD, served=False), "older version"),
        (replace(GOOD, refused="unable to get local issuer certificate"), "clients refuse"),
    ],
)
def test_each_fault_keeps_it_from_passing(seen: Seen, words: str) -> None:
    findings = seen.findings(NAMES)
    assert len(findings) == 1 and words in findings[0]
    assert "does not pass" in _verdict(seen, findings, False)


def test_a_self_signed_one_is_named_so_beside_its_issuer() -> None:
    assert any(
        "self-signed: does not pass" in line
        for line in lines(replace(GOOD, newest=replace(FIT, self_signed=True)))
    )


def test_what_could_not_be_seen_is_neither_a_finding_nor_a_pass() -> None:
    unseen = replace(GOOD, served=None, reasons=("TLS did not answer",))
    assert unseen.findings(NAMES) == []
    assert "could not be seen" in _verdict(unseen, [], True)
