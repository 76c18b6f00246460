"""The network: two subnets with their rules, and the one public address that never changes."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from components.image_app.common import Place, kept
from components.naming import Names

API_SUBNET = "10.42.1.0/24"
GATEWAY_SUBNET = "10.42.0.0/24"


@dataclass(frozen=True)
class NetworkArgs:
    """place: where. names: physical names. api_port: what the gateway may reach in the API's subnet."""

    place: Place
    names: Names
    api_port: int


class Network(pulumi.ComponentResource):
    """VNet, NSGs that admit only the gateway's traffic to the API, a static public IP over all zones."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Network", name, None, opts)
        place, names = args.place, args.names
        gateway_nsg = self._nsg("nsg-gateway", names.of("nsg", "gateway"), place, _gateway_rules())
        api_nsg = self._nsg("nsg-api", names.of("nsg", "api"), place, _api_rules(args.api_port))
        vnet = network.VirtualNetwork(
            "vnet",
            resource_group_name=place.group, virtual_network_name=names.of("vnet"), location=place.location,
            tags=place.tags, address_space=network.AddressSpaceArgs(address_prefixes=["10.42.0.0/16"]),
            subnets=[_subnet("gateway", GATEWAY_SUBNET, gateway_nsg), _subnet("api", API_SUBNET, api_nsg)],
            opts=kept(self),
        )  # fmt: skip
        self.public_ip = network.PublicIPAddress(
            "public-ip",
            resource_group_name=place.group, public_ip_address_name=names.of("pip", "gateway"),
            location=place.location, tags=place.tags,
            sku=network.PublicIPAddressSkuArgs(name="Standard", tier="Regional"), zones=["1", "2", "3"],
            public_ip_allocation_method="Static", public_ip_address_version="IPv4", idle_timeout_in_minutes=4,
            dns_settings=network.PublicIPAddressDnsSettingsArgs(domain_name_label=f"{names.prefix}-dr"),
            opts=kept(self),
        )  # fmt: skip
        self.gateway_subnet = vnet.id.apply(lambda i: f"{i}/subnets/gateway")
        self.api_subnet = vnet.id.apply(lambda i: f"{i}/subnets/api")
        self.address = self.public_ip.ip_address.apply(lambda a: a or "")
        self.fqdn = self.public_ip.dns_settings.apply(lambda s: str(getattr(s, "fqdn", None) or ""))
        self.register_outputs({"publicIpId": self.public_ip.id})

    def _nsg(
        self, urn: str, name: str, place: Place, rules: list[network.SecurityRuleArgs]
    ) -> network.NetworkSecurityGroup:
        return network.NetworkSecurityGroup(
            urn,
            resource_group_name=place.group, network_security_group_name=name, location=place.location,
            tags=place.tags, security_rules=rules, opts=kept(self),
        )  # fmt: skip


def _subnet(name: str, prefix: str, nsg: network.NetworkSecurityGroup) -> network.SubnetArgs:
    return network.SubnetArgs(
        name=name, address_prefix=prefix, network_security_group=network.NetworkSecurityGroupArgs(id=nsg.id)
    )


def _gateway_rules() -> list[network.SecurityRuleArgs]:
    """Source: learn.microsoft.com/azure/application-gateway/configuration-infrastructure#network-security-groups"""
    return [
        _rule("allow-clients", 100, "Internet", ["80", "443"], "clients reach the listeners"),
        _rule(
            "allow-gateway-manager",
            110,
            "GatewayManager",
            ["65200-65535"],
            "the service manages its instances",
        ),
        _rule("allow-load-balancer", 120, "AzureLoadBalancer", ["*"], "the platform probes the instances"),
    ]


def _api_rules(port: int) -> list[network.SecurityRuleArgs]:
    return [
        _rule("allow-gateway", 100, GATEWAY_SUBNET, [str(port)], "the gateway alone reaches the API"),
        _rule("deny-all", 4096, "*", ["*"], "nothing else, not even from inside the network", access="Deny"),
    ]


def _rule(
    name: str, priority: int, source: str, ports: list[str], why: str, *, access: str = "Allow"
) -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name=name, priority=priority, direction="Inbound", access=access, protocol="*" if ports == ["*"] else "Tcp",
        source_address_prefix=source, source_port_range="*", destination_address_prefix="*", description=why,
        destination_port_range=ports[0] if len(ports) == 1 else None,
        destination_port_ranges=ports if len(ports) > 1 else None,
    )  # fmt: skip
