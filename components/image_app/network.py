"""The network: a subnet for each part with its own rules, and the one public address that never changes."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from components.image_app.common import Place, kept
from components.naming import Names

GATEWAY_SUBNET, API_SUBNET = "10.42.0.0/24", "10.42.1.0/24"
ENDPOINT_SUBNET, FUNCTION_SUBNET, SYNC_SUBNET = "10.42.2.0/24", "10.42.3.0/24", "10.42.4.0/23"

TOOLS_SUBNET = "10.42.6.0/24"
"""Where `dr in-azure` runs the tool's own image."""

CONTAINERS = "Microsoft.App/environments"
"""Flex Consumption and container environments each want a subnet of their own, delegated to this
(learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#enable-virtual-network-integration)."""


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
        rules = {
            "gateway": _gateway_rules(), "api": _api_rules(args.api_port), "endpoints": _endpoint_rules(),
            "functions": [_deny_all()], "sync": _sync_rules(), "tools": [_deny_all()],
        }  # fmt: skip
        self.security_groups = {part: self._nsg(part, names, place, wanted) for part, wanted in rules.items()}
        nsg = self.security_groups
        self.vnet = network.VirtualNetwork(
            "vnet",
            resource_group_name=place.group, virtual_network_name=names.of("vnet"), location=place.location,
            tags=place.tags, address_space=network.AddressSpaceArgs(address_prefixes=["10.42.0.0/16"]),
            subnets=[
                _subnet("gateway", GATEWAY_SUBNET, nsg["gateway"]), _subnet("api", API_SUBNET, nsg["api"], closed=True),
                _subnet("endpoints", ENDPOINT_SUBNET, nsg["endpoints"], closed=True),
                _subnet("functions", FUNCTION_SUBNET, nsg["functions"], delegated=CONTAINERS),
                _subnet("sync", SYNC_SUBNET, nsg["sync"], delegated=CONTAINERS),
                _subnet("tools", TOOLS_SUBNET, nsg["tools"], delegated="Microsoft.ContainerInstance/containerGroups"),
            ],
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
        self.gateway_subnet, self.api_subnet = self.subnet("gateway"), self.subnet("api")
        self.address = self.public_ip.ip_address.apply(lambda a: a or "")
        self.fqdn = self.public_ip.dns_settings.apply(lambda s: str(getattr(s, "fqdn", None) or ""))
        self.register_outputs({"publicIpId": self.public_ip.id})

    def subnet(self, name: str) -> pulumi.Output[str]:
        """A subnet's id."""
        return self.vnet.id.apply(lambda i: f"{i}/subnets/{name}")

    def _nsg(
        self, part: str, names: Names, place: Place, rules: list[network.SecurityRuleArgs]
    ) -> network.NetworkSecurityGroup:
        return network.NetworkSecurityGroup(
            f"nsg-{part}",
            resource_group_name=place.group, network_security_group_name=names.of("nsg", part), location=place.location,
            tags=place.tags, security_rules=rules, opts=kept(self),
        )  # fmt: skip


def _subnet(
    name: str, prefix: str, nsg: network.NetworkSecurityGroup, *, closed: bool = False, delegated: str = ""
) -> network.SubnetArgs:
    """closed: no default way out to the Internet; an instance reaches Azure by private endpoints alone."""
    delegation = network.DelegationArgs(name="containers", service_name=delegated)
    return network.SubnetArgs(
        name=name, address_prefix=prefix, network_security_group=network.NetworkSecurityGroupArgs(id=nsg.id),
        default_outbound_access=False if closed else None,
        private_endpoint_network_policies="NetworkSecurityGroupEnabled" if name == "endpoints" else "Disabled",
        delegations=[delegation] if delegated else None,
    )  # fmt: skip


def _gateway_rules() -> list[network.SecurityRuleArgs]:
    """Source: learn.microsoft.com/azure/application-gateway/configuration-infrastructure#network-security-groups"""
    manager = "the service manages its instances"
    return [
        _rule("allow-clients", 100, "Internet", ["80", "443"], "clients reach the listeners"),
        _rule("allow-gateway-manager", 110, "GatewayManager", ["65200-65535"], manager),
        _rule("allow-load-balancer", 120, "AzureLoadBalancer", ["*"], "the platform probes the instances"),
        _deny_all(),
    ]


def _api_rules(port: int) -> list[network.SecurityRuleArgs]:
    return [
        _rule("allow-gateway", 100, GATEWAY_SUBNET, [str(port)], "the gateway alone reaches the API"),
        _deny_all(),
        _rule("deny-internet", 4096, "*", ["*"], "an instance fetches nothing from elsewhere", access="Deny", out="Internet"),
    ]  # fmt: skip


def _endpoint_rules() -> list[network.SecurityRuleArgs]:
    return [
        _rule("allow-inside", 100, "VirtualNetwork", ["443"], "the parts reach database, blobs and vault"),
        _deny_all(),
    ]


def _sync_rules() -> list[network.SecurityRuleArgs]:
    """Source: learn.microsoft.com/azure/container-apps/firewall-integration (workload profiles, inbound)."""
    return [
        _rule("allow-load-balancer", 100, "AzureLoadBalancer", ["30000-32767"], "the platform probes the environment"),
        _rule("allow-inside", 110, SYNC_SUBNET, ["*"], "the environment's own machines talk to each other"),
        _deny_all(),
    ]  # fmt: skip


def _deny_all() -> network.SecurityRuleArgs:
    return _rule(
        "deny-all", 4096, "*", ["*"], "nothing else, not even from inside the network", access="Deny"
    )


def _rule(
    name: str, priority: int, source: str, ports: list[str], why: str, *, access: str = "Allow", out: str = ""
) -> network.SecurityRuleArgs:
    """out: the destination of an outbound rule."""
    return network.SecurityRuleArgs(
        name=name, priority=priority, direction="Outbound" if out else "Inbound", access=access,
        protocol="*" if ports == ["*"] else "Tcp", source_address_prefix=source, source_port_range="*",
        destination_address_prefix=out or "*", description=why,
        destination_port_range=ports[0] if len(ports) == 1 else None,
        destination_port_ranges=ports if len(ports) > 1 else None,
    )  # fmt: skip
