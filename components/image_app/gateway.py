"""Application Gateway: one public address for the API and the site, in front of two backend pools."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from components.image_app.common import Place, kept
from components.naming import Names

API_POOL, SITE_POOL = "api", "site"


@dataclass(frozen=True)
class GatewayArgs:
    """gateway_id: its own id to be. hosts_api / hosts_site: public names for each pool.

    site_host: the `$web` endpoint's host. minimum: the dial. after: what must have happened before.
    """

    place: Place
    names: Names
    gateway_id: pulumi.Output[str]
    subnet_id: pulumi.Input[str]
    public_ip_id: pulumi.Input[str]
    hosts_api: tuple[str, ...]
    hosts_site: tuple[str, ...]
    site_host: pulumi.Input[str]
    api_port: int
    health_path: str
    minimum: int
    maximum: int
    after: tuple[pulumi.Resource, ...] = ()


class Gateway(pulumi.ComponentResource):
    """A zone-redundant v2 gateway. Its own id is passed in: its parts refer to each other before it exists."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Gateway", name, None, opts)
        self._id = args.gateway_id
        subnet = network.SubResourceArgs(id=args.subnet_id)
        site = network.ApplicationGatewayBackendAddressArgs(fqdn=args.site_host)
        self.resource = network.ApplicationGateway(
            "gateway",
            resource_group_name=args.place.group, application_gateway_name=args.names.of("agw"),
            location=args.place.location, tags=args.place.tags, zones=["1", "2", "3"],
            sku=network.ApplicationGatewaySkuArgs(name="Standard_v2", tier="Standard_v2"),
            autoscale_configuration=network.ApplicationGatewayAutoscaleConfigurationArgs(
                min_capacity=args.minimum, max_capacity=args.maximum
            ),
            gateway_ip_configurations=[network.ApplicationGatewayIPConfigurationArgs(name="gateway", subnet=subnet)],
            frontend_ip_configurations=[
                network.ApplicationGatewayFrontendIPConfigurationArgs(
                    name="public", public_ip_address=network.SubResourceArgs(id=args.public_ip_id)
                )
            ],
            frontend_ports=[network.ApplicationGatewayFrontendPortArgs(name="http", port=80)],
            backend_address_pools=[
                network.ApplicationGatewayBackendAddressPoolArgs(name=API_POOL),  # filled by the scale set's instances
                network.ApplicationGatewayBackendAddressPoolArgs(name=SITE_POOL, backend_addresses=[site]),
            ],
            probes=[_probe("api", args.health_path, "127.0.0.1"), _probe("site", "/", None)],
            backend_http_settings_collection=[
                self._backend("api", args.api_port, "Http", own_host=False),
                self._backend("site", 443, "Https", own_host=True),
            ],
            http_listeners=[self._listener("api", args.hosts_api), self._listener("site", args.hosts_site)],
            request_routing_rules=[self._rule("api", 100, API_POOL), self._rule("site", 110, SITE_POOL)],
            opts=kept(self, args.after),
        )  # fmt: skip
        self.register_outputs({"gatewayId": self.resource.id})

    def _part(self, collection: str, name: str) -> network.SubResourceArgs:
        return network.SubResourceArgs(id=self._id.apply(lambda i: f"{i}/{collection}/{name}"))

    def _backend(
        self, name: str, port: int, protocol: str, *, own_host: bool
    ) -> network.ApplicationGatewayBackendHttpSettingsArgs:
        """own_host: the backend is reached under its own name, as the `$web` endpoint wants."""
        draining = network.ApplicationGatewayConnectionDrainingArgs(enabled=True, drain_timeout_in_sec=60)
        return network.ApplicationGatewayBackendHttpSettingsArgs(
            name=name, port=port, protocol=protocol, cookie_based_affinity="Disabled", request_timeout=30,
            pick_host_name_from_backend_address=own_host, probe=self._part("probes", name),
            connection_draining=draining,
        )  # fmt: skip

    def _listener(self, name: str, hosts: tuple[str, ...]) -> network.ApplicationGatewayHttpListenerArgs:
        return network.ApplicationGatewayHttpListenerArgs(
            name=name, protocol="Http", host_names=list(hosts),
            frontend_ip_configuration=self._part("frontendIPConfigurations", "public"),
            frontend_port=self._part("frontendPorts", "http"),
        )  # fmt: skip

    def _rule(self, name: str, priority: int, pool: str) -> network.ApplicationGatewayRequestRoutingRuleArgs:
        return network.ApplicationGatewayRequestRoutingRuleArgs(
            name=name, rule_type="Basic", priority=priority, http_listener=self._part("httpListeners", name),
            backend_address_pool=self._part("backendAddressPools", pool),
            backend_http_settings=self._part("backendHttpSettingsCollection", name),
        )  # fmt: skip


def _probe(name: str, path: str, host: str | None) -> network.ApplicationGatewayProbeArgs:
    return network.ApplicationGatewayProbeArgs(
        name=name, protocol="Http" if host else "Https", path=path, interval=10, timeout=10, unhealthy_threshold=3,
        host=host, pick_host_name_from_backend_http_settings=host is None,
        match=network.ApplicationGatewayProbeHealthResponseMatchArgs(status_codes=["200"]),
    )  # fmt: skip
