"""Microsoft.Network: virtual networks, security groups, public addresses, DNS."""

from __future__ import annotations

from typing import Any

from localcloud.arm.defaults.common import Body, Context, defaults, guid, keep, properties, start
from localcloud.arm.errors import bad_request
from localcloud.arm.ids import ArmPath
from localcloud.arm.store import new_etag

DEFAULT_RULES = (
    ("AllowVnetInBound", "VirtualNetwork", "VirtualNetwork", "Allow", 65000, "Inbound"),
    ("AllowAzureLoadBalancerInBound", "AzureLoadBalancer", "*", "Allow", 65001, "Inbound"),
    ("DenyAllInBound", "*", "*", "Deny", 65500, "Inbound"),
    ("AllowVnetOutBound", "VirtualNetwork", "VirtualNetwork", "Allow", 65000, "Outbound"),
    ("AllowInternetOutBound", "*", "Internet", "Allow", 65001, "Outbound"),
    ("DenyAllOutBound", "*", "*", "Deny", 65500, "Outbound"),
)


def named(parent: str, collection: str, kind: str, given: Any, old: Any) -> list[Body]:
    """A nested collection: each item gets id, etag, type and provisioningState, as the provider gives them.

    The etag of an item that did not change is kept. Raises 400 for an item without a name.
    """
    before = {str(i.get("name", "")).lower(): i for i in old or []}
    items: list[Body] = []
    for item in given or []:
        if not item.get("name"):
            raise bad_request(
                f"Required property 'name' not found in an item of '{collection}'.", "InvalidRequestFormat"
            )
        was = before.get(str(item["name"]).lower())
        made: Body = {"name": item["name"], "id": f"{parent}/{collection}/{item['name']}"}
        made["etag"] = (was or {}).get("etag") or f'W/"{new_etag()}"'
        made["properties"] = {"provisioningState": "Succeeded", **(item.get("properties") or {})}
        made["type"] = kind
        if item.get("zones"):
            made["zones"] = item["zones"]
        items.append(made)
    return items


def _base(path: ArmPath, given: Body, old: Body | None) -> tuple[Body, Body, Body]:
    body = start(path, given)
    props, before = body["properties"], properties(old)
    keep(props, before, "resourceGuid", guid)
    props["provisioningState"] = "Succeeded"
    body["etag"] = f'W/"{new_etag()}"'
    return body, props, before


