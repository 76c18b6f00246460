"""What the name servers know: record sets of the ARM store (a little later than ARM), addresses' own names, the world."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dnslib import AAAA, CNAME, MX, NS, PTR, QTYPE, RCODE, RD, RR, SOA, TXT, A  # type: ignore[import-untyped]  # dnslib ships no types

from localcloud.bus import Body, Bus, ResourceChanged
from localcloud.durations import Clock
from recovery.model import Json

ADDRESS_TTL = 10  # what cloudapp.azure.com names have (assumed)
WORLD_TTL = 60
_ZONES = "microsoft.network/dnszones"
WORLD: dict[str, list[str]] = {
    "lb.primary.example": ["192.0.2.10", "192.0.2.11"],
    "*.primary.example": ["192.0.2.10", "192.0.2.11"],
}
"""The world outside that the primary's names lead to; set through ``/_local/world``."""


@dataclass
class Answer:
    """One answer: response code, records of the answer section, SOA for the authority section, and whether ours."""

    rcode: int = RCODE.NOERROR
    records: list[RR] = field(default_factory=list)
    authority: list[RR] = field(default_factory=list)
    authoritative: bool = True


def _data(kind: str, props: Mapping[str, Any]) -> list[RD]:
    """The record set's values in wire form."""
    match kind:
        case "A":
            return [A(i["ipv4Address"]) for i in props.get("ARecords") or []]
        case "AAAA":
            return [AAAA(i["ipv6Address"]) for i in props.get("AAAARecords") or []]
        case "CNAME":
            target = (props.get("CNAMERecord") or {}).get("cname")
            return [CNAME(target)] if target else []
        case "NS":
            return [NS(i["nsdname"]) for i in props.get("NSRecords") or []]
        case "TXT":
            return [TXT([v.encode() for v in i["value"]]) for i in props.get("TXTRecords") or []]
        case "MX":
            return [MX(i["exchange"], int(i["preference"])) for i in props.get("MXRecords") or []]
        case "PTR":
            return [PTR(i["ptrdname"]) for i in props.get("PTRRecords") or []]
        case "SOA":
            s = props["SOARecord"]
            times = tuple(
                int(s[k]) for k in ("serialNumber", "refreshTime", "retryTime", "expireTime", "minimumTTL")
            )
            return [SOA(s["host"], s["email"], times)]
    return []


