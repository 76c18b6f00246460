"""ARM's manners over HTTP against the real server (the local cloud)."""

from __future__ import annotations

import pytest

from clouds.endpoints import LOCAL_SUBSCRIPTION
from tests.localcloud.azure import Azure, Body

VNET = "Microsoft.Network/virtualNetworks/vnet"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities/id"


def code(answer: object) -> str:
    return str(answer.json()["error"]["code"])  # type: ignore[attr-defined]


def test_a_request_without_the_token_is_refused_in_arms_words(azure: Azure) -> None:
    """Authentication is part of what a rehearsal tries."""
    answer = azure.http.get(
        azure.group, params={"api-version": "2024-03-01"}, headers={"Authorization": "Bearer other"}
    )
    assert (answer.status_code, code(answer)) == (401, "AuthenticationFailed")
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (None, "MissingApiVersionParameter"),
        ("latest", "InvalidApiVersionParameter"),
        ("2031-01-01", "NoRegisteredProviderFound"),
    ],
)
def test_an_api_version_is_required_and_must_be_known(
    azure: Azure, version: str | None, expected: str
) -> None:
    """ARM, common API details: api-version is mandatory."""
    answer = azure.send("GET", VNET, version=version)
    assert (answer.status_code, code(answer)) == (400, expected)


def test_what_is_missing_is_said_by_its_own_code(azure: Azure) -> None:
    """A drift checker tells a missing resource from a missing group."""
    answer = azure.send("GET", VNET)
    assert (answer.status_code, code(answer)) == (404, "ResourceNotFound")
    nowhere = f"/subscriptions/{LOCAL_SUBSCRIPTION}/resourceGroups/rg-none"
    answer = azure.send("GET", f"{nowhere}/providers/{VNET}")
    assert (answer.status_code, code(answer)) == (404, "ResourceGroupNotFound")
    answer = azure.send("GET", nowhere)
    assert (answer.status_code, code(answer)) == (404, "ResourceGroupNotFound")
    answer = azure.send(
        "PUT",
        "Microsoft.DocumentDB/databaseAccounts/none/sqlDatabases/x",
        {"properties": {"resource": {"id": "x"}}},
    )
    assert (answer.status_code, code(answer)) == (404, "ParentResourceNotFound")
    answer = azure.send("GET", "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/x")
    assert (answer.status_code, code(answer)) == (404, "SubscriptionNotFound")


def test_a_long_operation_is_accepted_runs_and_ends(azure: Azure) -> None:
    """Asynchronous operations: 201 with Azure-AsyncOperation, Creating, then Succeeded."""
    body = {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    azure.cloud.control(
        "POST", "faults", {"path": "/virtualNetworks/slow", "method": "PUT", "operation": "stuck", "times": 1}
    )
    stuck = azure.send("PUT", "Microsoft.Network/virtualNetworks/slow", body)
    assert stuck.status_code == 201
    assert stuck.json()["properties"]["provisioningState"] == "Creating"
    assert stuck.headers["Retry-After"]
    assert azure.http.get(stuck.headers["Azure-AsyncOperation"]).json()["status"] == "InProgress"
    again = azure.send("PUT", "Microsoft.Network/virtualNetworks/slow", body)
    assert (again.status_code, code(again)) == (429, "AnotherOperationInProgress")

    assert azure.put(VNET, body)["properties"]["provisioningState"] == "Succeeded"


def test_an_operation_that_fails_says_why(azure: Azure) -> None:
    """Half-finished long operations."""
    azure.cloud.control(
        "POST",
        "faults",
        {"path": "/virtualNetworks/vnet", "method": "PUT", "operation": "Failed", "times": 1},
    )
    answer = azure.send(
        "PUT",
        VNET,
        {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}},
    )
    ended = azure.wait(answer)
    assert ended["status"] == "Failed"
    assert ended["error"]["code"]
    assert azure.get(VNET)["properties"]["provisioningState"] == "Failed"


def test_a_newer_gateway_update_cancels_the_older_one(azure: Azure) -> None:
    """Azure/azure-cli#21156: CanceledAndSupersededDueToAnotherOperation."""
    body = azure.gateway_body(azure.network(), azure.public_address()["id"])
    azure.put("Microsoft.Network/applicationGateways/agw", body)
    first = azure.send("PUT", "Microsoft.Network/applicationGateways/agw", body)
    body["properties"]["autoscaleConfiguration"]["minCapacity"] = 2
    second = azure.send("PUT", "Microsoft.Network/applicationGateways/agw", body)
    ended = azure.wait(first)
    assert (ended["status"], ended["error"]["code"]) == (
        "Canceled",
        "CanceledAndSupersededDueToAnotherOperation",
    )
    assert azure.wait(second)["status"] == "Succeeded"
    shown = azure.get("Microsoft.Network/applicationGateways/agw")
    assert shown["properties"]["autoscaleConfiguration"]["minCapacity"] == 2


def test_an_etag_guards_a_change(azure: Azure) -> None:
    """If-Match and If-None-Match as RFC 9110 has them."""
    made = azure.send("PUT", IDENTITY, {"location": "westeurope"})
    etag = made.headers["ETag"]
    assert (
        azure.send(
            "PUT", IDENTITY, {"location": "westeurope", "tags": {"a": "1"}}, headers={"If-Match": etag}
        ).status_code
        == 200
    )
    stale = azure.send("PUT", IDENTITY, {"location": "westeurope"}, headers={"If-Match": etag})
    assert (stale.status_code, code(stale)) == (412, "PreconditionFailed")
    exists = azure.send("PUT", IDENTITY, {"location": "westeurope"}, headers={"If-None-Match": "*"})
    assert exists.status_code == 412


