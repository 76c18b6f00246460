"""The doors: the gateway in front, the vault that holds its certificate, the private ways in. Each by itself."""

from __future__ import annotations

from typing import Any

import pulumi

from components.image_app.common import Place
from components.image_app.gateway import Gateway, GatewayArgs
from components.image_app.links import ZONES, Links, LinksArgs, Target
from components.image_app.vault import SECRETS_USER, Vault, VaultArgs
from components.settings import Mode, Profile, Settings
from tests.components.recording import GROUP_ID, Recording, alone

GATEWAY_ID = f"{GROUP_ID}/providers/Microsoft.Network/applicationGateways/agw-demay"


def gateway(site: Settings, mode: Mode) -> Recording:
    """The gateway in a mode, with its subnet and address passed in."""
    dials = site.in_mode(mode).dials

    def build(place: Place) -> None:
        Gateway("edge", GatewayArgs(
            place=place, names=site.names, gateway_id=pulumi.Output.from_input(GATEWAY_ID), subnet_id="subnet-1",
            public_ip_id="ip-1", identity_id="identity-1", secret_id=f"https://kv/secrets/{site.gateway.certificate_name}",
            hosts_api=("api.demay.com", "dr.demay.com"), hosts_site=("demay.com", "www.demay.com"),
            site_host="stdemaysite.z15.web.core.windows.net", api_port=8080, health_path="/health",
            minimum=dials.gateway_minimum, maximum=10,
        ))  # fmt: skip

    return alone(build)


def test_the_gateway_differs_between_the_modes_in_its_minimum_alone(site: Settings) -> None:
    standby, active = (dict(gateway(site, mode).inputs("gateway")) for mode in (Mode.STANDBY, Mode.ACTIVE))
    scale = "autoscaleConfiguration"
    assert (standby.pop(scale)["minCapacity"], active.pop(scale)["minCapacity"]) == (0, 2)
    assert standby == active


def test_every_part_that_the_gateway_refers_to_is_a_part_of_it(site: Settings, mode: Mode) -> None:
    """A misspelt reference is refused by Azure only after minutes."""
    inputs = gateway(site, mode).inputs("gateway")
    parts = {
        f"{key}/{item['name']}".lower()
        for key, items in inputs.items()
        if isinstance(items, list)
        for item in items
        if isinstance(item, dict)
    }
    referred = [
        text.removeprefix(f"{GATEWAY_ID}/").lower() for text in _ids(inputs) if text.startswith(GATEWAY_ID)
    ]
    assert len(referred) >= 10
    assert [part for part in referred if part not in parts] == []


def test_the_gateway_serves_every_public_name_once(site: Settings, mode: Mode) -> None:
    """The site goes through the gateway too, under its backend's own host name (facts.md)."""
    inputs = gateway(site, mode).inputs("gateway")
    hosts = {listener["name"]: listener["hostNames"] for listener in inputs["httpListeners"]}
    served = {"api": ["api.demay.com", "dr.demay.com"], "site": ["demay.com", "www.demay.com"]}
    assert hosts == served | {f"{name}-http": names for name, names in served.items()}
    backends = {
        b["name"]: b["pickHostNameFromBackendAddress"] for b in inputs["backendHttpSettingsCollection"]
    }
    assert backends == {"api": False, "site": True}
    assert len({rule["priority"] for rule in inputs["requestRoutingRules"]}) == 4


def test_the_gateway_serves_over_tls_alone_and_its_firewall_prevents(site: Settings, mode: Mode) -> None:
    """Plain HTTP is redirected; the certificate's id has no version, so that a renewal is followed (READY-6)."""
    found = gateway(site, mode)
    inputs = found.inputs("gateway")
    listeners = {listener["name"]: listener for listener in inputs["httpListeners"]}
    redirected = {
        r["httpListener"]["id"].rpartition("/")[2]
        for r in inputs["requestRoutingRules"]
        if "redirectConfiguration" in r
    }
    assert (
        redirected
        == {n for n, one in listeners.items() if one["protocol"] == "Http"}
        == {"api-http", "site-http"}
    )
    assert all("sslCertificate" in listeners[name] for name in ("api", "site"))
    [certificate] = inputs["sslCertificates"]
    assert certificate["keyVaultSecretId"].endswith("/secrets/wildcard")
    assert (inputs["sku"]["tier"], inputs["sslPolicy"]["policyName"]) == ("WAF_v2", "AppGwSslPolicy20220101S")
    assert inputs["identity"]["userAssignedIdentities"] == ["identity-1"]
    policy = found.inputs("firewall")
    assert (policy["policySettings"]["mode"], policy["policySettings"]["state"]) == ("Prevention", "Enabled")
    assert inputs["firewallPolicy"]["id"] == found.resources["firewall"].id


