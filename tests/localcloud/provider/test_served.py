"""azure-native as the engine sees it (the real CLI against the local cloud; facts.md "two stacks")."""

from __future__ import annotations

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from clouds.azure.arm import ArmError
from recovery.arm.mutability import FIXED, Fixed
from tests.localcloud.provider.conftest import SUBSCRIPTION, Engine

NSG = "azure-native:network:NetworkSecurityGroup"
VMSS = "azure-native:compute:VirtualMachineScaleSet"
STORAGE = "azure-native:storage:StorageAccount"
SITE = "azure-native:storage:StorageAccountStaticWebsite"
RECORD = "azure-native:dns:RecordSet"

RULE = {"name": "https", "priority": 100, "access": "Allow", "destinationPortRange": "443"}
NSG_INPUTS = {
    "resourceGroupName": "rg",
    "networkSecurityGroupName": "nsg",
    "location": "brazilsouth",
    "securityRules": [RULE],
}
VMSS_INPUTS = {
    "resourceGroupName": "rg", "vmScaleSetName": "api", "location": "brazilsouth",
    "sku": {"name": "Standard_B2s", "capacity": 0}, "adminPassword": "canary",
}  # fmt: skip


def test_a_preview_changes_nothing_and_leaves_out_what_only_the_cloud_knows(engine: Engine) -> None:
    """The Python SDK takes what is left out of a preview for unknown."""
    id_, outputs = engine.create(NSG, NSG_INPUTS, preview=True)
    assert (id_, engine.store.writes) == ("", [])
    assert "provisioningState" not in outputs
    assert outputs["securityRules"] == [RULE]
    id_, _ = engine.create(NSG, NSG_INPUTS)
    writes = list(engine.store.writes)
    assert "provisioningState" not in engine.update(NSG, id_, NSG_INPUTS, preview=True)
    assert engine.store.writes == writes


def test_a_preview_answers_in_the_shape_of_the_outputs(engine: Engine) -> None:
    """User-assigned identities go in as a list and come out as a map; the SDK refuses a list there."""
    inputs = {
        **VMSS_INPUTS,
        "identity": {"type": "UserAssigned", "userAssignedIdentities": ["/subscriptions/i"]},
    }
    _, outputs = engine.create(VMSS, inputs, preview=True)
    assert outputs["identity"]["userAssignedIdentities"] == {"/subscriptions/i": {}}
    id_, _ = engine.create(VMSS, inputs)
    assert engine.update(VMSS, id_, inputs, preview=True)["identity"] == outputs["identity"]


def test_a_previewed_update_keeps_name_and_place_and_knows_nothing_else_of_the_cloud(engine: Engine) -> None:
    """Else every child named after its parent would plan a replacement (azure-native's provider.go, Update)."""
    id_, outputs = engine.create(NSG, NSG_INPUTS)
    foreseen = engine.update(NSG, id_, NSG_INPUTS, preview=True, old=outputs)
    assert (foreseen["name"], foreseen["location"]) == ("nsg", "brazilsouth")
    assert "id" not in foreseen
    assert "provisioningState" not in foreseen


def test_an_identity_that_was_made_anew_is_the_same_set_of_identities(engine: Engine) -> None:
    """The ids go in as a list and come out as a map whose values (principalId) only the cloud chooses."""
    one = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
    inputs = {**VMSS_INPUTS, "identity": {"type": "UserAssigned", "userAssignedIdentities": [one]}}
    id_, outputs = engine.create(VMSS, inputs)
    live = engine.store.bodies[id_.lower()]["identity"]
    live["userAssignedIdentities"] = {one.replace("resourceGroups", "resourcegroups"): {"principalId": "new"}}
    assert engine.read(VMSS, id_, inputs, outputs)[1] == inputs
    live["userAssignedIdentities"][one + "-two"] = {"principalId": "x"}
    found = engine.diff(VMSS, engine.read(VMSS, id_, inputs, outputs)[1], inputs)
    assert list(found.diffs) == ["identity"]


