"""Addresses that behave unlike plain resources: nested items, DNS records, site settings, throughput."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from typing import Any

from aiohttp import web

from localcloud.arm import children, throughput
from localcloud.arm.defaults.common import defaults
from localcloud.arm.defaults.web import SITE_CONFIG
from localcloud.arm.door import Call, Door, Handler
from localcloud.arm.errors import ArmError, not_found
from localcloud.arm.ids import ArmPath, parse
from localcloud.arm.policy import SITE_CONFIG_SECRET
from localcloud.arm.service import merge
from localcloud.arm.store import Entry

NESTED = {
    "microsoft.network/virtualnetworks/subnets": "subnets",
    "microsoft.network/networksecuritygroups/securityrules": "securityRules",
    "microsoft.network/networksecuritygroups/defaultsecurityrules": "defaultSecurityRules",
}


def _owner(door: Door, path: ArmPath) -> Entry:
    parent = path.parent
    if parent is None:
        raise not_found(path.printed, path.group)
    return door.service.entry(parent)


async def nested(door: Door, call: Call) -> web.Response:
    """Subnets and security rules: children of ARM, items of their parent's body."""
    path, collection = call.path, NESTED[call.path.type.lower()]
    owner = _owner(door, path)
    items: list[dict[str, Any]] = owner.body["properties"][collection]
    if path.is_collection:
        return door.page(call, items)
    found = next((i for i in items if i["name"].lower() == path.name.lower()), None)
    if call.method == "GET":
        if found is None:
            raise ArmError(404, "NotFound", f"Resource {path.text} not found.")
        return web.json_response(found, headers={"ETag": found["etag"]})
    if call.method == "DELETE" and found is None:
        return web.Response(status=204)
    rest = [i for i in items if i is not found]
    if call.method == "PUT":
        rest.append(
            {
                "name": found["name"] if found else path.name,
                "properties": (call.body or {}).get("properties") or {},
            }
        )
    changed = copy.deepcopy(owner.body)
    changed["properties"][collection] = rest
    outcome = await door.service.put(owner.path, changed, ending=call.ending)
    if outcome.operation is None:
        raise AssertionError("network changes are long-running")
    headers = door.operation_headers(call, outcome.operation)
    if call.method == "DELETE":
        outcome.operation.result = None
        return web.Response(status=202, headers=headers)
    made = next(i for i in owner.body["properties"][collection] if i["name"].lower() == path.name.lower())
    outcome.operation.result = made
    shown = copy.deepcopy(made)
    shown["properties"]["provisioningState"] = "Updating"
    headers.pop("Location")
    return web.json_response(shown, status=200 if found else 201, headers=headers)


async def record_set(door: Door, call: Call) -> web.Response:
    """Record sets: answered at once; LIST by type."""
    path, service = call.path, door.service
    zone = _owner(door, path)
    if path.is_collection or call.method in ("GET", "HEAD"):
        if not path.is_collection:
            return await door._resource(call)
        kind = path.types[-1].lower()
        found = [
            e
            for e in service.store.below(zone.path.key)
            if kind in ("recordsets", "all", e.path.types[-1].lower())
        ]
        return door.page_of(call, list(found), service.shown)
    if call.method == "DELETE":
        return await door._resource(call)
    old = service.store.get(path)
    given = call.body or {}
    if call.method == "PATCH":
        given = merge(copy.deepcopy(service.entry(path).body), given)
    service._conditions(old, call.request.headers.get("If-Match"), call.request.headers.get("If-None-Match"))
    name = old.path.name if old else path.name
    where, body = children.record(zone.path, path.types[-1], name, given.get("properties") or {})
    children.check(service.store, where, body)
    await service.adopt(where, body)
    children.link(service.store, where, body)
    return door.show(service.entry(where), 200 if old else 201)


