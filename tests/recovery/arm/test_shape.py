"""Flat Pulumi inputs and nested ARM bodies: names, nesting, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from recovery.arm.shape import to_body, to_outputs

GATEWAY = "azure-native:network:ApplicationGateway"
STORAGE = "azure-native:storage:StorageAccount"

SHAPES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "azure-native:network:VirtualNetwork",
        {"resourceGroupName": "rg", "virtualNetworkName": "v", "location": "x", "subnets": [
            {"name": "a", "addressPrefix": "10.0.0.0/24", "networkSecurityGroup": {"id": "/nsg"},
             "delegations": [{"name": "d", "serviceName": "Microsoft.Web/serverFarms"}]}]},
        {"location": "x", "properties": {"subnets": [
            {"name": "a", "properties": {"addressPrefix": "10.0.0.0/24", "networkSecurityGroup": {"id": "/nsg"},
             "delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.Web/serverFarms"}}]}}]}},
    ),
    (
        GATEWAY,
        {"applicationGatewayName": "g", "resourceGroupName": "rg", "sku": {"name": "Standard_v2"}, "zones": ["1"],
         "urlPathMaps": [{"name": "m", "pathRules": [{"name": "r", "paths": ["/api/*"]}]}],
         "httpListeners": [{"name": "l", "protocol": "Https", "frontendPort": {"id": "/p"}}]},
        {"zones": ["1"], "properties": {"sku": {"name": "Standard_v2"},
         "urlPathMaps": [{"name": "m", "properties": {"pathRules": [{"name": "r", "properties": {"paths": ["/api/*"]}}]}}],
         "httpListeners": [{"name": "l", "properties": {"protocol": "Https", "frontendPort": {"id": "/p"}}}]}},
    ),
    (
        "azure-native:compute:VirtualMachineScaleSet",
        {"vmScaleSetName": "s", "sku": {"capacity": 2}, "virtualMachineProfile": {
            "networkProfile": {"networkInterfaceConfigurations": [
                {"name": "n", "primary": True, "ipConfigurations": [{"name": "i", "subnet": {"id": "/s"}}]}]},
            "extensionProfile": {"extensions": [{"name": "e", "type": "CustomScript", "publisher": "P"}]}}},
        {"sku": {"capacity": 2}, "properties": {"virtualMachineProfile": {
            "networkProfile": {"networkInterfaceConfigurations": [
                {"name": "n", "properties": {"primary": True, "ipConfigurations": [
                    {"name": "i", "properties": {"subnet": {"id": "/s"}}}]}}]},
            "extensionProfile": {"extensions": [
                {"name": "e", "properties": {"type": "CustomScript", "publisher": "P"}}]}}}},
    ),
    (
        STORAGE,
        {"accountName": "a", "kind": "StorageV2", "enableHttpsTrafficOnly": True, "enableNfsV3": False,
         "networkRuleSet": {"ipRules": [{"iPAddressOrRange": "1.2.3.4"}], "virtualNetworkRules": [{"virtualNetworkResourceId": "/s"}]}},
        {"kind": "StorageV2", "properties": {"supportsHttpsTrafficOnly": True, "isNfsV3Enabled": False,
         "networkAcls": {"ipRules": [{"value": "1.2.3.4"}], "virtualNetworkRules": [{"id": "/s"}]}}},
    ),
    (
        "azure-native:dns:RecordSet",
        {"zoneName": "demay.com", "recordType": "CNAME", "relativeRecordSetName": "www", "ttl": 60, "cnameRecord": {"cname": "x"}},
        {"properties": {"TTL": 60, "CNAMERecord": {"cname": "x"}}},
    ),
    (
        "azure-native:eventgrid:SystemTopicEventSubscription",
        {"systemTopicName": "t", "eventSubscriptionName": "e", "filter": {"subjectBeginsWith": "/x"}, "destination": {
            "endpointType": "AzureFunction", "resourceId": "/f",
            "deliveryAttributeMappings": [{"name": "n", "type": "Static", "value": "v"}]}},
        {"properties": {"filter": {"subjectBeginsWith": "/x"}, "destination": {"endpointType": "AzureFunction", "properties": {
            "resourceId": "/f", "deliveryAttributeMappings": [{"name": "n", "type": "Static", "properties": {"value": "v"}}]}}}},
    ),
    (
        "azure-native:web:WebAppApplicationSettings",
        {"name": "site", "resourceGroupName": "rg", "properties": {"A": "1"}},
        {"properties": {"A": "1"}},
    ),
    (
        "azure-native:monitor:MetricAlert",
        {"ruleName": "r", "resourceGroupName": "rg", "location": "global", "criteria": {"odataType": "T", "allOf": []}},
        {"location": "global", "properties": {"criteria": {"odata.type": "T", "allOf": []}}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("token", "inputs", "body"), SHAPES, ids=[row[0] for row in SHAPES])
def test_inputs_become_the_body_that_arm_takes(
    token: str, inputs: dict[str, Any], body: dict[str, Any]
) -> None:
    assert to_body(token, inputs) == body


@pytest.mark.parametrize(("token", "inputs", "body"), SHAPES, ids=[row[0] for row in SHAPES])
def test_a_body_becomes_outputs_that_hold_every_input(
    token: str, inputs: dict[str, Any], body: dict[str, Any]
) -> None:
    outputs = to_outputs(token, {**body, "id": "/x", "name": "n"})
    assert {key: outputs[key] for key in inputs if key in outputs and key != "name"}.items() <= inputs.items()
    assert to_body(token, outputs)["properties"] == body["properties"]


def test_a_body_that_is_already_nested_stays_as_it_is() -> None:
    for token, _, body in SHAPES:
        assert to_body(token, body) == body


def test_identities_go_in_as_a_list_and_reach_arm_as_a_map() -> None:
    body = to_body(
        STORAGE, {"accountName": "a", "identity": {"type": "UserAssigned", "userAssignedIdentities": ["/i"]}}
    )
    assert body["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {"/i": {}}}
