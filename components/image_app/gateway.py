"""Application Gateway with a firewall: one public address for the API and the site, over TLS alone."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from components.image_app.common import Place, kept
from components.naming import Names

API_POOL, SITE_POOL = "api", "site"
TLS_POLICY = "AppGwSslPolicy20220101S"
"""TLS 1.2 and 1.3 with forward secrecy alone (learn.microsoft.com/azure/application-gateway/application-gateway-ssl-policy-overview)."""


@dataclass(frozen=True)
class GatewayArgs:
    """gateway_id: its own id to be. hosts_api / hosts_site: public names for each pool.

    site_host: the `$web` endpoint's host. identity_id: reads secret_id, the certificate without a version. minimum: the
    dial. after: what must have happened before.
    """

    place: Place
    names: Names
    gateway_id: pulumi.Output[str]
    subnet_id: pulumi.Input[str]
    public_ip_id: pulumi.Input[str]
    identity_id: pulumi.Input[str]
    secret_id: pulumi.Input[str]
    hosts_api: tuple[str, ...]
    hosts_site: tuple[str, ...]
    site_host: pulumi.Input[str]
    api_port: int
    health_path: str
    minimum: int
    maximum: int
    after: tuple[pulumi.Resource, ...] = ()


class Gateway(pulumi.ComponentResource):
    """A zone-redundant WAF_v2 gateway. Its own id is passed in: its parts refer to each other before it exists."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Gateway", name, None, opts)
        self._id = args.gateway_id
        subnet = network.SubResourceArgs(id=args.subnet_id)
        site = network.ApplicationGatewayBackendAddressArgs(fqdn=args.site_host)
        hosts = {API_POOL: args.hosts_api, SITE_POOL: args.hosts_site}
        self.resource = network.ApplicationGateway(
            "gateway",
            resource_group_name=args.place.group, application_gateway_name=args.names.of("agw"),
            location=args.place.location, tags=args.place.tags, zones=["1", "2", "3"],
            sku=network.ApplicationGatewaySkuArgs(name="WAF_v2", tier="WAF_v2"), enable_http2=True,
            firewall_policy=network.SubResourceArgs(id=_firewall(self, args).id),
            identity=network.ManagedServiceIdentityArgs(
                type=network.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.identity_id]
            ),
            ssl_policy=network.ApplicationGatewaySslPolicyArgs(policy_type="Predefined", policy_name=TLS_POLICY),
            ssl_certificates=[
                network.ApplicationGatewaySslCertificateArgs(name="wildcard", key_vault_secret_id=args.secret_id)
            ],
            autoscale_configuration=network.ApplicationGatewayAutoscaleConfigurationArgs(
                min_capacity=args.minimum, max_capacity=args.maximum
            ),
            gateway_ip_configurations=[network.ApplicationGatewayIPConfigurationArgs(name="gateway", subnet=subnet)],
            frontend_ip_configurations=[
                network.ApplicationGatewayFrontendIPConfigurationArgs(
                    name="public", public_ip_address=network.SubResourceArgs(id=args.public_ip_id)
                )
            ],
            frontend_ports=[
                network.ApplicationGatewayFrontendPortArgs(name="http", port=80),
                network.ApplicationGatewayFrontendPortArgs(name="https", port=443),
            ],
            backend_address_pools=[
                network.ApplicationGatewayBackendAddressPoolArgs(name=API_POOL),  # filled by the scale set's instances
                network.ApplicationGatewayBackendAddressPoolArgs(name=SITE_POOL, backend_addresses=[site]),
            ],
            probes=[_probe("api", args.health_path, "127.0.0.1"), _probe("site", "/", None)],
            backend_http_settings_collection=[
                self._backend("api", args.api_port, "Http", own_host=False),
                self._backend("site", 443, "Https", own_host=True),
            ],
            http_listeners=[
                *(self._listener(name, names, secure=True) for name, names in hosts.items()),
                *(self._listener(f"{name}-http", names, secure=False) for name, names in hosts.items()),
            ],
            redirect_configurations=[self._redirect(name) for name in hosts],
            request_routing_rules=[
                self._rule("api", 100), self._rule("site", 110),
                self._rule("api-http", 120, redirect="api"), self._rule("site-http", 130, redirect="site"),
            ],
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

    def _listener(
        self, name: str, hosts: tuple[str, ...], *, secure: bool
    ) -> network.ApplicationGatewayHttpListenerArgs:
        return network.ApplicationGatewayHttpListenerArgs(
            name=name, protocol="Https" if secure else "Http", host_names=list(hosts),
            frontend_ip_configuration=self._part("frontendIPConfigurations", "public"),
            frontend_port=self._part("frontendPorts", "https" if secure else "http"),
            ssl_certificate=self._part("sslCertificates", "wildcard") if secure else None,
            require_server_name_indication=secure,
        )  # fmt: skip

    def _redirect(self, name: str) -> network.ApplicationGatewayRedirectConfigurationArgs:
        return network.ApplicationGatewayRedirectConfigurationArgs(
            name=name, redirect_type="Permanent", target_listener=self._part("httpListeners", name),
            include_path=True, include_query_string=True,
        )  # fmt: skip

    def _rule(
        self, name: str, priority: int, redirect: str = ""
    ) -> network.ApplicationGatewayRequestRoutingRuleArgs:
        """To the pool of the same name, or to a redirect."""
        to_pool = not redirect
        return network.ApplicationGatewayRequestRoutingRuleArgs(
            name=name, rule_type="Basic", priority=priority, http_listener=self._part("httpListeners", name),
            backend_address_pool=self._part("backendAddressPools", name) if to_pool else None,
            backend_http_settings=self._part("backendHttpSettingsCollection", name) if to_pool else None,
            redirect_configuration=self._part("redirectConfigurations", redirect) if redirect else None,
        )  # fmt: skip


def _firewall(parent: Gateway, args: GatewayArgs) -> network.WebApplicationFirewallPolicy:
    """What matches an attack is refused, not only written down."""
    sets = (("Microsoft_DefaultRuleSet", "2.1"), ("Microsoft_BotManagerRuleSet", "1.0"))
    return network.WebApplicationFirewallPolicy(
        "firewall",
        resource_group_name=args.place.group, policy_name=args.names.of("waf"), location=args.place.location,
        tags=args.place.tags,
        policy_settings=network.PolicySettingsArgs(
            state="Enabled", mode="Prevention", request_body_check=True, max_request_body_size_in_kb=128,
            file_upload_limit_in_mb=100,
        ),
        managed_rules=network.ManagedRulesDefinitionArgs(
            managed_rule_sets=[
                network.ManagedRuleSetArgs(rule_set_type=kind, rule_set_version=version) for kind, version in sets
            ]
        ),
        opts=kept(parent),
    )  # fmt: skip


def _probe(name: str, path: str, host: str | None) -> network.ApplicationGatewayProbeArgs:
    return network.ApplicationGatewayProbeArgs(
        name=name, protocol="Http" if host else "Https", path=path, interval=10, timeout=10, unhealthy_threshold=3,
        host=host, pick_host_name_from_backend_http_settings=host is None,
        match=network.ApplicationGatewayProbeHealthResponseMatchArgs(status_codes=["200"]),
    )  # fmt: skip
