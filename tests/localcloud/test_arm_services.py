"""What each service makes of a request: it never echoes (design, local cloud)."""

from __future__ import annotations

import uuid

import pytest

from tests.localcloud.azure import Azure, Body

ACCOUNT = "Microsoft.DocumentDB/databaseAccounts/cosmos-{n}"
CONTAINER = ACCOUNT + "/sqlDatabases/images/containers/chunks"


def cosmos(azure: Azure, options: Body | None = None) -> str:
    """An account with a database and a container; the container's path."""
    account = ACCOUNT.format(n=azure.number)
    azure.put(
        account,
        {
            "location": "westeurope",
            "properties": {
                "databaseAccountOfferType": "Standard",
                "locations": [{"locationName": "westeurope", "failoverPriority": 0}],
            },
        },
    )
    azure.put(f"{account}/sqlDatabases/images", {"properties": {"resource": {"id": "images"}}})
    container = CONTAINER.format(n=azure.number)
    azure.put(
        container,
        {
            "properties": {
                "resource": {"id": "chunks", "partitionKey": {"paths": ["/imageId"]}},
                "options": options or {},
            }
        },
    )
    return container


def settings(value: int) -> Body:
    return {"properties": {"resource": {"throughput": value}}}


def test_a_scale_set_never_shows_its_password_or_custom_data(azure: Azure) -> None:
    """Write-only values stay inside; LIST and GET alike."""
    vnet = azure.network()
    azure.put(
        "Microsoft.Network/applicationGateways/agw", azure.gateway_body(vnet, azure.public_address()["id"])
    )
    azure.put("Microsoft.Compute/virtualMachineScaleSets/vmss", azure.scale_set_body(vnet, 0))
    for text in (
        azure.send("GET", "Microsoft.Compute/virtualMachineScaleSets/vmss").text,
        azure.send("GET", "Microsoft.Compute/virtualMachineScaleSets").text,
    ):
        assert "canary" not in text
        assert "Y2FuYXJ5" not in text
    shown = azure.get("Microsoft.Compute/virtualMachineScaleSets/vmss")["properties"]
    assert shown["virtualMachineProfile"]["storageProfile"]["osDisk"]["managedDisk"] == {
        "storageAccountType": "Standard_LRS"
    }
    assert shown["uniqueId"]


@pytest.mark.parametrize("capacity", [-1, 1001, 1.5, "two"])
def test_a_capacity_that_cannot_be_is_refused(azure: Azure, capacity: object) -> None:
    """Capacity below zero."""
    body = {"location": "westeurope", "sku": {"name": "Standard_B2s", "capacity": capacity}, "properties": {}}
    answer = azure.send("PUT", "Microsoft.Compute/virtualMachineScaleSets/vmss", body)
    assert answer.status_code == 400, answer.text