def vault(
    site: Settings, profile: Profile = Profile.PRODUCTION, operators: tuple[str, ...] = ()
) -> Recording:
    """The vault, with the gateway's identity passed in."""
    return alone(
        lambda place: Vault(
            "vault",
            VaultArgs(
                place, site.names, "tenant-1", "demay.com", "wildcard", "principal-1", profile, operators
            ),
        )
    )


def test_the_vault_gives_the_gateway_one_secret_and_nobody_else_anything(site: Settings) -> None:
    """READY-6: the certificate exists before any gateway; least privilege: the role's scope is that one secret."""
    found = vault(site)
    props = found.inputs("vault")["properties"]
    assert (props["enableRbacAuthorization"], props["enablePurgeProtection"]) == (True, True)
    assert (props["publicNetworkAccess"], props["networkAcls"]["defaultAction"]) == ("Disabled", "Deny")
    role = found.inputs("gateway-reads-certificate")
    assert role["scope"] == f"{found.resources['vault'].id}/secrets/wildcard"
    assert (role["principalId"], role["roleDefinitionId"].rpartition("/")[2]) == ("principal-1", SECRETS_USER)
    assert found.inputs("certificate")["names"] == ["demay.com", "*.demay.com"]
    assert "certificate" in found.before("gateway-reads-certificate")


def test_a_trial_can_be_thrown_away_and_operators_come_in_by_their_addresses(site: Settings) -> None:
    found = vault(site, Profile.TRIAL, ("198.51.100.0/28",)).inputs("vault")["properties"]
    assert "enablePurgeProtection" not in found, (
        "false is refused once it was true: absent is what Azure knows"
    )
    assert found["networkAcls"]["ipRules"] == [{"value": "198.51.100.0/28"}]
    assert (found["publicNetworkAccess"], found["networkAcls"]["defaultAction"]) == ("Enabled", "Deny")


def test_each_private_service_has_an_endpoint_and_a_name_inside_the_network(site: Settings) -> None:
    """The zone answers for the public name, but only where it is linked; each endpoint registers in its own."""
    targets = (
        Target("cosmos", "/cosmos", "Sql"),
        Target("vault", "/vault", "vault"),
        Target("uploads", "/st1", "blob"),
        Target("journal", "/st2", "blob"),
    )
    found = alone(lambda place: Links("links", LinksArgs(place, site.names, "vnet-1", "subnet-1", targets)))
    assert set(found.of("azure-native:network:PrivateEndpoint")) == {f"endpoint-{t.label}" for t in targets}
    zones = {
        d.inputs["privateZoneName"]: d.id for d in found.of("azure-native:privatedns:PrivateZone").values()
    }
    assert set(zones) == {
        "privatelink.documents.azure.com", "privatelink.vaultcore.azure.net", "privatelink.blob.core.windows.net",
    }  # fmt: skip
    for target in targets:
        endpoint = found.inputs(f"endpoint-{target.label}")
        [connection] = endpoint["privateLinkServiceConnections"]
        assert (connection["privateLinkServiceId"], connection["groupIds"]) == (
            target.resource_id,
            [target.group],
        )
        [config] = found.inputs(f"endpoint-{target.label}-names")["privateDnsZoneConfigs"]
        assert config["privateDnsZoneId"] == zones[ZONES[target.group]]
    assert {
        d.inputs["virtualNetwork"]["id"]
        for d in found.of("azure-native:privatedns:VirtualNetworkLink").values()
    } == {"vnet-1"}


def test_gateway_and_vault_protect_and_keep_what_they_declare(site: Settings, mode: Mode) -> None:
    for recording in (gateway(site, mode), vault(site)):
        assert recording.problems == ()
        assert [
            n
            for n, d in recording.resources.items()
            if not (d.options["protect"] and d.options["retainOnDelete"])
        ] == []


def _ids(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [id for key, child in value.items() for id in ([child] if key == "id" else _ids(child))]
    if isinstance(value, list):
        return [id for child in value for id in _ids(child)]
    return []
