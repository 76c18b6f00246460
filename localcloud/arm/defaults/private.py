"""Private endpoints, their DNS zone groups, private DNS zones and their links (Microsoft.Network)."""

from __future__ import annotations

import ipaddress
from typing import Any

from localcloud.arm.defaults.common import Body, Context, defaults, guid, keep, properties, start
from localcloud.arm.errors import bad_request
from localcloud.arm.ids import ArmPath
from localcloud.arm.store import new_etag

GROUPS = {
    # type of the target -> sub-resources it offers (learn.microsoft.com/azure/private-link/private-endpoint-overview)
    "microsoft.storage/storageaccounts": {"blob", "queue", "table", "file", "web", "dfs"},
    "microsoft.documentdb/databaseaccounts": {"sql"},
    "microsoft.keyvault/vaults": {"vault"},
    "microsoft.web/sites": {"sites"},
}


def endpoint(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A private endpoint: approved at once, with an address of its subnet and a network interface."""
    body = start(path, given)
    before, props = properties(old), body["properties"]
    body["etag"] = f'W/"{new_etag()}"'
    keep(props, before, "resourceGuid", guid)
    props["provisioningState"] = "Succeeded"
    connections = props.get("privateLinkServiceConnections") or []
    if not connections or not (props.get("subnet") or {}).get("id"):
        raise bad_request("A private endpoint needs a subnet and a connection.", "InvalidRequestFormat")
    for connection in connections:
        inner = connection.setdefault("properties", {})
        _offered(context, str(inner.get("privateLinkServiceId") or ""), inner.get("groupIds") or [])
        defaults(inner, {"groupIds": [], "requestMessage": ""})
        inner["provisioningState"] = "Succeeded"
        inner["privateLinkServiceConnectionState"] = {
            "status": "Approved", "description": "Auto-Approved", "actionsRequired": "None",
        }  # fmt: skip
        connection["id"] = f"{path.text}/privateLinkServiceConnections/{connection.get('name')}"
        connection["etag"] = body["etag"]
        connection["type"] = "Microsoft.Network/privateEndpoints/privateLinkServiceConnections"
    name = props.get("customNetworkInterfaceName") or f"{path.name}.nic.{props['resourceGuid']}"
    nic = f"{path.scope}/providers/Microsoft.Network/networkInterfaces/{name}"
    props["networkInterfaces"] = [{"id": nic}]
    defaults(
        props,
        {"manualPrivateLinkServiceConnections": [], "customNetworkInterfaceName": "", "ipConfigurations": [],
         "customDnsConfigs": []},
    )  # fmt: skip
    return body


def _offered(context: Context, target: str, groups: list[str]) -> None:
    owner = context.store.get(target)
    if owner is None:
        raise bad_request(f"The private link resource '{target}' was not found.", "LinkedResourceNotFound")
    known = GROUPS.get(owner.type, set())
    wrong = [g for g in groups if g.lower() not in known]
    if wrong:
        raise bad_request(
            f"The group id '{wrong[0]}' is not offered by {owner.body['type']}.", "InvalidGroupId"
        )


def interface(context: Context, body: Body) -> tuple[str, Body]:
    """The network interface that comes with a private endpoint: its id and body."""
    nic = str(body["properties"]["networkInterfaces"][0]["id"])
    address = _address(context, body)
    configuration = {
        "name": "privateEndpointIpConfig", "properties": {"privateIPAddress": address, "primary": True},
    }  # fmt: skip
    return nic, {
        "id": nic, "name": nic.rpartition("/")[2], "type": "Microsoft.Network/networkInterfaces",
        "location": body["location"],
        "properties": {
            "provisioningState": "Succeeded", "ipConfigurations": [configuration], "privateEndpoint": {"id": body["id"]},
        },
    }  # fmt: skip


def _address(context: Context, body: Body) -> str:
    vnet, _, subnet = str(body["properties"]["subnet"]["id"]).rpartition("/subnets/")
    owner = context.store.get(vnet)
    prefixes: list[Any] = [
        s["properties"].get("addressPrefix") or s["properties"]["addressPrefixes"][0]
        for s in (owner.body["properties"]["subnets"] if owner else [])
        if s["name"].lower() == subnet.lower()
    ]
    network = ipaddress.ip_network(prefixes[0] if prefixes else "10.0.0.0/24")
    taken = sum(1 for _ in context.store.of_type("Microsoft.Network/networkInterfaces"))
    return str(network[4 + taken])


def zone_group(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """Which private zones know the endpoint's names."""
    body = start(path, given, located=False)
    body["etag"] = f'W/"{new_etag()}"'
    configs = body["properties"].get("privateDnsZoneConfigs") or []
    for config in configs:
        inner = config.setdefault("properties", {})
        zone = context.store.get(str(inner.get("privateDnsZoneId") or ""))
        if zone is None:
            raise bad_request(
                f"The private DNS zone '{inner.get('privateDnsZoneId')}' was not found.",
                "LinkedResourceNotFound",
            )
        inner["recordSets"] = []
    body["properties"]["provisioningState"] = "Succeeded"
    return body


def private_zone(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A private DNS zone."""
    body = start(path, given)
    body["location"] = "global"
    props, before = body["properties"], properties(old)
    body["etag"] = new_etag()
    props.update({
        "provisioningState": "Succeeded", "maxNumberOfRecordSets": 25000, "maxNumberOfVirtualNetworkLinks": 1000,
        "maxNumberOfVirtualNetworkLinksWithRegistration": 100, "numberOfRecordSets": before.get("numberOfRecordSets", 1),
        "numberOfVirtualNetworkLinks": before.get("numberOfVirtualNetworkLinks", 0),
    })  # fmt: skip
    body.setdefault("tags", {})
    return body


def zone_link(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A private zone's link to a virtual network."""
    body = start(path, given)
    body["location"] = "global"
    props = body["properties"]
    if context.store.get(str((props.get("virtualNetwork") or {}).get("id") or "")) is None:
        raise bad_request("The virtual network of the link was not found.", "VirtualNetworkNotFound")
    defaults(props, {"registrationEnabled": False, "resolutionPolicy": "Default"})
    props.update({"provisioningState": "Succeeded", "virtualNetworkLinkState": "Completed"})
    body["etag"] = new_etag()
    return body


FILL = {
    "microsoft.network/privateendpoints": endpoint,
    "microsoft.network/privateendpoints/privatednszonegroups": zone_group,
    "microsoft.network/privatednszones": private_zone,
    "microsoft.network/privatednszones/virtualnetworklinks": zone_link,
}