def test_a_security_group_has_six_rules_of_its_own(azure: Azure) -> None:
    """Defaults the service adds must not be drift, a rule added by hand must be."""
    rule = {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourceAddressPrefix": "*",
            "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "443"}  # fmt: skip
    path = "Microsoft.Network/networkSecurityGroups/nsg"
    made = azure.put(
        path,
        {"location": "westeurope", "properties": {"securityRules": [{"name": "https", "properties": rule}]}},
    )
    assert len(made["properties"]["defaultSecurityRules"]) == 6
    assert made["properties"]["securityRules"][0]["id"].endswith("/securityRules/https")
    added = azure.send(
        "PUT",
        f"{path}/securityRules/ssh",
        {"properties": {**rule, "priority": 110, "destinationPortRange": "22"}},
    )
    assert added.status_code == 201
    azure.wait(added)
    assert [r["name"] for r in azure.get(path)["properties"]["securityRules"]] == ["https", "ssh"]
    assert azure.get(f"{path}/securityRules/ssh")["properties"]["priority"] == 110
    clash = azure.send("PUT", f"{path}/securityRules/other", {"properties": {**rule, "priority": 110}})
    assert clash.status_code == 400
    azure.wait(azure.send("DELETE", f"{path}/securityRules/ssh"))
    assert len(azure.get(path)["properties"]["securityRules"]) == 1


def test_throughput_is_a_child_with_a_floor_and_an_operation(azure: Azure) -> None:
    """Facts: manual floor MAX(400, highest ever/100); the container's body never holds the RU/s."""
    container = cosmos(azure)
    assert "options" not in azure.get(container)["properties"]
    path = f"{container}/throughputSettings/default"
    first = azure.get(path)["properties"]["resource"]
    assert (first["throughput"], first["minimumThroughput"], first["instantMaximumThroughput"]) == (
        400,
        "400",
        "10000",
    )
    changed = azure.send("PUT", path, settings(4000))
    assert changed.status_code == 202
    assert azure.wait(changed)["status"] == "Succeeded"
    assert azure.get(path)["properties"]["resource"]["throughput"] == 4000
    for wrong in (300, 450, -400, 2_000_000):
        refused = azure.send("PUT", path, settings(wrong))
        assert refused.status_code == 400, wrong
    both = azure.send(
        "PUT",
        path,
        {"properties": {"resource": {"throughput": 400, "autoscaleSettings": {"maxThroughput": 4000}}}},
    )
    assert both.status_code == 400
    other_kind = azure.send(
        "PUT", path, {"properties": {"resource": {"autoscaleSettings": {"maxThroughput": 4000}}}}
    )
    assert other_kind.status_code == 400


def test_the_floor_follows_the_highest_throughput_ever(azure: Azure) -> None:
    """Facts: one large failover can make the way back impossible."""
    container = cosmos(azure, {"throughput": 60_000})
    path = f"{container}/throughputSettings/default"
    assert azure.get(path)["properties"]["resource"]["minimumThroughput"] == "600"
    assert azure.send("PUT", path, settings(400)).status_code == 400
    azure.wait(azure.send("PUT", path, settings(600)))
    assert azure.get(path)["properties"]["resource"]["minimumThroughput"] == "600"


def test_an_autoscale_container_shows_throughput_beside_its_settings(azure: Azure) -> None:
    """Azure/arm-template-whatif#174: `throughput` stands beside autoscaleSettings."""
    container = cosmos(azure, {"autoscaleSettings": {"maxThroughput": 4000}})
    shown = azure.get(f"{container}/throughputSettings/default")["properties"]["resource"]
    assert shown["autoscaleSettings"] == {"maxThroughput": 4000}
    assert shown["throughput"] == 400


def test_a_containers_partition_key_cannot_change(azure: Azure) -> None:
    """Cosmos DB: the partition key is fixed; throughput in options is for creation alone."""
    container = cosmos(azure)
    body: Body = {"properties": {"resource": {"id": "chunks", "partitionKey": {"paths": ["/other"]}}}}
    assert azure.send("PUT", container, body).status_code == 400
    body["properties"]["resource"]["partitionKey"]["paths"] = ["/imageId"]
    body["properties"]["options"] = {"throughput": 4000}
    azure.put(container, body)
    assert azure.get(f"{container}/throughputSettings/default")["properties"]["resource"]["throughput"] == 400


def test_a_cosmos_account_shows_places_by_their_display_names(azure: Azure) -> None:
    """Published examples: `westus` is answered as `West US`."""
    cosmos(azure)
    shown = azure.get(ACCOUNT.format(n=azure.number))
    assert shown["location"] == "West Europe"
    assert [i["locationName"] for i in shown["properties"]["writeLocations"]] == ["West Europe"]
    assert shown["properties"]["documentEndpoint"].startswith("http")


def test_a_storage_account_brings_its_blob_service_and_endpoints(azure: Azure) -> None:
    """Endpoints come from ARM, never from guessing (architecture)."""
    path = f"Microsoft.Storage/storageAccounts/store{azure.number}"
    body: Body = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"supportsHttpsTrafficOnly": True},
    }
    accepted = azure.send("PUT", path, body)
    assert (accepted.status_code, accepted.content) == (202, b"")
    azure.wait(accepted)
    shown = azure.get(path)["properties"]
    assert {"blob", "queue", "web"} <= set(shown["primaryEndpoints"])
    assert shown["creationTime"] == azure.put(path, body)["properties"]["creationTime"]
    assert azure.get(f"{path}/blobServices/default")["name"] == "default"
    container = azure.put(
        f"{path}/blobServices/default/containers/uploads", {"properties": {"publicAccess": "None"}}
    )
    assert container["properties"]["leaseState"] == "Available"
    public = azure.send(
        "PUT", f"{path}/blobServices/default/containers/open", {"properties": {"publicAccess": "Blob"}}
    )
    assert public.status_code == 409
    assert [i["name"] for i in azure.list(f"{path}/blobServices/default/containers")] == ["uploads"]
    assert len(azure.send("POST", f"{path}/listKeys").json()["keys"]) == 2