def test_what_exists_already_is_refused_as_azure_native_refuses_it(engine: Engine) -> None:
    """facts.md: a fresh stack fails on its first resource, and nothing is damaged."""
    id_, _ = engine.create(NSG, NSG_INPUTS)
    assert id_.startswith(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/")
    writes = list(engine.store.writes)
    with pytest.raises(grpc.RpcError) as refused:
        engine.create(NSG, NSG_INPUTS)
    assert f"cannot create already existing resource '{id_}'" in str(refused.value)
    assert engine.store.writes == writes


def test_right_after_a_create_a_refresh_finds_no_difference(engine: Engine) -> None:
    """What the service fills in, re-cases and keeps to itself is no drift."""
    for token, inputs in ((NSG, NSG_INPUTS), (VMSS, VMSS_INPUTS)):
        id_, outputs = engine.create(token, inputs)
        _, refreshed, _ = engine.read(token, id_, inputs, outputs)
        assert refreshed == inputs
        assert engine.diff(token, refreshed, inputs).changes == pb.DiffResponse.DIFF_NONE


def test_a_capacity_changed_behind_our_back_is_found_with_its_path(engine: Engine) -> None:
    id_, outputs = engine.create(VMSS, VMSS_INPUTS)
    engine.store.bodies[id_.lower()]["sku"] = {"name": "Standard_B2s", "capacity": 1, "tier": "Standard"}
    _, refreshed, _ = engine.read(VMSS, id_, VMSS_INPUTS, outputs)
    found = engine.diff(VMSS, refreshed, VMSS_INPUTS)
    assert dict(found.detailedDiff).keys() == {"sku.capacity"}
    assert list(found.replaces) == []


def test_a_rule_added_behind_our_back_is_found(engine: Engine) -> None:
    id_, outputs = engine.create(NSG, NSG_INPUTS)
    body = engine.store.bodies[id_.lower()]
    rules = body["properties"]["securityRules"]
    body["properties"]["securityRules"] = [*rules, {"name": "let-me-in", "properties": {"access": "Allow"}}]
    _, refreshed, _ = engine.read(NSG, id_, NSG_INPUTS, outputs)
    assert [rule["name"] for rule in refreshed["securityRules"]] == ["https", "let-me-in"]
    found = engine.diff(NSG, refreshed, NSG_INPUTS)
    assert dict(found.detailedDiff).keys() == {"securityRules[1]"}


def test_a_tag_added_by_someone_else_is_found(engine: Engine) -> None:
    inputs = {**NSG_INPUTS, "tags": {"footprint": "1"}}
    id_, outputs = engine.create(NSG, inputs)
    engine.store.bodies[id_.lower()]["tags"] = {"footprint": "1", "cost": "me"}
    _, refreshed, _ = engine.read(NSG, id_, inputs, outputs)
    assert refreshed["tags"] == {"footprint": "1", "cost": "me"}


def test_what_a_read_cannot_return_keeps_its_old_value(engine: Engine) -> None:
    """pulumi-azure-native#1787, #4263: the blind spot is kept on purpose, so that nobody relies on its absence."""
    id_, outputs = engine.create(VMSS, VMSS_INPUTS)
    assert "adminPassword" not in outputs
    engine.store.bodies[id_.lower()]["sku"] = {"name": "Standard_B2s", "capacity": 1}
    _, refreshed, _ = engine.read(VMSS, id_, VMSS_INPUTS, outputs)
    assert refreshed["adminPassword"] == "canary"


def test_what_is_gone_is_dropped_from_the_state(engine: Engine) -> None:
    id_, outputs = engine.create(NSG, NSG_INPUTS)
    engine.store.bodies.clear()
    assert engine.read(NSG, id_, NSG_INPUTS, outputs)[0] == ""


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AuthorizationFailed"), (429, "TooManyRequests"), (500, "Oops")]
)
def test_a_read_that_is_denied_or_fails_is_an_error_and_never_gone(
    engine: Engine, status: int, code: str
) -> None:
    """403, 429 and 500 never give a wrong verdict."""
    id_, outputs = engine.create(NSG, NSG_INPUTS)
    engine.store.error = ArmError(status, code, "no")
    with pytest.raises(grpc.RpcError, match=code):
        engine.read(NSG, id_, NSG_INPUTS, outputs)


