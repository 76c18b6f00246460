"""Site image-app, whole: the components, wired in the order that the mode wants.

active:  capacity, throughput, events -> HealthGate -> DirectionFence -> traffic records
standby: ReturnGate -> traffic records -> DrainGate -> capacity, throughput, events, gateway minimum
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_azure_native import resources

from components.gates import DirectionFence, DrainGate, HealthGate, ReturnGate
from components.guard import Ledger, passed
from components.image_app.api import Api, ApiArgs
from components.image_app.common import Place, host_of, kept
from components.image_app.dns import Traffic
from components.image_app.gateway import API_POOL, SITE_POOL, Gateway, GatewayArgs
from components.image_app.monitoring import Metric
from components.image_app.parts import METRICS, Parts
from components.settings import Settings


class Footprint(pulumi.ComponentResource):
    """Everything of the site in Azure. `exports`: what the scripts need; no secret among it."""

    def __init__(self, site: Settings) -> None:
        self._ledger = Ledger(site.identity)
        super().__init__("standby:azure:Footprint", site.site, None, self._ledger.options)
        self._site, names, tags = site, site.names, dict(site.tags)
        allowed = passed(self._ledger.stamp, active=site.active).apply(lambda _passed: names.group)
        # Its tags belong to the mode tag below: an update here would come before every gate.
        self._group = resources.ResourceGroup(
            "group", resource_group_name=allowed, location=site.location, opts=kept(self, ignore=["tags"])
        )
        self._place = Place(self._group.name, self._group.id, site.location, tags)
        self._child = pulumi.ResourceOptions(parent=self)
        self._gateway_id = self._id("Microsoft.Network/applicationGateways", names.of("agw"))
        self._scale_set_id = self._id("Microsoft.Compute/virtualMachineScaleSets", names.of("vmss", "api"))
        self._public_ip_id = self._id("Microsoft.Network/publicIPAddresses", names.of("pip", "gateway"))
        self._journal_account_id = self._id("Microsoft.Storage/storageAccounts", names.storage("journal"))
        self._parts = Parts(site, self._place, self, self._id)
        (self._active if site.active else self._standby)()
        self.exports = self._exports()
        self.register_outputs({})

    # An excluded resource keeps, in the checkpoint, what it waited for in the other mode, and Pulumi refuses a snapshot in
    # which that comes after it. So whatever one mode waits for is waited for in the other too, where it wants nothing.

    def _active(self) -> None:
        """Up first, traffic last. The gateway's slow capacity update is waited for by nobody (requirements, GOALS)."""
        back, drained = self._return_gate("any", []), self._drain_gate("any", [])
        self._gateway([drained])
        self._watch_gateway([])
        dear = [self._api([drained]), *self._dials([drained])]
        healthy = self._health_gate("healthy", dear)
        dear += self._parts.sync.workloads(self._site.dials.direction, [healthy])
        fence = self._direction_fence("fenced", [healthy, back])
        self._mode_tag([self._traffic([healthy, back, fence]), *dear])

    def _standby(self) -> None:
        """Traffic first, capacity last; the gateway before the scale set that names its pool."""
        back, healthy = self._return_gate("clear", []), self._health_gate("any", [])
        fence = self._direction_fence("any", [healthy, back])
        moved = self._traffic([back, healthy, fence, self._parts.network.public_ip])
        drained = self._drain_gate("drained", [moved])
        gateway = self._gateway([drained])
        self._watch_gateway([gateway.resource])
        cheap = [self._api([drained, gateway]), *self._dials([drained])]
        cheap += self._parts.sync.workloads(self._site.dials.direction, [drained])
        self._mode_tag([moved, *cheap])

    def _mode_tag(self, after: Sequence[pulumi.Resource]) -> None:
        """The mode, told on the group alone, and last: a tag must not claim a mode that a gate has refused."""
        tags = {**dict(self._site.tags), "mode": self._site.dials.tag}
        # Named as the traffic records are: while `--exclude '**-record'` holds those back, the mode is not active yet.
        opts = pulumi.ResourceOptions.merge(
            kept(self, after), pulumi.ResourceOptions(aliases=[pulumi.Alias(name="mode-tag")])
        )
        resources.TagAtScope(
            "mode-record", scope=self._group.id, properties=resources.TagsArgs(tags=tags), opts=opts
        )

    def _api(self, after: Sequence[pulumi.Resource]) -> Api:
        site = self._site
        pool = self._gateway_id.apply(lambda i: f"{i}/backendAddressPools/{API_POOL}")
        args = ApiArgs(
            self._place, site.names, site.api, site.dials.instances, self._parts.network.api_subnet, pool,
            self._parts.api_identity.id, [*self._parts.api_roles, *after],
        )  # fmt: skip
        return Api("api-instances", args, self._child)

    def _dials(self, after: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
        dials = self._site.dials
        events = self._parts.converter.subscription(listens=dials.converter_listens, after=after)
        return [self._parts.database.throughput(dials.throughput, after), events]

    def _gateway(self, after: Sequence[pulumi.Resource]) -> Gateway:
        site, dns = self._site, self._site.dns
        args = GatewayArgs(
            place=self._place, names=site.names, gateway_id=self._gateway_id,
            identity_id=self._parts.gateway_identity.id, secret_id=site.gateway.certificate_secret_id or self._parts.vault.secret_id,
            subnet_id=self._parts.network.gateway_subnet, public_ip_id=self._parts.network.public_ip.id,
            hosts_api=(f"{dns.api}.{dns.domain}", f"{dns.contingency}.{dns.domain}"),
            hosts_site=(dns.domain, f"{dns.site}.{dns.domain}"),
            site_host=self._parts.storage.site.primary_endpoints.apply(_web_host),
            api_port=site.api.port, health_path=site.api.health_path,
            minimum=site.dials.gateway_minimum, maximum=site.gateway.max_capacity,
            after=(*after, self._parts.vault.certificate, self._parts.vault.role),
        )  # fmt: skip
        return Gateway("edge", args, self._child)

    def _watch_gateway(self, after: Sequence[pulumi.Resource]) -> None:
        """Its logs and its alert, by its name: in mode active nothing waits for the gateway's slow update."""
        told = self._parts.monitoring
        told.watch({"gateway": self._gateway_id}, METRICS, after)
        told.alert(
            "unhealthy-backends", "the gateway finds instances or the site unhealthy", self._gateway_id,
            Metric("Microsoft.Network/applicationGateways", "UnhealthyHostCount", "Average", 0, 1, {}), after,
        )  # fmt: skip

    def _traffic(self, after: Sequence[pulumi.Resource]) -> Traffic:
        to_azure = self._site.dials.traffic_to_azure
        return Traffic("traffic", self._parts.zone, to_azure=to_azure, after=after, opts=self._child)

    def _health_gate(self, want: str, after: Sequence[pulumi.Resource]) -> HealthGate:
        props = {
            "want": want, "gatewayId": self._gateway_id, "apiPool": API_POOL, "sitePool": SITE_POOL,
            "instances": self._site.dials.instances, "timeoutSeconds": self._site.gates.health_timeout,
        }  # fmt: skip
        return HealthGate("health-gate", props, kept(self, [self._group, *after]))

    def _return_gate(self, want: str, after: Sequence[pulumi.Resource]) -> ReturnGate:
        dns, primary, gates = self._site.dns, self._site.primary, self._site.gates
        props = {
            "want": want, "zoneId": self._id("Microsoft.Network/dnsZones", dns.domain),
            "gatewayPublicIpId": self._public_ip_id, "journalAccountId": self._journal_account_id,
            "records": [{"name": "@", "type": "A"}, *({"name": n, "type": "CNAME"} for n in (dns.api, dns.site))],
            "primaryAddresses": list(primary.apex_addresses),
            "primaryHosts": [
                {"host": f"{dns.api}.{dns.domain}", "path": primary.health_path},
                *({"host": host, "path": "/"} for host in (dns.domain, f"{dns.site}.{dns.domain}")),
            ],
            "consecutive": gates.consecutive, "timeoutSeconds": gates.return_timeout,
        }  # fmt: skip
        return ReturnGate("return-gate", props, kept(self, [self._group, *after]))

    def _direction_fence(self, want: str, after: Sequence[pulumi.Resource]) -> DirectionFence:
        """Named as the traffic records are: a part of an up that holds those back must not stop a sync under way."""
        props = {"want": want, "journalAccountId": self._journal_account_id}
        journal = self._parts.storage.journal_container
        return DirectionFence("direction-record", props, kept(self, [self._group, journal, *after]))

    def _drain_gate(self, want: str, after: Sequence[pulumi.Resource]) -> DrainGate:
        gates = self._site.gates
        props = {
            "want": want, "gatewayId": self._gateway_id, "gatewayPublicIpId": self._public_ip_id,
            "scaleSetId": self._scale_set_id, "names": self._public_names, "journalAccountId": self._journal_account_id,
            "quietSeconds": gates.quiet, "timeoutSeconds": gates.drain_timeout,
        }  # fmt: skip
        return DrainGate("drain-gate", props, kept(self, [self._group, *after]))

    @property
    def _public_names(self) -> list[str]:
        dns = self._site.dns
        return [dns.domain, f"{dns.api}.{dns.domain}", f"{dns.site}.{dns.domain}"]

    def _id(self, kind: str, name: str) -> pulumi.Output[str]:
        """An id by its name: a gate that took the resource's own output would wait for its update."""
        return self._group.id.apply(lambda group: f"{group}/providers/{kind}/{name}")

    def _exports(self) -> Mapping[str, Any]:
        return {
            "footprint": self._ledger.stamp(), "mode": str(self._site.mode), "resourceGroup": self._group.id,
            "gatewayId": self._gateway_id, "scaleSetId": self._scale_set_id, "zoneId": self._parts.zone.zone.id,
            "cosmosAccountId": self._parts.database.account.id, "journal": self._parts.storage.journal_container.id,
            "publicNames": self._public_names, "syncPrincipal": self._parts.sync_principal,
        }  # fmt: skip


def _web_host(endpoints: object) -> str:
    """The host of the `$web` endpoint."""
    return host_of(str(getattr(endpoints, "web", None) or ""))