def site(azure: Azure) -> str:
    """A function app on a plan; its path."""
    plan = azure.put(
        "Microsoft.Web/serverfarms/plan",
        {
            "location": "westeurope",
            "kind": "functionapp",
            "sku": {"name": "FC1"},
            "properties": {"reserved": True},
        },
    )
    path = f"Microsoft.Web/sites/converter-{azure.number}"
    config: Body = {
        "appSettings": [{"name": "SECRET", "value": "canary"}],
        "alwaysOn": True,
        "minTlsVersion": "1.3",
    }
    azure.put(
        path,
        {
            "location": "westeurope",
            "kind": "functionapp,linux",
            "properties": {"serverFarmId": plan["id"], "siteConfig": config},
        },
    )
    return path


def test_a_sites_settings_are_shown_by_their_own_calls_alone(azure: Azure) -> None:
    """Facts: site config and app settings need their own read; LIST omits siteConfig (Azure/azure-cli#21548)."""
    path = site(azure)
    assert "canary" not in azure.send("GET", path).text
    assert azure.list("Microsoft.Web/sites")[0]["properties"]["siteConfig"] is None
    shown = azure.get(path)["properties"]["siteConfig"]
    assert shown["alwaysOn"] is True
    assert "minTlsVersion" not in shown
    web = azure.get(f"{path}/config/web")["properties"]
    assert (web["minTlsVersion"], web["alwaysOn"]) == ("1.3", True)
    assert azure.send("GET", f"{path}/config/appsettings").status_code == 405
    assert azure.send("POST", f"{path}/config/appsettings/list").json()["properties"] == {"SECRET": "canary"}
    azure.send("PUT", f"{path}/config/appsettings", {"properties": {"A": "1", "B": 2}})
    assert azure.send("POST", f"{path}/config/appsettings/list").json()["properties"] == {"A": "1", "B": "2"}
    assert azure.list(f"{path}/functions") == []


