"""Key Vault's certificates, the gateway that reads one, private endpoints, images: as ARM and the vault answer them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from clouds import gates
from clouds.azure.arm import Arm
from clouds.azure.vaults import Certificates, days_left
from clouds.gates.log import GateLog
from clouds.gates.world import World
from recovery.errors import Stopped
from tests.localcloud.azure import Azure, Body

VAULT = "Microsoft.KeyVault/vaults/kv-test-{n}"
NAMES = ["demay.test", "*.demay.test"]


def vault(azure: Azure) -> str:
    """A vault with roles; its id."""
    return str(azure.put(VAULT.format(n=azure.number), {
        "location": "westeurope",
        "properties": {"tenantId": "t", "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True},
    })["id"])  # fmt: skip


@pytest.fixture
def world(azure: Azure, tmp_path: Path) -> Iterator[World]:
    arm = Arm(azure.endpoints)
    yield World(azure.endpoints, arm, GateLog(tmp_path / "gates.log"), root=tmp_path)
    arm.close()


def props(vault_id: str, names: list[str] = NAMES) -> Body:
    return {"vaultId": vault_id, "certificateName": "wildcard", "names": names}


def test_the_certificate_is_made_once_and_never_replaced(azure: Azure, world: World) -> None:
    """READY-6: ensured without its private key; what a person put there is left alone."""
    wanted = props(vault(azure))
    assert gates.read("VaultCertificate", wanted, world)["observed"] == "absent"
    assert gates.apply("VaultCertificate", wanted, world)["observed"] == "present"
    held = Certificates(azure.get(wanted["vaultId"]), azure.endpoints)
    first = held.get("wildcard")
    assert first is not None
    assert (first.self_signed, set(first.names), first.enabled) == (True, set(NAMES), True)
    assert gates.apply("VaultCertificate", wanted, world)["observed"] == "present"
    again = held.get("wildcard")
    assert again is not None
    assert again.version == first.version
    with pytest.raises(Stopped, match="other-names"):
        gates.apply("VaultCertificate", props(wanted["vaultId"], ["other.test"]), world)


def test_a_certificate_covers_one_label_below_its_wildcard_and_no_apex(azure: Azure, world: World) -> None:
    """facts.md: ``*.demay.com`` does not cover ``demay.com``."""
    vault_id = vault(azure)
    held = Certificates(azure.get(vault_id), azure.endpoints)
    held.create("wildcard", ["*.demay.test"])
    found = held.get("wildcard")
    assert found is not None
    assert [found.covers(h) for h in ("www.demay.test", "demay.test", "a.b.demay.test")] == [
        True,
        False,
        False,
    ]
    assert 360 <= days_left(found, found.expires.replace(year=found.expires.year - 1)) <= 366
    assert gates.read("VaultCertificate", props(vault_id), world)["observed"] == "other-names"


def test_the_vault_keeps_its_keys_and_wants_a_token(azure: Azure) -> None:
    """No secret leaves it: whoever manages certificates reads none."""
    url = azure.get(vault(azure))["properties"]["vaultUri"]
    Certificates({"properties": {"vaultUri": url}}, azure.endpoints).create("wildcard", NAMES)
    signed_in = {"Authorization": f"Bearer {azure.cloud.token}"}
    assert httpx.get(f"{url}certificates/wildcard?api-version=7.4").status_code == 401
    denied = httpx.get(f"{url}secrets/wildcard?api-version=7.4", headers=signed_in)
    assert denied.status_code == 403
    shown = httpx.get(f"{url}certificates/wildcard?api-version=7.4", headers=signed_in)
    assert shown.status_code == 200
    assert "PRIVATE" not in shown.text


def test_purge_protection_cannot_be_taken_back(azure: Azure) -> None:
    name = VAULT.format(n=azure.number) + "p"
    body = {
        "location": "westeurope",
        "properties": {
            "tenantId": "t",
            "sku": {"family": "A", "name": "standard"},
            "enablePurgeProtection": True,
        },
    }
    azure.put(name, body)
    answer = azure.send(
        "PUT", name, {**body, "properties": {**body["properties"], "enablePurgeProtection": False}}
    )  # type: ignore[dict-item]
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def secure(azure: Azure, secret: str) -> Body:
    """The tests' gateway with TLS in front of www and a redirect from plain HTTP."""
    identity = azure.put("Microsoft.ManagedIdentity/userAssignedIdentities/agw", {"location": "westeurope"})[
        "id"
    ]
    body = azure.gateway_body(azure.network(), azure.public_address()["id"], "127.0.0.1:9")
    own, given = azure.id("Microsoft.Network/applicationGateways/agw"), body["properties"]
    body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    given["sslCertificates"] = [{"name": "wildcard", "properties": {"keyVaultSecretId": secret}}]
    given["frontendPorts"].append({"name": "https", "properties": {"port": 443}})
    plain = next(one for one in given["httpListeners"] if one["name"] == "www")
    given["httpListeners"].append({"name": "www-tls", "properties": {
        **plain["properties"], "protocol": "Https", "frontendPort": {"id": f"{own}/frontendPorts/https"},
        "sslCertificate": {"id": f"{own}/sslCertificates/wildcard"},
    }})  # fmt: skip
    given["redirectConfigurations"] = [{"name": "www", "properties": {
        "redirectType": "Permanent", "targetListener": {"id": f"{own}/httpListeners/www-tls"},
        "includePath": True, "includeQueryString": True,
    }}]  # fmt: skip
    rule = next(r for r in given["requestRoutingRules"] if r["name"] == "www")
    moved = dict(rule["properties"])
    rule["properties"] = {
        "ruleType": "Basic", "priority": 30, "httpListener": moved["httpListener"],
        "redirectConfiguration": {"id": f"{own}/redirectConfigurations/www"},
    }  # fmt: skip
    given["requestRoutingRules"].append({"name": "www-tls", "properties": {
        **moved, "priority": 40, "httpListener": {"id": f"{own}/httpListeners/www-tls"},
    }})  # fmt: skip
    return body


