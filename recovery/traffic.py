"""Where does the traffic point? Read from record bodies and resolvers' answers; never from the mode.

Half-moved traffic counts as being on Azure, and what could not be read is unknown: both err towards keeping
the standby serving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recovery.model import Json


class Side(StrEnum):
    """Where a name, or all of the traffic, goes."""

    AZURE = "azure"  # the gateway
    ELSEWHERE = "elsewhere"  # not the gateway: the primary, or nowhere
    SPLIT = "split"  # some names here, some there (half of a switch)
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Gateway:
    """How a record can point at the gateway: by address, by name, or by an alias to the public IP's
    resource."""

    address: str = ""
    fqdn: str = ""
    resource_id: str = ""

    @classmethod
    def from_body(cls, body: Mapping[str, Json]) -> Gateway:
        """From the public IP's ARM body (Microsoft.Network/publicIPAddresses)."""
        properties = body.get("properties") or {}
        dns = properties.get("dnsSettings") or {}
        return cls(
            str(properties.get("ipAddress") or ""), _name(dns.get("fqdn")), str(body.get("id") or "").lower()
        )

    @property
    def known(self) -> bool:
        """A gateway without an address yet cannot be recognised in a record."""
        return bool(self.address or self.fqdn)


@dataclass(frozen=True)
class RecordView:
    """One traffic record. targets None: it could not be read (`reason`); empty: the record does not exist."""

    name: str
    rdtype: str
    targets: tuple[str, ...] | None
    reason: str = ""

    def __str__(self) -> str:
        said = f"unknown ({self.reason})" if self.targets is None else ", ".join(self.targets) or "no record"
        return f"{self.name} {self.rdtype}: {said}"


def _name(value: object) -> str:
    return str(value or "").rstrip(".").lower()


def targets(body: Mapping[str, Json]) -> tuple[str, ...]:
    """The targets of an ARM record set body (A, AAAA, CNAME, or an alias), names without the last dot.

    Azure spells the keys ARecords/CNAMERecord in this API version and aRecords/cnameRecord in others: the
    case of keys is ignored. Source: Microsoft.Network/dnsZones record set, property names.
    """
    properties = {str(k).lower(): v for k, v in (body.get("properties") or {}).items()}
    found = [str(r.get("ipv4Address", "")) for r in properties.get("arecords") or []]
    found += [str(r.get("ipv6Address", "")) for r in properties.get("aaaarecords") or []]
    cname = properties.get("cnamerecord") or {}
    found.append(_name(cname.get("cname")))
    found.append(str((properties.get("targetresource") or {}).get("id") or "").lower())
    return tuple(t for t in found if t)


def record_side(record: RecordView, gateway: Gateway) -> Side:
    """Where one record points. One address of the gateway among others is already split traffic."""
    if record.targets is None:
        return Side.UNKNOWN
    ours = {gateway.address, gateway.fqdn, gateway.resource_id} - {""}
    hits = [_name(t) in ours for t in record.targets]
    if not any(hits):
        return Side.ELSEWHERE
    return Side.AZURE if all(hits) else Side.SPLIT


def traffic_side(records: Sequence[RecordView], gateway: Gateway) -> Side:
    """Where the traffic as a whole points: one unread record makes it unknown unless another already shows
    Azure."""
    sides = {record_side(r, gateway) for r in records}
    if Side.SPLIT in sides or {Side.AZURE, Side.ELSEWHERE} <= sides:
        return Side.SPLIT
    if Side.UNKNOWN in sides or not sides:
        return Side.UNKNOWN
    return sides.pop()


class Live(StrEnum):
    """Who serves the public."""

    PRIMARY = "primary"
    AZURE = "azure"
    MOVING = "moving"  # caches or records disagree: a switch is under way, or was left half-done
    NOWHERE = "nowhere"  # the names lead to neither side
    UNKNOWN = "unknown"


def answer_side(
    values: Sequence[str], chain: Sequence[str], gateway_address: str, primary: Sequence[str]
) -> Live:
    """Where one resolver sends a client for one name.

    values: addresses; chain: the aliases on the way. primary: its addresses and names (a load balancer's
    addresses change, its name does not). The gateway's address among others is a switch under way.
    """
    here = [v == gateway_address for v in values]
    if any(here):
        return Live.AZURE if all(here) else Live.MOVING
    ours = {p.rstrip(".").lower() for p in primary}
    there = bool(values) and any(v.rstrip(".").lower() in ours for v in (*values, *chain))
    return Live.PRIMARY if there else Live.NOWHERE


def who_is_live(records: Side, answers: Sequence[Live]) -> Live:
    """From the zone's records and what resolvers answer (unknown ones among them).

    Both have to be seen: records alone do not say where the public goes, caches alone not where it will go.
    Evidence of a split outweighs what is unknown.
    """
    known = {a for a in answers if a is not Live.UNKNOWN}
    if records is Side.SPLIT or Live.MOVING in known or len(known) > 1:
        return Live.MOVING
    if records is Side.UNKNOWN or not known:
        return Live.UNKNOWN
    seen = known.pop()
    if (records is Side.AZURE) != (seen is Live.AZURE):
        return Live.MOVING
    return seen