def test_an_event_subscription_wants_its_endpoint_to_exist(azure: Azure) -> None:
    """Facts: Event Grid wants the function to exist before its subscription."""
    store = azure.put(
        f"Microsoft.Storage/storageAccounts/store{azure.number}",
        {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
    )
    azure.put(
        "Microsoft.EventGrid/systemTopics/topic",
        {
            "location": "westeurope",
            "properties": {"source": store["id"], "topicType": "microsoft.storage.storageaccounts"},
        },
    )
    subscription = "Microsoft.EventGrid/systemTopics/topic/eventSubscriptions/convert"
    body: Body = {
        "properties": {
            "destination": {
                "endpointType": "AzureFunction",
                "properties": {"resourceId": azure.id("Microsoft.Web/sites/none/functions/convert")},
            }
        }
    }
    answer = azure.send("PUT", subscription, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Endpoint validation")
    path = site(azure)
    body["properties"]["destination"]["properties"]["resourceId"] = azure.id(f"{path}/functions/convert")
    shown = azure.put(subscription, body)["properties"]
    assert shown["filter"]["subjectBeginsWith"] == ""
    assert shown["destination"]["properties"]["maxEventsPerBatch"] == 1
    assert (
        azure.get("Microsoft.EventGrid/systemTopics/topic")["properties"]["topicType"]
        == "Microsoft.Storage.StorageAccounts"
    )


def test_a_webhooks_url_never_comes_back_whole(azure: Azure) -> None:
    """Facts: endpointUrl is a secret that GET does not return."""
    store = azure.put(
        f"Microsoft.Storage/storageAccounts/store{azure.number}",
        {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
    )
    azure.put(
        "Microsoft.EventGrid/systemTopics/topic",
        {
            "location": "westeurope",
            "properties": {"source": store["id"], "topicType": "Microsoft.Storage.StorageAccounts"},
        },
    )
    path = "Microsoft.EventGrid/systemTopics/topic/eventSubscriptions/hook"
    azure.put(
        path,
        {
            "properties": {
                "destination": {
                    "endpointType": "WebHook",
                    "properties": {"endpointUrl": "https://hook.test/x?code=canary"},
                }
            }
        },
    )
    assert "canary" not in azure.send("GET", path).text


def test_a_role_assignment_works_only_after_a_while_and_once(azure: Azure) -> None:
    """Facts: role assignments take minutes to work."""
    identity = azure.put("Microsoft.ManagedIdentity/userAssignedIdentities/id", {"location": "westeurope"})
    principal = identity["properties"]["principalId"]
    name, other = uuid.uuid4(), uuid.uuid4()
    role = "/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    body = {"properties": {"principalId": principal, "roleDefinitionId": role}}
    assert azure.send("PUT", f"Microsoft.Authorization/roleAssignments/{name}", body).status_code == 201
    mine = [r for r in azure.cloud.control("GET", "roles") if r["principal"] == principal]
    assert len(mine) == 1
    twice = azure.send("PUT", f"Microsoft.Authorization/roleAssignments/{other}", body)
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "RoleAssignmentExists")
    assert azure.send("PUT", "Microsoft.Authorization/roleAssignments/not-a-guid", body).status_code == 400
    moved = {"properties": {"principalId": str(uuid.uuid4()), "roleDefinitionId": role}}
    assert azure.send("PUT", f"Microsoft.Authorization/roleAssignments/{name}", moved).status_code == 400


def test_records_have_rules_and_a_zone_brings_two(azure: Azure) -> None:
    """Facts: A and CNAME at one name are different Azure resources and cannot both be; the apex takes no CNAME."""
    zone = f"Microsoft.Network/dnsZones/rules-{azure.number}.test"
    made = azure.put(zone, {"location": "global"})
    assert made["properties"]["numberOfRecordSets"] == 2
    record = azure.send(
        "PUT", f"{zone}/A/api", {"properties": {"TTL": 300, "ARecords": [{"ipv4Address": "203.0.113.10"}]}}
    )
    assert record.status_code == 201
    assert record.json()["properties"]["fqdn"] == f"api.rules-{azure.number}.test."
    assert (
        azure.send(
            "PUT", f"{zone}/CNAME/api", {"properties": {"TTL": 300, "CNAMERecord": {"cname": "x.test"}}}
        ).status_code
        == 409
    )
    assert (
        azure.send(
            "PUT", f"{zone}/CNAME/@", {"properties": {"TTL": 300, "CNAMERecord": {"cname": "x.test"}}}
        ).status_code
        == 400
    )
    assert (
        azure.send(
            "PUT", f"{zone}/A/bad", {"properties": {"TTL": 300, "ARecords": [{"ipv4Address": "lb.example"}]}}
        ).status_code
        == 400
    )
    assert azure.send("PUT", f"{zone}/A/bad", {"properties": {"TTL": 0, "ARecords": []}}).status_code == 400
    assert azure.send("DELETE", f"{zone}/SOA/@").status_code == 400
    kinds = [(r["name"], r["type"]) for r in azure.list(f"{zone}/recordsets")]
    assert sorted(kinds) == [
        ("@", "Microsoft.Network/dnszones/NS"),
        ("@", "Microsoft.Network/dnszones/SOA"),
        ("api", "Microsoft.Network/dnszones/A"),
    ]
    assert [r["name"] for r in azure.list(f"{zone}/A")] == ["api"]
    assert azure.get(zone)["properties"]["numberOfRecordSets"] == 3