def test_a_create_that_failed_half_way_is_handed_to_the_engine(engine: Engine) -> None:
    """So that an interrupted up can simply be run again, instead of meeting "already existing"."""
    real_put = engine.store.put

    def broken_put(id: str, body: object, api_version: str) -> dict[str, object]:
        real_put(id, body, api_version)  # type: ignore[arg-type]
        raise ArmError(200, "ProvisioningFailed", "half way")

    engine.store.put = broken_put  # type: ignore[method-assign,assignment]
    with pytest.raises(grpc.RpcError) as failed:
        engine.create(NSG, NSG_INPUTS)
    metadata = dict(failed.value.trailing_metadata())  # type: ignore[attr-defined]
    assert b"ErrorResourceInitFailed" in metadata["grpc-status-details-bin"]
    assert b"networkSecurityGroups/nsg" in metadata["grpc-status-details-bin"]


CREATE_ONLY = [
    (NSG, "location", "eastus"),
    (NSG, "networkSecurityGroupName", "other"),
    (NSG, "resourceGroupName", "other"),
    (
        "azure-native:cosmosdb:SqlResourceSqlContainer",
        "resource",
        {"id": "c", "partitionKey": {"paths": ["/x"]}},
    ),
    ("azure-native:network:PublicIPAddress", "zones", ["1"]),
    (RECORD, "recordType", "A"),
    ("azure-native:web:WebApp", "kind", "app"),
]


@pytest.mark.parametrize(("token", "key", "value"), CREATE_ONLY)
def test_a_create_only_property_plans_a_replacement(
    engine: Engine, token: str, key: str, value: object
) -> None:
    old = {
        "name": "x",
        key: {"id": "c", "partitionKey": {"paths": ["/imageId"]}} if key == "resource" else "old",
    }
    found = engine.diff(token, old, {**old, key: value})
    assert key in list(found.replaces)
    assert found.deleteBeforeReplace


@pytest.mark.parametrize("row", FIXED, ids=lambda row: f"{row.token.partition(':')[2]}.{row.path}")
def test_every_property_that_azure_fixes_at_creation_plans_a_replacement(engine: Engine, row: Fixed) -> None:
    def inputs(value: str) -> dict[str, object]:
        nested: object = value
        for part in reversed(row.path.split(".")):
            nested = {part: nested}
        return {"name": "x", **nested}  # type: ignore[dict-item]

    found = engine.diff(row.token, inputs("old"), inputs("new"))
    assert list(found.replaces) == [row.path.partition(".")[0]]
    assert found.detailedDiff[row.path].kind == pb.PropertyDiff.UPDATE_REPLACE


def test_a_dial_never_plans_a_replacement(engine: Engine) -> None:
    for token, old, new in (
        (VMSS, {"sku": {"capacity": 0}}, {"sku": {"capacity": 2}}),
        (
            RECORD,
            {"aRecords": [{"ipv4Address": "192.0.2.10"}]},
            {"aRecords": [{"ipv4Address": "203.0.113.10"}]},
        ),
        ("azure-native:resources:ResourceGroup", {"tags": {"mode": "standby"}}, {"tags": {"mode": "active"}}),
    ):
        found = engine.diff(token, old, new)
        assert found.changes == pb.DiffResponse.DIFF_SOME
        assert list(found.replaces) == []


def test_the_same_place_and_the_same_id_in_other_case_are_no_difference(engine: Engine) -> None:
    id_ = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
    old, new = (
        {"location": "Brazil South", "subnet": {"id": id_}},
        {
            "location": "brazilsouth",
            "subnet": {"id": id_.upper().replace("/SUBSCRIPTIONS", "/subscriptions")},
        },
    )
    assert engine.diff(NSG, old, new).changes == pb.DiffResponse.DIFF_NONE


def test_a_missing_name_and_an_unknown_type_are_refused_before_anything_happens(engine: Engine) -> None:
    assert engine.check(NSG, {"resourceGroupName": "rg"}) == ["networkSecurityGroupName"]
    assert engine.check("azure-native:quantum:Workspace", {}) == [""]
    assert engine.check(NSG, NSG_INPUTS) == []


