"""What stops a run before it does harm."""

from __future__ import annotations

import json

import pytest

from recovery.arm.catalogue import CATALOGUE
from recovery.errors import Stopped
from tests.pulumi_cli.conftest import Bench, enlarge


@pytest.fixture
def forgotten(ready: Bench) -> Bench:
    """The stack `active` as if it had never been handed over."""
    gone = ready.pulumi("stack", "rm", "active", "--force", "--yes", "--preserve-config")
    assert gone.code == 0, gone.said
    made = ready.pulumi("stack", "init", "active")
    assert made.code == 0, made.said
    return ready


def test_a_stack_that_was_never_handed_over_is_stopped_by_the_program_before_anything_is_created(
    forgotten: Bench,
) -> None:
    """design.md "The program guards itself": a bare `pulumi up -s active` creates nothing and names the way out."""
    mark = forgotten.request_mark()
    refused = forgotten.pulumi("up", "-s", "active", "--yes", "--skip-preview")
    assert refused.code != 0, refused.said
    assert "dr handover standby active" in refused.said
    assert forgotten.writes(mark) == []
    by_dr = forgotten.dr("up", "-s", "active", "--yes")
    assert by_dr.code == 4, by_dr.said
    assert "dr handover standby active" in by_dr.err
    assert forgotten.writes(mark) == []


def test_a_stack_handed_over_from_an_older_footprint_is_stopped(ready: Bench) -> None:
    """A resource that was added to the program, but is not in the handed-over checkpoint, is not created in a switch."""
    enlarge(ready)
    mark = ready.request_mark()
    refused = ready.pulumi("up", "-s", "active", "--yes", "--skip-preview")
    assert refused.code != 0, refused.said
    assert "older footprint" in refused.said
    assert "dr handover standby active" in refused.said
    assert ready.writes(mark) == []


def test_in_mid_contingency_an_enlarged_footprint_is_built_when_a_person_names_it(ready: Bench) -> None:
    """Nobody can hand over what exists nowhere yet: the exception is named, and only what the checkpoint knows is old."""
    there = ready.dr("up", "-s", "active", "--yes")
    assert there.code == 0, there.said
    enlarge(ready)
    refused = ready.dr("up", "-s", "active", "--yes")
    assert refused.code == 4, refused.said
    assert "--allow create" in refused.err
    built = ready.dr("up", "-s", "active", "--yes", "--allow", "create")
    assert built.code == 0, built.said
    back = ready.dr("up", "-s", "standby", "--yes")
    assert back.code == 0, back.said
    id_ = ready.id_of("azure-native:network:NetworkSecurityGroup", "nsg-later")
    ready.arm.delete(id_, CATALOGUE["azure-native:network:NetworkSecurityGroup"].api_version)


@pytest.mark.parametrize("stack", ["active", "standby"])
def test_a_setting_that_changes_in_place_may_change_in_either_mode(ready: Bench, stack: str) -> None:
    """Seen in a rehearsal: two more instances in mid-contingency were stopped as another footprint."""
    if stack == "active":
        there = ready.pulumi("up", "-s", "active", "--yes", "--skip-preview")
        assert there.code == 0, there.said
    for name in ("standby", "active"):
        file = ready.project / f"Pulumi.{name}.yaml"
        text = file.read_text()
        changed = text.replace("instances: 2", "instances: 3").replace("ttl: 60", "ttl: 120")
        assert changed != text
        file.write_text(changed)
    done = ready.pulumi("up", "-s", stack, "--yes", "--skip-preview")
    assert done.code == 0, done.said
    assert ready.dials()["capacity"] == (3 if stack == "active" else 0)
    other = ready.pulumi("up", "-s", "active" if stack == "standby" else "standby", "--yes", "--skip-preview")
    assert other.code == 0, other.said
    assert ready.dials()["capacity"] == (0 if stack == "active" else 3)


def test_what_was_not_in_the_shown_plan_is_not_done(ready: Bench) -> None:
    """docs/adr, the plan that was shown: reality moved between the question and the answer."""
    from clouds.pulumi_cli import PulumiCli
    from clouds.pulumi_engine import PulumiEngine

    engine = PulumiEngine(ready.project, cli=PulumiCli(ready.project, ready.environment))
    engine.preview("standby")
    group = ready.live("azure-native:network:NetworkSecurityGroup", "nsg-gateway")
    version = CATALOGUE["azure-native:network:NetworkSecurityGroup"].api_version
    rules = group["properties"]["securityRules"]
    group["properties"]["securityRules"] = rules[:-1]
    ready.arm.put(group["id"], {k: v for k, v in group.items() if k != "etag"}, version)
    with pytest.raises(Stopped) as refusal:
        engine.apply("standby", on_event=lambda event: None)
    assert "nsg-gateway" in refusal.value.summary
    now = ready.arm.get(group["id"], version)["properties"]["securityRules"]
    assert len(now) == len(rules) - 1
    repaired = engine.up("standby", on_event=lambda event: None)
    assert [s.name for s in repaired.changes] == ["nsg-gateway"]


def test_the_safety_gate_stops_an_up_that_would_create_and_the_named_exception_lets_it_pass(
    ready: Bench,
) -> None:
    """A resource deleted by hand is not quietly built anew during a switch."""
    record = ready.id_of("azure-native:dns:RecordSet", "www-record")
    ready.arm.delete(record, CATALOGUE["azure-native:dns:RecordSet"].api_version)
    mark = ready.request_mark()
    refused = ready.dr("up", "-s", "standby", "--yes")
    assert refused.code == 4, refused.said
    assert "RecordSet www-record" in refused.err
    assert ready.writes(mark) == []
    repaired = ready.dr("up", "-s", "standby", "--yes", "--allow", "create")
    assert repaired.code == 0, repaired.said


def test_a_property_that_azure_fixes_at_creation_is_previewed_as_a_replacement_and_refused(
    ready: Bench,
) -> None:
    """recovery/arm/mutability.py: the zones of a scale set. A switch replaces nothing, whatever stands in the settings."""
    for name in ("standby", "active"):
        file = ready.project / f"Pulumi.{name}.yaml"
        text = file.read_text()
        changed = text.replace('zones: ["1", "2", "3"]', 'zones: ["1", "2"]')
        assert changed != text
        file.write_text(changed)
    mark = ready.request_mark()
    shown = ready.dr("preview", "-s", "standby", "--format", "json")
    assert shown.code == 4, shown.said
    steps = {step["name"]: step["action"] for step in json.loads(shown.out)["steps"]}
    assert steps["api"] == "±", shown.said
    for extra in ((), ("--allow", "create")):
        refused = ready.dr("up", "-s", "standby", "--yes", *extra)
        assert refused.code == 4, refused.said
        assert "± VirtualMachineScaleSet api" in refused.err
    assert ready.writes(mark) == []


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("up", "-s", "stanby"), "stanby"),
        (("up", "-s", "active", "--engine", "terraform"), "terraform"),
        (("up", "-s", "active", "--allow", "everything"), "everything"),
        (("handover", "standby", "standby"), "standby to standby"),
    ],
)
def test_bad_input_gets_one_clear_error_and_changes_nothing(
    ready: Bench, args: tuple[str, ...], word: str
) -> None:
    mark = ready.request_mark()
    refused = ready.dr(*args)
    assert refused.code == 2, refused.said
    assert word in refused.err
    assert "fix:" in refused.err
    assert ready.writes(mark) == []