class Names:
    """Everything that the authority answers from."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus, self._clock = bus, clock
        self._sets: dict[tuple[str, str], tuple[int, Body]] = {}
        self._zones: set[str] = set()
        self._late: set[asyncio.TimerHandle] = set()
        self.world: dict[str, list[str]] = {k: list(v) for k, v in WORLD.items()}
        self.delegations: dict[str, list[str]] = {}
        """zone -> name servers, where the registrar does not delegate to the zone's own (the default here)."""
        bus.subscribe(self._changed)

    async def _changed(self, event: ResourceChanged) -> None:
        kind = event.arm_type
        if kind == _ZONES:
            zone = event.id.rsplit("/", 1)[-1].lower()
            (self._zones.add if event.new else self._zones.discard)(zone)
        elif kind.startswith(_ZONES + "/"):
            body = event.new or event.old
            if body is None:
                return
            key = (str(body["properties"]["fqdn"]).rstrip(".").lower(), kind.rsplit("/", 1)[-1].upper())
            new = event.new
            # The service's own SOA and NS come with the zone; a record of a person takes its while.
            if event.old is None and key[1] in ("SOA", "NS"):
                self._apply(key, new)
            else:
                loop = asyncio.get_running_loop()
                loop.call_later(self._clock.seconds("record reaches name servers"), self._apply, key, new)

    def _apply(self, key: tuple[str, str], body: Body | None) -> None:
        if body is None:
            self._sets.pop(key, None)
        else:
            self._sets[key] = (int(body["properties"]["TTL"]), body["properties"])

    def zone_of(self, name: str) -> str | None:
        """The longest zone that holds a name."""
        found = [z for z in self._zones if name == z or name.endswith("." + z)]
        return max(found, key=len) if found else None

    def _rrs(self, name: str, kind: str) -> list[RR]:
        found = self._sets.get((name, kind))
        if found is None:
            return []
        ttl, props = found
        data = _data(kind, props)
        target = (props.get("targetResource") or {}).get("id")
        if target and kind == "A":  # an alias record set: it follows the resource
            body = self._bus.lookup(target)
            data = [A(body["properties"]["ipAddress"])] if body else []
        return [RR(name, QTYPE.reverse[kind], ttl=ttl, rdata=d) for d in data]

    def answer(self, name: str, kind: str) -> Answer:
        """Answer one question. Aliases are followed inside our zones, as an authority does."""
        name = name.rstrip(".").lower()
        zone = self.zone_of(name)
        if zone is None:
            return self._outside(name, kind)
        answer = Answer()
        current = name
        for _ in range(8):
            found = self._rrs(current, kind)
            if found or kind == "CNAME":
                answer.records += found
                break
            alias = self._rrs(current, "CNAME")
            if not alias:
                break
            answer.records += alias
            current = str(alias[0].rdata.label).rstrip(".").lower()
            if self.zone_of(current) != zone:
                return answer
        if not answer.records or answer.records[-1].rtype == QTYPE.CNAME != QTYPE.reverse.get(kind):
            answer.authority = self._rrs(zone, "SOA")
            exists = any(n == current or n.endswith("." + current) for n, _ in self._sets)
            answer.rcode = RCODE.NOERROR if exists else RCODE.NXDOMAIN
        return answer

    async def delegated(self, name: str, kind: str) -> Answer:
        """What the parent zone's server says: a referral to the zone's name servers, never an answer of its own."""
        name = name.rstrip(".").lower()
        zone = self.zone_of(name)
        servers = self.delegations.get(zone or name)
        if servers is None and zone is not None:
            servers = [str(r.rdata.label).rstrip(".") for r in self._rrs(zone, "NS")]
        if not servers:
            return Answer(rcode=RCODE.NXDOMAIN, authority=[self._soa(name)])
        referral = [RR(zone or name, QTYPE.NS, ttl=86400, rdata=NS(server)) for server in servers]
        return Answer(authority=referral, authoritative=False)

    def instead(self, name: str, kind: str, values: Json) -> Answer:
        """A wrong answer that was asked for: these values (addresses, or name servers), else a server's failure."""
        if not isinstance(values, list):
            return Answer(rcode=RCODE.SERVFAIL, authoritative=False)
        if kind == "NS":
            return Answer(
                authority=[RR(name, QTYPE.NS, ttl=60, rdata=NS(v)) for v in values], authoritative=False
            )
        return Answer(records=[RR(name, QTYPE.A, ttl=60, rdata=A(v)) for v in values])

    def _outside(self, name: str, kind: str) -> Answer:
        """Names of public IP addresses, and the world's."""
        for body in self._bus.bodies("Microsoft.Network/publicIPAddresses"):
            props = body["properties"]
            if str((props.get("dnsSettings") or {}).get("fqdn", "")).lower() == name:
                records = (
                    [RR(name, QTYPE.A, ttl=ADDRESS_TTL, rdata=A(props["ipAddress"]))] if kind == "A" else []
                )
                return Answer(records=records, authority=[] if records else [self._soa(name)])
        values = self.world.get(name)
        if values is None and "." in name:
            values = self.world.get("*." + name.split(".", 1)[1])
        if values is None:
            return Answer(rcode=RCODE.NXDOMAIN, authority=[self._soa(name)])
        addresses = [v for v in values if v.replace(".", "").isdigit()]
        records = [RR(name, QTYPE.A, ttl=WORLD_TTL, rdata=A(v)) for v in addresses] if kind == "A" else []
        aliases = [v for v in values if v not in addresses]
        if aliases and kind in ("A", "CNAME"):
            records = [RR(name, QTYPE.CNAME, ttl=WORLD_TTL, rdata=CNAME(aliases[0]))]
        return Answer(records=records, authority=[] if records else [self._soa(name)])

    @staticmethod
    def _soa(name: str) -> RR:
        times = (1, 3600, 300, 2419200, 60)
        return RR(
            name.split(".", 1)[-1], QTYPE.SOA, ttl=60, rdata=SOA("ns.example", "hostmaster.example", times)
        )
