"""`dr ready` on a standby that the real CLI has built, beside the quiet check by Pulumi itself (READY-1 to READY-7)."""

from __future__ import annotations

import json

from recovery.arm.catalogue import CATALOGUE
from recovery.readiness.registry import CHECKS
from tests.pulumi_cli.conftest import Bench

PULUMIS = {"handover", "preview", "drift", "outside"}
"""Checks that read what Pulumi left: checkpoints, a preview by its engine, the live footprint, the backend."""

LATER = {
    "data-age", "proofs", "documents", "site", "certificate", "renewal", "boot", "drill", "recovery-time", "dead-man",
}  # fmt: skip
"""What a footprint without data, certificate, archive and drill cannot be: as a newcomer meets it after the first up."""


def test_a_standby_of_the_real_cli_is_judged_whole_and_pulumis_own_check_agrees(ready: Bench) -> None:
    said = ready.dr("ready", "-s", "standby", "--format", "json")
    results = {one["id"]: one for one in json.loads(said.out)["results"]}
    assert set(results) == {check.id for check in CHECKS}
    assert {id: r["sentence"] for id, r in results.items() if r["verdict"] == "unknown"} == {}
    wrong = {id: r["sentence"] for id, r in results.items() if r["verdict"] != "ready"}
    assert set(wrong) <= LATER, wrong
    assert set(results) - set(wrong) >= PULUMIS
    assert "by engine pulumi" in results["preview"]["sentence"]
    assert said.code == 3
    assert all(r["fix"] for id, r in results.items() if id in wrong)
    clean = ready.pulumi("preview", "-s", "standby", "--expect-no-changes")
    assert clean.code == 0, clean.said


def test_one_change_behind_the_back_is_found_by_both(ready: Bench) -> None:
    """The table's drift: a rule that the program does not know; Pulumi's own check exits with 7."""
    token = "azure-native:network:NetworkSecurityGroup"
    group = ready.live(token, "nsg-api")
    rule = {"name": "let-me-in", "properties": {
        "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "priority": 4000, "sourceAddressPrefix": "*",
        "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "22",
    }}  # fmt: skip
    rules = [*group["properties"]["securityRules"], rule]
    body = {k: v for k, v in group.items() if k != "etag"} | {
        "properties": {**group["properties"], "securityRules": rules}
    }
    ready.arm.put(group["id"], body, CATALOGUE[token].api_version)
    ours = ready.dr("ready", "-s", "standby", "--check", "drift", "--format", "json")
    drift = ready.pulumi("preview", "-s", "standby", "--expect-no-changes")
    back = ready.pulumi("up", "-s", "standby", "--yes", "--skip-preview")
    assert back.code == 0, back.said
    assert (ours.code, drift.code) == (3, 7), ours.said + drift.said
    assert "let-me-in" in ours.out or "securityRules" in ours.out
    clean = ready.pulumi("preview", "-s", "standby", "--expect-no-changes")
    assert clean.code == 0, clean.said
