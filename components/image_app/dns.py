"""DNS: the zone, the contingency name, and the traffic records that a switch moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import dns

from components.image_app.common import Place, kept
from components.settings import Dns as DnsSettings
from components.settings import Primary


@dataclass(frozen=True)
class DnsArgs:
    """gateway_address, gateway_fqdn: where traffic goes when it is on Azure. primary: where it goes otherwise."""

    place: Place
    settings: DnsSettings
    primary: Primary
    gateway_address: pulumi.Input[str]
    gateway_fqdn: pulumi.Input[str]


class Zone(pulumi.ComponentResource):
    """The zone and what never moves in it (READY-7: the contingency name points at the gateway in both modes)."""

    def __init__(self, name: str, args: DnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Zone", name, None, opts)
        self.args = args
        self.zone = dns.Zone(
            "zone",
            resource_group_name=args.place.group, zone_name=args.settings.domain, location="global",
            tags=args.place.tags, opts=kept(self),
        )  # fmt: skip
        dns.RecordSet(
            "dr-name",
            **_at(self, args.settings.contingency, "A"),
            a_records=[dns.ARecordArgs(ipv4_address=args.gateway_address)],
            opts=kept(self),
        )
        self.register_outputs({"zoneId": self.zone.id})


class Traffic(pulumi.ComponentResource):
    """The public names. Each keeps its record type in both modes: A and CNAME are different resources in Azure DNS.

    The resources' names end in `-record`, so that `--exclude '**-record'` holds exactly these back (ACT-4).
    """

    def __init__(
        self,
        name: str,
        zone: Zone,
        *,
        to_azure: bool,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("standby:azure:Traffic", name, None, opts)
        args = zone.args
        addresses = [args.gateway_address] if to_azure else list(args.primary.apex_addresses)
        dns.RecordSet(
            "apex-record",
            **_at(zone, "@", "A"),
            a_records=[dns.ARecordArgs(ipv4_address=address) for address in addresses],
            opts=kept(self, after),
        )
        names = args.settings
        for urn, label, host in (
            ("api-record", names.api, args.primary.api_host),
            ("www-record", names.site, args.primary.site_host),
        ):
            target = args.gateway_fqdn if to_azure else host
            dns.RecordSet(
                urn,
                **_at(zone, label, "CNAME"),
                cname_record=dns.CnameRecordArgs(cname=target),
                opts=kept(self, after),
            )
        self.register_outputs({})


def _at(zone: Zone, label: str, kind: str) -> dict[str, Any]:
    return {
        "resource_group_name": zone.args.place.group, "zone_name": zone.zone.name,
        "relative_record_set_name": label, "record_type": kind, "ttl": zone.args.settings.ttl,
    }  # fmt: skip