async def throughput_settings(door: Door, call: Call) -> web.Response:
    """GET and PUT of a container's throughput. A PUT is accepted (202) and runs."""
    entry = door.service.entry(call.path)
    if call.method == "GET":
        return door.show(entry)
    if entry.busy:
        raise ArmError(
            412,
            "PreconditionFailed",
            "There is already an operation in progress which requires exclusive lock on this service.",
        )
    limit: throughput.Limit = call.request.app["throughput_limit"]
    changed = throughput.change(entry.path, entry.body, call.body or {})
    limit.take(entry.path.key)
    value, _ = throughput.asked((call.body or {})["properties"]["resource"])
    row = "cosmos throughput change" if value <= throughput.INSTANT_MAXIMUM else "cosmos throughput split"
    pending = entry.body["properties"]["resource"]
    pending["offerReplacePending"] = "true"

    async def finish(status: str) -> None:
        pending.pop("offerReplacePending", None)
        if status == "Succeeded":
            await door.service.adopt(entry.path, changed)

    service = door.service
    entry.operation = service.operations.start(
        entry.path, "update", service.clock.seconds(row), finish, call.ending
    )
    entry.operation.result = entry
    headers = door.operation_headers(call, entry.operation)
    return web.json_response({"status": "Enqueued"}, status=202, headers=headers)


async def site_config(door: Door, call: Call) -> web.Response:
    """``config/web`` and ``config/appsettings`` of a site. Settings are shown by POST .../list alone."""
    site = _owner(door, call.path)
    if call.path.is_collection:
        return door.page(call, [door.service.shown(door.service.entry(site.path.child("config", "web")))])
    name = call.path.name.lower()
    path = site.path.child("config", name)
    entry = door.service.store.get(path)
    if call.method == "GET":
        if name != "web":
            raise ArmError(
                405,
                "MethodNotAllowed",
                f"The configuration '{name}' is shown by POST .../config/{name}/list.",
            )
        return door.show(door.service.entry(path))
    given = (call.body or {}).get("properties") or {}
    if name == "web":
        settings = given.get("appSettings")
        kept = {k: v for k, v in given.items() if k not in SITE_CONFIG_SECRET}
        values = defaults({**(entry.body["properties"] if entry else {}), **kept}, SITE_CONFIG)
        if settings is not None:
            pairs = {str(i["name"]): i.get("value") for i in settings}
            await door.service.adopt(
                site.path.child("config", "appsettings"),
                children.site_config(site.path, "appsettings", pairs),
            )
    else:
        values = {k: v if isinstance(v, str) else str(v) for k, v in given.items() if v is not None}
    await door.service.adopt(path, children.site_config(site.path, name, values))
    return door.show(door.service.entry(path))


async def settings_list(door: Door, call: Call) -> web.Response:
    """POST ``config/appsettings/list``."""
    parent = call.path.parent
    if parent is None or parent.parent is None:
        raise not_found(call.path.printed, call.path.group)
    site = door.service.entry(parent.parent)
    entry = door.service.store.get(site.path.child("config", parent.name.lower()))
    return door.show(entry) if entry else web.json_response(children.site_config(site.path, parent.name, {}))


async def functions(door: Door, call: Call) -> web.Response:
    """The functions that the site's host lists now."""
    site = _owner(door, call.path)
    data = door.service.context.data
    names = data.functions(site.path.name) if data is not None else []
    shown = [
        {
            "id": f"{site.path.text}/functions/{n}",
            "name": f"{site.path.name}/{n}",
            "type": "Microsoft.Web/sites/functions",
            "location": site.body["location"],
            "properties": {"name": n, "language": "python", "isDisabled": False},
        }
        for n in names
    ]
    if call.path.is_collection:
        return door.page(call, shown)
    for item in shown:
        if item["name"].lower() == f"{site.path.name}/{call.path.name}".lower():
            return web.json_response(item)
    raise ArmError(404, "NotFound", f"Function '{call.path.name}' was not found.")


async def account_keys(door: Door, call: Call) -> web.Response:
    """POST ``listKeys`` of storage and Cosmos DB accounts: the emulators' key."""
    _owner(door, call.path)
    keys: dict[str, str] = call.request.app["keys"]
    if call.path.namespace.lower() == "microsoft.storage":
        both = [{"keyName": k, "value": keys["storage"], "permissions": "FULL"} for k in ("key1", "key2")]
        return web.json_response({"keys": both})
    names = (
        "primaryMasterKey",
        "secondaryMasterKey",
        "primaryReadonlyMasterKey",
        "secondaryReadonlyMasterKey",
    )
    return web.json_response(dict.fromkeys(names, keys["cosmos"]))