def subnet(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """One subnet of a virtual network."""
    props = given.setdefault("properties", {})
    if not (props.get("addressPrefix") or props.get("addressPrefixes")):
        raise bad_request(f"Subnet {path.name} has no address prefix.", "SubnetAddressPrefixMissing")
    defaults(
        props,
        {
            "delegations": [],
            "privateEndpointNetworkPolicies": "Disabled",
            "privateLinkServiceNetworkPolicies": "Enabled",
        },
    )
    props["provisioningState"] = "Succeeded"
    return given


def virtual_network(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A virtual network with its subnets; peerings and policies as the provider fills them."""
    body, props, before = _base(path, given, old)
    if not (props.get("addressSpace") or {}).get("addressPrefixes"):
        raise bad_request("Required address space is missing.", "InvalidRequestFormat")
    kind = "Microsoft.Network/virtualNetworks/subnets"
    props["subnets"] = [
        subnet(context, path.child("subnets", i["name"]), i, None)
        for i in named(path.text, "subnets", kind, props.get("subnets"), before.get("subnets"))
    ]
    defaults(
        props,
        {
            "virtualNetworkPeerings": [],
            "enableDdosProtection": False,
            "privateEndpointVNetPolicies": "Disabled",
        },
    )
    return body


def rule_defaults(props: Body) -> Body:
    """The empty lists that a security rule comes back with."""
    return defaults(
        props,
        {
            "sourcePortRanges": [],
            "destinationPortRanges": [],
            "sourceAddressPrefixes": [],
            "destinationAddressPrefixes": [],
        },
    )


def security_group(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A network security group: its rules, and the six that every group has."""
    body, props, before = _base(path, given, old)
    kind = "Microsoft.Network/networkSecurityGroups/securityRules"
    rules = named(path.text, "securityRules", kind, props.get("securityRules"), before.get("securityRules"))
    taken: dict[tuple[str, int], str] = {}
    for rule in rules:
        slot = (
            str(rule["properties"].get("direction")).lower(),
            int(rule["properties"].get("priority") or 0),
        )
        if not 100 <= slot[1] <= 4096:
            raise bad_request(
                f"Security rule has invalid Priority. Value provided: {slot[1]} Allowed range 100-4096.",
                "SecurityRuleInvalidPriority",
            )
        if slot in taken:
            raise bad_request(
                f"Security rule {rule['name']} conflicts with rule {taken[slot]}. Rules cannot have the same "
                "Priority and Direction.",
                "SecurityRuleConflict",
            )
        taken[slot] = rule["name"]
        rule_defaults(rule["properties"])
    props["securityRules"] = rules
    props["defaultSecurityRules"] = [
        {
            "name": name,
            "id": f"{path.text}/defaultSecurityRules/{name}",
            "etag": body["etag"],
            "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
            "properties": rule_defaults(
                {
                    "provisioningState": "Succeeded",
                    "description": name,
                    "protocol": "*",
                    "sourcePortRange": "*",
                    "destinationPortRange": "*",
                    "sourceAddressPrefix": source,
                    "destinationAddressPrefix": target,
                    "access": access,
                    "priority": priority,
                    "direction": direction,
                }
            ),
        }
        for name, source, target, access, priority, direction in DEFAULT_RULES
    ]
    return body


def public_address(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A public IP address; the address comes from the documentation pool and stays."""
    body, props, before = _base(path, given, old)
    sku = body.setdefault("sku", {"name": "Basic"})
    sku.setdefault("tier", "Regional")
    defaults(
        props,
        {"publicIPAddressVersion": "IPv4", "idleTimeoutInMinutes": 4, "ipTags": [],
         "publicIPAllocationMethod": "Static" if sku["name"] == "Standard" else "Dynamic",
         "ddosSettings": {"protectionMode": "VirtualNetworkInherited"}},
    )  # fmt: skip
    if sku["name"] == "Standard" and props["publicIPAllocationMethod"] != "Static":
        raise bad_request(
            f"Standard sku publicIp {path.text} must have AllocationMethod set to Static.",
            "StandardSkuPublicIPAddressesMustBeStatic",
        )
    dns = props.get("dnsSettings")
    if dns and dns.get("domainNameLabel"):
        dns["fqdn"] = f"{dns['domainNameLabel']}.{body.get('location', 'global')}.cloudapp.azure.com"
    keep(props, before, "ipAddress", lambda: context.allocate_address(path.key))
    if before.get("ipConfiguration"):
        props["ipConfiguration"] = before["ipConfiguration"]
    return body


def dns_zone(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A public DNS zone. Azure DNS writes its own type in lower case."""
    body = start(path, given, "Microsoft.Network/dnszones")
    body["id"] = recase_zone(path.text)
    body["location"] = "global"
    before = properties(old)
    props = body["properties"]
    defaults(
        props, {"maxNumberOfRecordSets": 10000, "maxNumberOfRecordsPerRecordSet": None, "zoneType": "Public"}
    )
    props["nameServers"] = [
        f"ns{n}-01.azure-dns.{top}." for n, top in enumerate(("com", "net", "org", "info"), 1)
    ]
    props["numberOfRecordSets"] = before.get("numberOfRecordSets", 2)
    body["etag"] = new_etag()
    return body


def recase_zone(text: str) -> str:
    """``dnszones``, as Azure DNS shows its ids."""
    return text.replace("/Microsoft.Network/dnsZones/", "/Microsoft.Network/dnszones/")


FILL = {
    "microsoft.network/virtualnetworks": virtual_network,
    "microsoft.network/networksecuritygroups": security_group,
    "microsoft.network/publicipaddresses": public_address,
    "microsoft.network/dnszones": dns_zone,
}
