"""Hand-over between passphrases, a canary secret, the first release's checkpoint (real CLI)."""

from __future__ import annotations

import json

from recovery.arm.catalogue import CATALOGUE
from recovery.checkpoint import Rename, rewrite, secrets_providers
from tests.pulumi_cli.conftest import ROOT, Bench

CANARY = "canary-9f27c1d4e0"
FIRST_RELEASE = ROOT / "tests/data/checkpoint-0.1.0.json"

CANARY_PROGRAM = f"""
import pulumi as _pulumi
from pulumi_azure_native import network as _network

_network.NetworkSecurityGroup(
    "canary", resource_group_name="rg-demay-dr", network_security_group_name="nsg-canary", location="brazilsouth",
    tags={{"note": _pulumi.Output.secret("".join(reversed("{CANARY[::-1]}")))}},
    opts=_pulumi.ResourceOptions(retain_on_delete=True),
)
"""


def test_stacks_with_different_passphrases_hand_over_and_each_keeps_its_own(ready: Bench) -> None:
    """facts.md: the export carries the source's secrets provider; it must be replaced by the target's."""
    ready.pulumi("stack", "rm", "active", "--force", "--yes", "--preserve-config")
    path = ready.project / "Pulumi.active.yaml"
    path.write_text((ROOT / "Pulumi.active.yaml").read_text())
    over = ready.dr("handover", "standby", "active", DR_TARGET_PASSPHRASE="another one")
    assert over.code == 0, over.said
    planned = ready.pulumi("preview", "-s", "active", PULUMI_CONFIG_PASSPHRASE="another one")
    assert planned.code == 0, planned.said
    refused = ready.pulumi("preview", "-s", "active")
    assert refused.code != 0, "the source's passphrase must not open the target"
    wrong = ready.dr("handover", "standby", "active")
    assert wrong.code == 2, wrong.said
    assert "DR_TARGET_PASSPHRASE" in wrong.err


def test_a_canary_secret_in_the_program_appears_in_no_file_and_no_output(ready: Bench) -> None:
    """The secret goes through up, hand-over, preview and a failing run; only the cloud itself may know it."""
    program = ready.project / "__main__.py"
    program.write_text(program.read_text() + CANARY_PROGRAM)
    said = []
    for args in (
        ("up", "-s", "standby", "--yes", "--allow", "create"),
        ("handover", "standby", "active"),
        ("preview", "-s", "active", "--format", "json"),
        ("preview", "-s", "standby", "--format", "json"),
        ("desired", "-s", "standby", "--format", "json"),
        ("up", "-s", "stanby"),
    ):
        done = ready.dr(*args)
        assert done.code == (2 if "stanby" in args else 0), done.said
        said.append(done.said)
    said.append(ready.pulumi("stack", "export", "-s", "active").out)
    assert "canary" in said[-1], "the resource must have been handed over"
    assert [text for text in said if CANARY in text] == []
    holders = [
        str(path)
        for path in ready.project.parent.rglob("*")
        if path.is_file() and not path.is_symlink() and CANARY.encode() in path.read_bytes()
    ]
    assert holders == []
    nsg = "azure-native:network:NetworkSecurityGroup"
    live = ready.live(nsg, "canary")
    assert live["tags"]["note"] == CANARY, "else the canary never flew"
    ready.arm.delete(live["id"], CATALOGUE[nsg].api_version)


def test_the_checkpoint_of_the_first_release_still_refreshes(ready: Bench) -> None:
    """facts.md "Dynamic providers and refactoring": names are frozen, old properties have defaults."""
    released = json.loads(FIRST_RELEASE.read_text())
    own = secrets_providers(ready.exported("standby"))
    state = rewrite(released, Rename("standby", "standby", "standby"), own)
    file = ready.project.parent / "released.json"
    file.write_text(json.dumps(state))
    imported = ready.pulumi("stack", "import", "-s", "standby", "--file", str(file))
    assert imported.code == 0, imported.said
    refreshed = ready.pulumi("refresh", "-s", "standby", "--yes", "--skip-preview")
    assert refreshed.code == 0, refreshed.said
    planned = ready.pulumi("preview", "-s", "standby", "--json", "--show-sames")
    assert planned.code == 0, planned.said
    plan = json.loads(planned.out)
    held = {resource["urn"] for resource in ready.exported("standby")["deployment"]["resources"]}
    planned_for = {step["urn"]: step["op"] for step in plan["steps"] if step["op"] not in ("refresh", "read")}
    # What the first release made keeps its place; what came to the footprint since is created, and nothing else.
    assert {urn: op for urn, op in planned_for.items() if op not in ("same", "update", "create")} == {}
    assert {urn for urn, op in planned_for.items() if op == "create"} & held == set()
    assert len(held) > 40, "else nothing was taken over"


def test_dr_leaves_the_stack_files_as_they_are_tracked(ready: Bench) -> None:
    """The CLI writes its salt into them; on a local cloud the checkpoints have it."""
    files = {name: (ROOT / name).read_bytes() for name in ("Pulumi.standby.yaml", "Pulumi.active.yaml")}
    for name, data in files.items():
        (ready.project / name).write_bytes(data)
    for command in (("preview", "-s", "active", "--engine", "pulumi"), ("handover", "standby", "active")):
        done = ready.dr(*command)
        assert done.code in (0, 3), done.said
    assert {name: (ready.project / name).read_bytes() for name in files} == files
