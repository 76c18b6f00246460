"""The whole footprint in both modes: what differs is the dials, and a switch is updates alone."""

from __future__ import annotations

from dataclasses import replace

from components.naming import Names
from components.settings import Settings
from localcloud.provider.create_only import is_create_only
from localcloud.provider.differences import differences
from recovery.model import Action, Desired
from tests.components.recording import Recording, whole

DIALS: dict[str, set[str]] = {
    "api": {"sku.capacity"},
    "cosmos-throughput": {"throughput"},
    "uploads-subscription": {"filter.subjectBeginsWith"},
    "gateway": {"autoscaleConfiguration.minCapacity"},
    "apex-record": {"aRecords[0].ipv4Address", "aRecords[1]"},
    "api-record": {"cnameRecord.cname"},
    "www-record": {"cnameRecord.cname"},
    "mode-record": {"properties.tags.mode"},
    "sync-daily": {"template.containers[0].args[2]"},
    "sync-watch": {"template.scale.minReplicas"},
    # What the gates are asked for; a gate is no part of the footprint.
    "direction-record": {"want"},
    "health-gate": {"want", "instances"},
    "return-gate": {"want"},
    "drain-gate": {"want"},
}
"""Every input that may depend on the mode (docs/architecture.md, "Dials")."""


def changed(old: Desired, new: Desired) -> set[str]:
    return {found.path for found in differences(old.inputs, new.inputs)}


def planned(old: Recording, new: Recording) -> dict[str, Action]:
    """What an engine whose state is `old` plans for `new`, by URN; what stays the same is left out."""
    plan = dict.fromkeys(new.urns.keys() - old.urns.keys(), Action.CREATE)
    plan |= dict.fromkeys(old.urns.keys() - new.urns.keys(), Action.DELETE)
    for urn in new.urns.keys() & old.urns.keys():
        was, now = old.urns[urn], new.urns[urn]
        paths = changed(was, now)
        if (was.type, was.id) != (now.type, now.id) or any(is_create_only(now.type, p) for p in paths):
            plan[urn] = Action.REPLACE
        elif paths:
            plan[urn] = Action.UPDATE
    return plan


def of_one_stack(recording: Recording) -> Recording:
    """With the stack's name taken out of the URNs, as a hand-over does."""
    urns = {urn.replace("::active::", "::standby::", 1).replace("urn:pulumi:active", "urn:pulumi:standby", 1): d
            for urn, d in recording.urns.items()}  # fmt: skip
    return replace(recording, urns=urns)


def test_the_modes_differ_in_the_dials_alone(standby: Recording, active: Recording) -> None:
    """design.md "Two stacks, one footprint": nothing but the dials may depend on the mode."""
    assert standby.resources.keys() == active.resources.keys()
    found = {name: changed(standby.resources[name], active.resources[name]) for name in standby.resources}
    assert {name: paths for name, paths in found.items() if paths} == DIALS


def test_options_other_than_the_order_are_the_same_in_both_modes(
    standby: Recording, active: Recording
) -> None:
    for name, one in standby.resources.items():
        other = active.resources[name]
        assert {**one.options, "dependsOn": 0} == {**other.options, "dependsOn": 0}, name
        assert one.source == other.source, name


def test_a_mode_switch_plans_no_create_replace_or_delete(standby: Recording, active: Recording) -> None:
    """In both directions: same URNs, same types, same ids, and no changed property that Azure fixes at creation."""
    handed_over = of_one_stack(active)
    for old, new in ((standby, handed_over), (handed_over, standby)):
        assert set(planned(old, new).values()) == {Action.UPDATE}
        assert {urn.rpartition("::")[2] for urn in planned(old, new)} == set(DIALS)


def test_a_new_place_or_a_new_prefix_would_be_seen_as_replacements(
    site: Settings, standby: Recording
) -> None:
    """The plan above can fail: what Azure fixes at creation is recognised."""
    moved = whole(replace(site, location="eastus2"))
    actions = planned(standby, moved)
    assert Action.REPLACE in actions.values()
    assert actions["urn:pulumi:standby::standby::standby:azure:Network$azure-native:network:VirtualNetwork::vnet"] is Action.REPLACE  # fmt: skip
    renamed = planned(standby, whole(replace(site, names=Names("other"))))
    zone = "urn:pulumi:standby::standby::standby:azure:Zone$azure-native:dns:Zone::zone"
    assert {urn for urn, action in renamed.items() if action is Action.REPLACE} >= {
        urn for urn in standby.urns if "azure-native:" in urn and urn != zone
    }


