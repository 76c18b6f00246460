"""What comes with a resource: children that the service makes itself, links between resources, DNS rules."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from localcloud.arm.defaults.common import Body, Context, defaults, location_name
from localcloud.arm.defaults.network import recase_zone
from localcloud.arm.defaults.private import interface
from localcloud.arm.defaults.web import SITE_CONFIG
from localcloud.arm.errors import ArmError, bad_request
from localcloud.arm.ids import ArmPath, parse
from localcloud.arm.policy import SITE_CONFIG_SECRET
from localcloud.arm.store import Store, new_etag
from localcloud.arm.throughput import first_throughput

_ZONE = "microsoft.network/dnszones"
_RECORDS = {
    "a": "ARecords", "aaaa": "AAAARecords", "cname": "CNAMERecord", "txt": "TXTRecords", "mx": "MXRecords",
    "ns": "NSRecords", "soa": "SOARecord", "srv": "SRVRecords", "ptr": "PTRRecords", "caa": "caaRecords",
}  # fmt: skip


def is_record(path: ArmPath) -> bool:
    """Whether the path is a DNS record set."""
    return (
        path.namespace.lower() == "microsoft.network"
        and len(path.types) == 2
        and path.types[0].lower() == "dnszones"
    )


def born(
    context: Context, path: ArmPath, given: Body, body: Body, created: bool
) -> Iterator[tuple[ArmPath, Body]]:
    """Resources that follow from this one, with their bodies."""
    kind = path.type.lower()
    if kind == "microsoft.storage/storageaccounts" and created:
        from localcloud.arm.defaults.storage import blob_service

        service = path.child("blobServices", "default")
        yield service, blob_service(context, service, {}, None)
    elif kind == _ZONE and created:
        servers = body["properties"]["nameServers"]
        yield record(path, "NS", "@", {"TTL": 172800, "NSRecords": [{"nsdname": n} for n in servers]})
        soa = {
            "host": servers[0], "email": "azuredns-hostmaster.microsoft.com", "serialNumber": 1,
            "refreshTime": 3600, "retryTime": 300, "expireTime": 2419200, "minimumTTL": 300,
        }  # fmt: skip
        yield record(path, "SOA", "@", {"TTL": 3600, "SOARecord": soa})
    elif kind.endswith("/sqldatabases/containers") and created:
        yield first_throughput(path, given)
    elif kind == "microsoft.web/sites":
        yield from _site(context, path, body, created)
    elif kind == "microsoft.network/privateendpoints" and created:
        nic, shown = interface(context, body)
        yield parse(nic), shown


def _site(context: Context, path: ArmPath, body: Body, created: bool) -> Iterator[tuple[ArmPath, Body]]:
    sent = body["properties"].get("siteConfig") or {}
    web = path.child("config", "web")
    known = context.store.get(web)
    values = {k: v for k, v in sent.items() if k not in SITE_CONFIG_SECRET and v is not None}
    if known is None or values:
        yield (
            web,
            site_config(
                path, "web", defaults({**(known.body["properties"] if known else {}), **values}, SITE_CONFIG)
            ),
        )
    settings = sent.get("appSettings")
    if created or settings is not None:
        pairs = {str(i["name"]): i.get("value") for i in settings or []}
        yield path.child("config", "appsettings"), site_config(path, "appsettings", pairs)


def site_config(site: ArmPath, name: str, values: Body) -> Body:
    """A body of ``sites/S/config/NAME``."""
    return {
        "id": f"{site.text}/config/{name}", "name": name if name != "web" else site.name,
        "type": "Microsoft.Web/sites/config", "location": location_name(""), "properties": values,
    }  # fmt: skip


def record(zone: ArmPath, kind: str, name: str, properties: Body) -> tuple[ArmPath, Body]:
    """A record set as Azure DNS shows it. Raises 400 for values that it would not take."""
    path = zone.child(kind.upper(), name)
    props = dict(properties)
    ttl = props.pop("ttl", props.get("TTL"))
    if isinstance(ttl, float) and ttl.is_integer():
        ttl = int(ttl)
    if not isinstance(ttl, int) or isinstance(ttl, bool) or not 1 <= ttl <= 2147483647:
        raise bad_request(
            f"The value '{ttl}' for the TTL of the record set is not valid: 1 to 2147483647 seconds."
        )
    field = _RECORDS.get(kind.lower())
    if field is None:
        raise bad_request(f"The record type '{kind}' is not supported.", "InvalidRecordType")
    by_case = {k.lower(): v for k, v in props.items()}
    values = by_case.get(field.lower())
    _check_values(kind.upper(), name, values)
    zone_name = zone.name
    shown: Body = {
        "metadata": props.get("metadata"), "fqdn": f"{zone_name}." if name == "@" else f"{name}.{zone_name}.",
        "TTL": ttl, "targetResource": props.get("targetResource") or {}, "trafficManagementProfile": {},
        "provisioningState": "Succeeded", field: values if values is not None else [],
    }  # fmt: skip
    if shown["metadata"] is None:
        del shown["metadata"]
    text = f"{recase_zone(zone.text)}/{kind.upper()}/{name}"
    return path, {
        "id": text, "name": name, "type": f"Microsoft.Network/dnszones/{kind.upper()}", "etag": new_etag(),
        "properties": shown,
    }  # fmt: skip


def _check_values(kind: str, name: str, values: Any) -> None:
    if kind == "A":
        for item in values or []:
            try:
                ipaddress.IPv4Address(str(item.get("ipv4Address")))
            except ValueError:
                raise bad_request(f"The IPv4 address '{item.get('ipv4Address')}' is not valid.") from None
    if kind == "CNAME":
        if name == "@":
            raise bad_request("A CNAME record set cannot be created at the zone apex.")
        if not re.fullmatch(
            r"[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_.])?", str((values or {}).get("cname") or "")
        ):
            raise bad_request("The CNAME record needs a domain name.")


def check(store: Store, path: ArmPath, body: Body) -> None:
    """A CNAME and another type cannot share a name (RFC 1034, 3.6.2)."""
    if not is_record(path):
        return
    zone, kind, name = path.parent, path.types[1].lower(), path.name.lower()
    if zone is None:
        return
    for other in store.below(zone.key):
        if other.path.name.lower() != name or other.path.types[-1].lower() == kind:
            continue
        if "cname" in (kind, other.path.types[-1].lower()):
            raise ArmError(
                409,
                "Conflict",
                f"The record set '{path.name}' of type {kind.upper()} cannot be created: one of type "
                f"{other.path.types[-1].upper()} exists at that name, and a CNAME stands alone.",
            )


def check_delete(path: ArmPath) -> None:
    """The zone's own SOA and apex NS cannot be deleted."""
    if is_record(path) and path.name == "@" and path.types[1].upper() in ("SOA", "NS"):
        raise bad_request(f"The {path.types[1].upper()} record set at the zone apex cannot be deleted.")