def test_a_record_comes_back_under_pulumis_names(engine: Engine) -> None:
    inputs = {"resourceGroupName": "rg", "zoneName": "demay.com", "recordType": "A", "relativeRecordSetName": "@",
              "ttl": 60, "aRecords": [{"ipv4Address": "192.0.2.10"}]}  # fmt: skip
    id_, outputs = engine.create(RECORD, inputs)
    assert engine.store.bodies[id_.lower()]["properties"]["TTL"] == 60
    assert (outputs["ttl"], outputs["aRecords"]) == (60, [{"ipv4Address": "192.0.2.10"}])
    engine.store.bodies[id_.lower()]["properties"]["ARecords"] = [{"ipv4Address": "198.51.100.7"}]
    _, refreshed, _ = engine.read(RECORD, id_, inputs, outputs)
    assert refreshed["aRecords"] == [{"ipv4Address": "198.51.100.7"}]


def test_the_static_website_goes_through_the_data_plane(engine: Engine) -> None:
    """SYNC-1's `$web` has no resource in ARM; azure-native has one of its own."""
    account, _ = engine.create(
        STORAGE, {"resourceGroupName": "rg", "accountName": "site", "location": "brazilsouth"}
    )
    endpoint = "http://127.0.0.1:1/site/"
    engine.store.bodies[account.lower()]["properties"]["primaryEndpoints"] = {"blob": endpoint}
    inputs = {"resourceGroupName": "rg", "accountName": "site", "indexDocument": "index.html"}
    id_, outputs = engine.create(SITE, inputs)
    assert id_ == f"{account}/staticWebsite"
    assert engine.website.sites[endpoint]["enabled"]
    assert outputs["containerName"] == "$web"
    engine.website.sites[endpoint]["index"] = "other.html"
    _, refreshed, _ = engine.read(SITE, id_, inputs, outputs)
    assert refreshed["indexDocument"] == "other.html"
    engine.delete(SITE, id_, inputs)
    assert engine.read(SITE, id_, inputs, outputs)[0] == ""


def test_app_settings_are_read_by_their_list_action(engine: Engine) -> None:
    """GET of /config/appsettings does not exist; POST …/list does (facts.md)."""
    token = "azure-native:web:WebAppApplicationSettings"
    inputs = {"resourceGroupName": "rg", "name": "converter", "properties": {"A": "1"}}
    id_, outputs = engine.create(token, inputs)
    assert id_.endswith("/sites/converter/config/appsettings")
    engine.store.bodies[id_.lower()]["properties"] = {"A": "2", "B": "3"}
    _, refreshed, _ = engine.read(token, id_, inputs, outputs)
    assert refreshed["properties"] == {"A": "2", "B": "3"}


def test_the_mode_tag_is_merged_and_leaves_the_tags_of_others_alone(engine: Engine) -> None:
    """azure-native's TagAtScope goes by PATCH and Merge, and may always be created (custom_tagscope.go)."""
    token = "azure-native:resources:TagAtScope"
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
    inputs = {"scope": scope, "properties": {"tags": {"mode": "standby"}}}
    engine.store.bodies[f"{scope}/providers/Microsoft.Resources/tags/default".lower()] = {
        "properties": {"tags": {"cost": "me"}}
    }
    id_, _ = engine.create(token, inputs)
    body = engine.store.bodies[id_.lower()]
    assert body["properties"]["tags"] == {"cost": "me", "mode": "standby"}
    outputs = engine.update(token, id_, {**inputs, "properties": {"tags": {"mode": "active"}}})
    assert body["properties"]["tags"] == {"cost": "me", "mode": "active"}
    body["properties"] = {"tags": {"cost": "me", "mode": "standby"}}  # the other stack switched
    _, refreshed, _ = engine.read(token, id_, {**inputs, "properties": {"tags": {"mode": "active"}}}, outputs)
    assert refreshed["properties"]["tags"]["mode"] == "standby"
    body["properties"] = {"tags": {"cost": "me", "mode": "active"}}
    engine.delete(token, id_, {**inputs, "properties": {"tags": {"mode": "active"}}})
    assert body["properties"]["tags"] == {"cost": "me"}


def test_an_import_knows_its_names_from_the_id(engine: Engine) -> None:
    id_, _ = engine.create(NSG, NSG_INPUTS)
    _, inputs, _ = engine.read(NSG, id_, {}, {})
    assert (inputs["resourceGroupName"], inputs["networkSecurityGroupName"]) == ("rg", "nsg")