def test_every_dial_stands_where_its_mode_wants_it(
    site: Settings, standby: Recording, active: Recording
) -> None:
    """The seeds' figures: VMSS 0/2, 400/4000 RU/s; the gateway's minimum and the tag with them (ACT-3, BACK-5)."""

    def dials(recording: Recording) -> tuple[object, ...]:
        return (
            recording.inputs("api")["sku"]["capacity"],
            recording.inputs("cosmos-throughput")["throughput"],
            recording.inputs("gateway")["autoscaleConfiguration"]["minCapacity"],
            recording.inputs("mode-record")["properties"]["tags"]["mode"],
            recording.inputs("health-gate")["want"],
            recording.inputs("return-gate")["want"],
            recording.inputs("drain-gate")["want"],
        )

    assert dials(standby) == (0, 400, 0, "standby", "any", "clear", "drained")
    assert dials(active) == (2, 4000, 2, "active", "healthy", "any", "any")
    assert active.inputs("health-gate")["instances"] == 2
    assert (site.dns.domain, site.dns.contingency, site.dns.ttl <= 300) == ("demay.com", "dr", True)
    assert standby.inputs("cosmos-container")["resource"]["partitionKey"]["paths"] == ["/imageId"]


def test_the_primary_is_asked_for_every_public_name_before_traffic_goes_back(either: Recording) -> None:
    """BACK-3: a record moves for each public name, so each is asked for; the apex is a name like the others."""
    asked = {host["host"]: host["path"] for host in either.inputs("return-gate")["primaryHosts"]}
    assert asked == {"demay.com": "/", "api.demay.com": "/health", "www.demay.com": "/"}
    assert set(asked) == set(either.exports["publicNames"]) == set(either.inputs("drain-gate")["names"])


def test_every_resource_is_protected_and_kept_when_forgotten(either: Recording) -> None:
    """Two stacks share every resource (pulumi#7747)."""
    assert len(either.resources) > 30
    assert [n for n, d in either.resources.items() if d.options["protect"] is not True] == []
    assert [n for n, d in either.resources.items() if d.options["retainOnDelete"] is not True] == []


def test_every_resource_is_named_by_the_program_and_no_urn_is_taken_twice(either: Recording) -> None:
    """An unnamed resource gets a random name, another one in each stack; a second URN collapses silently."""
    assert either.problems == ()
    assert len(either.asked) == len(set(either.asked))
    ids = [d.id.lower() for d in either.resources.values()]
    assert len(ids) == len(set(ids))
    azure = [d.id for d in either.resources.values() if d.type.startswith("azure-native:")]
    assert [id for id in azure if not id.startswith("/subscriptions/")] == []


def test_no_name_holds_the_mode(either: Recording) -> None:
    """Both modes share every resource: a name that holds the mode would be a second one."""
    named = [f"{name} {d.id}".lower() for name, d in either.resources.items()]
    assert [text for text in named if "active" in text or "standby" in text] == []


def test_the_names_of_both_modes_are_those_of_the_settings_alone(
    standby: Recording, active: Recording
) -> None:
    assert {n: (d.type, d.id) for n, d in standby.resources.items()} == {
        n: (d.type, d.id) for n, d in active.resources.items()
    }


def test_the_mode_stands_in_one_tag_on_the_group_alone(active: Recording) -> None:
    """A switch that rewrote tags on the gateway would update the gateway (facts.md)."""
    tagged = {n: d.inputs["tags"] for n, d in active.resources.items() if d.inputs.get("tags")}
    assert tagged
    assert [n for n, tags in tagged.items() if "mode" in tags or "active" in tags.values()] == []
    assert active.inputs("mode-record")["scope"] == active.resources["group"].id
    assert active.resources["group"].options["ignoreChanges"] == ["tags"]


def test_the_exports_are_what_the_scripts_need_and_no_secret(standby: Recording, active: Recording) -> None:
    """docs/architecture.md "The program"."""
    wanted = {
        "footprint", "mode", "resourceGroup", "gatewayId", "scaleSetId", "zoneId", "cosmosAccountId", "journal",
        "publicNames", "syncPrincipal",
    }  # fmt: skip
    assert set(standby.exports) == set(active.exports) == wanted
    assert {**standby.exports, "mode": ""} == {**active.exports, "mode": ""}
    assert (standby.exports["mode"], active.exports["mode"]) == ("standby", "active")
    ids = {d.id for d in standby.resources.values()}
    named = ("resourceGroup", "gatewayId", "scaleSetId", "zoneId", "cosmosAccountId", "journal")
    assert [name for name in named if standby.exports[name] not in ids] == []
    assert standby.exports["publicNames"] == ["demay.com", "api.demay.com", "www.demay.com"]