def _count(store: Store, zone: ArmPath | None) -> None:
    entry = store.get(zone) if zone else None
    if entry is not None:
        entry.body["properties"]["numberOfRecordSets"] = len(store.below(entry.path.key))


def link(store: Store, path: ArmPath, body: Body) -> None:
    """What other resources show of this one."""
    if is_record(path):
        _count(store, path.parent)
    if path.type.lower() == "microsoft.network/privateendpoints":
        unlink(store, path)
        for target in _linked(store, body):
            target.body["properties"].setdefault("privateEndpointConnections", []).append(
                {"id": f"{target.body['id']}/privateEndpointConnections/{path.name}",
                 "properties": {"privateEndpoint": {"id": path.text}, "provisioningState": "Succeeded",
                                "privateLinkServiceConnectionState": {"status": "Approved"}}}
            )  # fmt: skip
    if path.type.lower() == "microsoft.network/applicationgateways":
        unlink(store, path)
        for frontend in body["properties"]["frontendIPConfigurations"]:
            address = store.get(str((frontend["properties"].get("publicIPAddress") or {}).get("id", "")))
            if address is not None:
                address.body["properties"]["ipConfiguration"] = {"id": frontend["id"]}


def _linked(store: Store, body: Body) -> Iterator[Any]:
    for connection in body["properties"].get("privateLinkServiceConnections") or []:
        target = store.get(str(connection["properties"].get("privateLinkServiceId")))
        if target is not None:
            yield target


def unlink(store: Store, path: ArmPath) -> None:
    """Take back what other resources showed of this one."""
    if is_record(path):
        _count(store, path.parent)
    if path.type.lower() == "microsoft.network/privateendpoints":
        own = path.key
        for entry in store.entries.values():
            held = entry.body.get("properties", {}).get("privateEndpointConnections")
            if held:
                entry.body["properties"]["privateEndpointConnections"] = [
                    c for c in held if c["properties"]["privateEndpoint"]["id"].lower() != own
                ]
    if path.type.lower() == "microsoft.network/applicationgateways":
        for address in store.of_type("Microsoft.Network/publicIPAddresses"):
            held = (address.body["properties"].get("ipConfiguration") or {}).get("id", "")
            if held.lower().startswith(path.key + "/"):
                address.body["properties"].pop("ipConfiguration", None)