def test_a_gateway_is_refused_without_its_certificate_and_redirects_plain_http(azure: Azure) -> None:
    """A listener whose certificate cannot be read serves nobody; port 80 only points at 443."""
    uri = azure.get(vault(azure))["properties"]["vaultUri"]
    body = secure(azure, f"{uri}secrets/wildcard")
    answer = azure.send("PUT", "Microsoft.Network/applicationGateways/agw", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        400,
        "ApplicationGatewayKeyVaultSecretException",
    )
    Certificates({"properties": {"vaultUri": uri}}, azure.endpoints).create("wildcard", NAMES)
    azure.put("Microsoft.Network/applicationGateways/agw", body)
    address = azure.get("Microsoft.Network/publicIPAddresses/pip")["properties"]["ipAddress"]
    plain = httpx.get(
        f"http://{azure.endpoints.edge[f'{address}:80']}/a?b=c", headers={"Host": "www.demay.test"}
    )
    assert (plain.status_code, plain.headers["Location"]) == (301, "https://www.demay.test/a?b=c")
    tls = httpx.get(f"http://{azure.endpoints.edge[address]}/a", headers={"Host": "www.demay.test"})
    assert tls.status_code == 502, "its only backend is nobody, but the request was routed to it"


def test_a_private_endpoint_brings_an_interface_and_shows_on_its_target(azure: Azure) -> None:
    vault_id = vault(azure)
    subnet = f"{azure.network()}/subnets/api"
    connection = {"name": "vault", "properties": {"privateLinkServiceId": vault_id, "groupIds": ["vault"]}}
    body = {
        "location": "westeurope",
        "properties": {
            "subnet": {"id": subnet}, "privateLinkServiceConnections": [connection], "customNetworkInterfaceName": "pe-nic",
        },
    }  # fmt: skip
    wrong = {**connection["properties"], "groupIds": ["blob"]}  # type: ignore[dict-item]
    bad = {
        **body,
        "properties": {
            **body["properties"],
            "privateLinkServiceConnections": [{"name": "v", "properties": wrong}],
        },
    }  # type: ignore[dict-item]
    answer = azure.send("PUT", "Microsoft.Network/privateEndpoints/pe", bad)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidGroupId")
    made = azure.put("Microsoft.Network/privateEndpoints/pe", body)
    [nic] = made["properties"]["networkInterfaces"]
    assert nic["id"].endswith("/networkInterfaces/pe-nic")
    assert any(one["id"] == nic["id"] for one in azure.list(f"{azure.group}/resources"))
    [shown] = azure.get(vault_id)["properties"]["privateEndpointConnections"]
    assert shown["properties"]["privateEndpoint"]["id"] == made["id"]
    azure.wait(azure.send("DELETE", "Microsoft.Network/privateEndpoints/pe"))
    assert azure.get(vault_id)["properties"]["privateEndpointConnections"] == []