async def backend_health(door: Door, call: Call) -> web.Response:
    """POST ``backendhealth``: 202, then what the gateway's probes say, at the Location."""
    gateway = _owner(door, call.path)
    report = call.request.app["backend_health"]
    service = door.service

    async def finish(_status: str) -> None:
        operation.result = report(gateway.body["id"])

    operation = service.operations.start(
        gateway.path, "backendhealth", service.clock.seconds("backend health query"), finish, call.ending
    )
    await asyncio.sleep(0)
    return web.Response(
        status=202, headers=door.operation_headers(replace(call, path=gateway.path), operation)
    )


async def scope_tags(door: Door, call: Call) -> web.Response:
    """GET, PUT and PATCH (Merge) of all tags of the resource or group they are asked of (Microsoft.Resources/tags)."""
    entry = door.service.entry(parse(call.path.scope))
    if call.method != "GET":
        given = ((call.body or {}).get("properties") or {}).get("tags") or {}
        before = dict(entry.body.get("tags") or {}) if call.method == "PATCH" else {}
        changed = copy.deepcopy(entry.body)
        changed["tags"] = {**before, **given}
        await door.service.adopt(entry.path, changed)
        entry = door.service.entry(entry.path)
    shown = {"id": call.path.text, "name": "default", "type": "Microsoft.Resources/tags"}
    return web.json_response({**shown, "properties": {"tags": entry.body.get("tags") or {}}})


async def permissions(door: Door, call: Call) -> web.Response:
    """What the caller may do at the scope that it asks of. Anybody may ask that."""
    from localcloud.arm.permits import EVERYTHING

    who = door.who(call.request)
    if who is None or door.permits is None:
        return door.page(call, [EVERYTHING])
    return door.page(call, door.permits.shown(who, call.path.scope))


async def name_check(door: Door, call: Call) -> web.Response:
    """POST ``checkNameAvailability``: a globally unique name is free here unless this cloud has such a resource."""
    given = call.body or {}
    name, kind = str(given.get("name", "")), str(given.get("type", ""))
    kind = {"site": "Microsoft.Web/sites"}.get(kind.lower(), kind)
    taken = any(e.path.name.lower() == name.lower() for e in door.service.store.of_type(kind))
    return web.json_response(
        {
            "nameAvailable": not taken,
            **({"reason": "AlreadyExists", "message": f"{name} is already taken."} if taken else {}),
        }
    )


SPECIAL: dict[tuple[str, str], Handler] = {
    **{(m, "microsoft.resources/tags"): scope_tags for m in ("GET", "PUT", "PATCH")},
    **{(m, t): nested for m in ("GET", "PUT", "DELETE") for t in NESTED},
    **{
        (m, f"microsoft.network/dnszones/{t}"): record_set
        for m in ("GET", "PUT", "PATCH", "DELETE")
        for t in ("a", "aaaa", "cname", "txt", "mx", "ns", "soa", "srv", "ptr", "caa", "recordsets", "all")
    },
    **{
        (
            m,
            "microsoft.documentdb/databaseaccounts/sqldatabases/containers/throughputsettings",
        ): throughput_settings
        for m in ("GET", "PUT")
    },
    **{(m, "microsoft.web/sites/config"): site_config for m in ("GET", "PUT", "PATCH")},
    ("POST", "microsoft.web/sites/config/list"): settings_list,
    ("GET", "microsoft.web/sites/functions"): functions,
    ("GET", "microsoft.authorization/permissions"): permissions,
    ("POST", "microsoft.storage/checknameavailability"): name_check,
    ("POST", "microsoft.keyvault/checknameavailability"): name_check,
    ("POST", "microsoft.web/checknameavailability"): name_check,
    ("POST", "microsoft.storage/storageaccounts/listkeys"): account_keys,
    ("POST", "microsoft.documentdb/databaseaccounts/listkeys"): account_keys,
    ("POST", "microsoft.network/applicationgateways/backendhealth"): backend_health,
}
