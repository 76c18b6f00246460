"""Private ways in: an endpoint and a DNS zone for each service that the network's own parts reach."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network, privatedns

from components.image_app.common import Place, kept
from components.naming import Names

ZONES = {
    "Sql": "privatelink.documents.azure.com",
    "vault": "privatelink.vaultcore.azure.net",
    "blob": "privatelink.blob.core.windows.net",
}
"""Sub-resource -> zone (learn.microsoft.com/azure/private-link/private-endpoint-dns)."""


@dataclass(frozen=True)
class Target:
    """label: of the endpoint. resource_id: what it leads to. group: the sub-resource (a key of ZONES)."""

    label: str
    resource_id: pulumi.Input[str]
    group: str


@dataclass(frozen=True)
class LinksArgs:
    """vnet_id, subnet_id: where the endpoints' addresses are, and who resolves their names."""

    place: Place
    names: Names
    vnet_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    targets: tuple[Target, ...]


class Links(pulumi.ComponentResource):
    """Endpoints and the zones that turn the services' public names into their addresses, inside this network alone."""

    def __init__(self, name: str, args: LinksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Links", name, None, opts)
        self._args = args
        zones = {group: self._zone(group) for group in sorted({t.group for t in args.targets})}
        self.endpoints = [self._endpoint(target, zones[target.group]) for target in args.targets]
        self.register_outputs({})

    def _zone(self, group: str) -> privatedns.PrivateZone:
        args, label = self._args, group.lower()
        zone = privatedns.PrivateZone(
            f"zone-{label}",
            resource_group_name=args.place.group, private_zone_name=ZONES[group], location="global", tags=args.place.tags,
            opts=kept(self),
        )  # fmt: skip
        privatedns.VirtualNetworkLink(
            f"zone-{label}-link",
            resource_group_name=args.place.group, private_zone_name=zone.name,
            virtual_network_link_name=args.names.of("vnet"), location="global", tags=args.place.tags,
            registration_enabled=False, virtual_network=privatedns.SubResourceArgs(id=args.vnet_id), opts=kept(self),
        )  # fmt: skip
        return zone

    def _endpoint(self, target: Target, zone: privatedns.PrivateZone) -> network.PrivateEndpoint:
        args = self._args
        physical = args.names.of("pe", target.label)
        connection = network.PrivateLinkServiceConnectionArgs(
            name=target.label, private_link_service_id=target.resource_id, group_ids=[target.group]
        )
        made = network.PrivateEndpoint(
            f"endpoint-{target.label}",
            resource_group_name=args.place.group, private_endpoint_name=physical, location=args.place.location,
            tags=args.place.tags, subnet=network.SubnetArgs(id=args.subnet_id), private_link_service_connections=[connection],
            custom_network_interface_name=f"{physical}-nic", opts=kept(self),
        )  # fmt: skip
        config = network.PrivateDnsZoneConfigArgs(name=target.group.lower(), private_dns_zone_id=zone.id)
        network.PrivateDnsZoneGroup(
            f"endpoint-{target.label}-names",
            resource_group_name=args.place.group, private_endpoint_name=made.name, private_dns_zone_group_name="default",
            private_dns_zone_configs=[config], opts=kept(self),
        )  # fmt: skip
        return made