def test_a_list_is_paged_and_every_page_is_needed(azure: Azure) -> None:
    """nextLink: 130 identities take two pages, in the type's list and in the group's."""
    for n in range(130):
        azure.send(
            "PUT", f"Microsoft.ManagedIdentity/userAssignedIdentities/id-{n:03}", {"location": "westeurope"}
        )
    first = azure.send("GET", "Microsoft.ManagedIdentity/userAssignedIdentities").json()
    assert len(first["value"]) == 100
    assert first["nextLink"].startswith(azure.cloud.url)
    names = [i["name"] for i in azure.list("Microsoft.ManagedIdentity/userAssignedIdentities")]
    assert names == [f"id-{n:03}" for n in range(130)]
    overview = azure.list(f"{azure.group}/resources")
    assert len(overview) == 130
    assert all("properties" not in i for i in overview)
    whole = f"/subscriptions/{LOCAL_SUBSCRIPTION}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    assert len(azure.list(whole)) >= 130


def test_ids_are_found_in_any_case_and_shown_in_the_services(azure: Azure) -> None:
    """Ids are compared without case because the services do not agree on one."""
    azure.send("PUT", IDENTITY, {"location": "West Europe"})
    shown = azure.send("GET", azure.id(IDENTITY).upper().replace("/SUBSCRIPTIONS", "/subscriptions"))
    assert shown.status_code == 200
    assert "/resourcegroups/" in shown.json()["id"]
    assert shown.json()["location"] == "westeurope"
    zone = azure.put("Microsoft.Network/dnsZones/case.test", {"location": "global"})
    assert "/Microsoft.Network/dnszones/" in zone["id"]


def test_deleting_a_group_deletes_everything_in_it(azure: Azure) -> None:
    """Nothing of a torn-down footprint remains."""
    azure.network()
    azure.wait(azure.send("DELETE", azure.group))
    azure.make_group()
    assert azure.list(f"{azure.group}/resources") == []
    assert azure.send("GET", VNET).status_code == 404


def test_what_is_in_use_cannot_be_deleted(azure: Azure) -> None:
    """The network provider refuses to delete what another resource refers to."""
    address = azure.public_address()["id"]
    azure.put("Microsoft.Network/applicationGateways/agw", azure.gateway_body(azure.network(), address))
    answer = azure.send("DELETE", "Microsoft.Network/publicIPAddresses/pip")
    assert (answer.status_code, code(answer)) == (400, "InUseResourceCannotBeDeleted")
    assert azure.get("Microsoft.Network/publicIPAddresses/pip")["properties"]["ipConfiguration"]["id"]


def test_a_reference_to_nothing_is_refused(azure: Azure) -> None:
    """InvalidResourceReference, for another resource's id and for an item of the gateway itself."""
    vnet, address = azure.network(), azure.public_address()["id"]
    body = azure.gateway_body(vnet + "x", address)
    answer = azure.send("PUT", "Microsoft.Network/applicationGateways/agw", body)
    assert (answer.status_code, code(answer)) == (400, "InvalidResourceReference")
    body = azure.gateway_body(vnet, address)
    body["properties"]["requestRoutingRules"][0]["properties"]["backendAddressPool"]["id"] += "x"
    answer = azure.send("PUT", "Microsoft.Network/applicationGateways/agw", body)
    assert (answer.status_code, code(answer)) == (400, "InvalidResourceReference")
    answer = azure.send(
        "PUT", "Microsoft.Compute/virtualMachineScaleSets/vmss", azure.scale_set_body(vnet, 0)
    )
    assert (answer.status_code, code(answer)) == (400, "InvalidResourceReference")


CREATE_ONLY: list[tuple[str, Body, Body, int]] = [
    (IDENTITY, {"location": "westeurope"}, {"location": "eastus"}, 409),
    (
        "Microsoft.Storage/storageAccounts/STORE",
        {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
        {"location": "westeurope", "kind": "BlobStorage", "sku": {"name": "Standard_LRS"}},
        409,
    ),
    (
        "Microsoft.Network/publicIPAddresses/pip",
        {
            "location": "westeurope",
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        },
        {
            "location": "westeurope",
            "sku": {"name": "Standard"},
            "zones": ["1"],
            "properties": {"publicIPAllocationMethod": "Static"},
        },
        400,
    ),
]


@pytest.mark.parametrize(("path", "first", "second", "status"), CREATE_ONLY)
def test_what_is_fixed_at_creation_cannot_be_changed(
    azure: Azure, path: str, first: Body, second: Body, status: int
) -> None:
    """Design: the store rejects a change to a create-only property."""
    path = path.replace("STORE", f"store{azure.number}")
    before = azure.put(path, first)
    answer = azure.send("PUT", path, second)
    assert answer.status_code == status, answer.text
    assert azure.get(path) == before


def test_a_type_without_a_row_is_stored_too(azure: Azure) -> None:
    """Any other Microsoft type behaves generically."""
    made = azure.put(
        "Microsoft.Portal/dashboards/logs", {"location": "West Europe", "properties": {"lenses": 30}}
    )
    assert made["properties"] == {"lenses": 30, "provisioningState": "Succeeded"}
    assert made["location"] == "westeurope"
    assert [i["name"] for i in azure.list("Microsoft.Portal/dashboards")] == ["logs"]
    assert azure.send("DELETE", "Microsoft.Portal/dashboards/logs").status_code == 200
    assert azure.send("DELETE", "Microsoft.Portal/dashboards/logs").status_code == 204