def test_an_image_that_is_not_published_is_refused_by_name(azure: Azure) -> None:
    """facts.md: Container Apps reject an image that is not published; the digest is what is asked for."""
    environment = azure.put(
        "Microsoft.App/managedEnvironments/cae", {"location": "westeurope", "properties": {}}
    )["id"]
    image = "registry.example/standby@sha256:" + "a" * 64

    def job(image: str) -> Body:
        return {"location": "westeurope", "properties": {
            "environmentId": environment, "template": {"containers": [{"name": "sync", "image": image}]},
            "configuration": {"triggerType": "Manual", "replicaTimeout": 60},
        }}  # fmt: skip

    azure.cloud.control("PUT", "images", {"unpublished": ["sha256:aaaa"]})
    try:
        for wrong in (image, "registry.example/standby:latest"):
            answer = azure.send("PUT", "Microsoft.App/jobs/sync", job(wrong))
            assert answer.status_code == 400
            assert wrong in answer.json()["error"]["message"]
    finally:
        azure.cloud.control("PUT", "images", {"unpublished": []})
    assert azure.put("Microsoft.App/jobs/sync", job(image))["properties"]["provisioningState"] == "Succeeded"


def test_a_certificate_is_waited_for_while_the_deployers_role_is_young(azure: Azure, world: World) -> None:
    """A new role takes minutes (design, "Where it runs"): a denial is waited out within the limit, then told."""
    vault_id = vault(azure)
    strange = replace(azure.endpoints, arm_token="nobody")
    denied = World(strange, world.arm, world.log, root=world.root)
    with pytest.raises(Stopped, match=r"no certificate wildcard: 401.*valid token"):
        gates.apply("VaultCertificate", {**props(vault_id), "timeoutSeconds": 0.5}, denied)
    assert "waiting" in world.log.path.read_text()


def test_a_diagnostic_setting_is_refused_where_the_type_has_none(azure: Azure) -> None:
    workspace = azure.put(
        "Microsoft.OperationalInsights/workspaces/log", {"location": "westeurope", "properties": {}}
    )["id"]
    body = {"properties": {"workspaceId": workspace, "logs": [{"categoryGroup": "allLogs", "enabled": True}]}}
    identity = azure.put("Microsoft.ManagedIdentity/userAssignedIdentities/x", {"location": "westeurope"})[
        "id"
    ]
    tail = "providers/Microsoft.Insights/diagnosticSettings/all"
    version = "2021-05-01-preview"
    answer = azure.send(
        "PUT",
        f"{azure.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x/{tail}",
        body,
        version=version,
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ResourceTypeNotSupported")
    assert identity
    made = azure.send("PUT", f"{vault(azure)}/{tail}", body, version=version)
    assert made.status_code == 201
    assert made.json()["id"].endswith("/providers/microsoft.insights/diagnosticSettings/all")
    assert made.json()["properties"]["logs"][0]["retentionPolicy"] == {"enabled": False, "days": 0}
