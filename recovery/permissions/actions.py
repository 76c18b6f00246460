"""Which action a request to Resource Manager needs: Azure's naming rule, and where it departs from it.

The rule (learn.microsoft.com/azure/role-based-access-control/role-definitions#actions): GET is `TYPE/read`, PUT and
PATCH are `TYPE/write`, DELETE is `TYPE/delete`, POST of `TYPE/NAME/VERB` is `TYPE/VERB/action`.
"""

from __future__ import annotations

import re

_VERB = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_READ_BY_POST = {
    "microsoft.web/sites/config/list": "Microsoft.Web/sites/config/list/action",
}
_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"


def needed(method: str, path: str) -> tuple[str, str]:
    """(action, scope): what a request needs, and the id at which it needs it.

    path: the request's path without its query. Raises ValueError for what Resource Manager does not route.
    """
    clean = "/" + path.strip("/")
    verb = _VERB.get(method.upper())
    head, mark, tail = clean.rpartition("/providers/")
    if not mark:
        return _above_providers(clean, verb)
    namespace, *rest = tail.split("/")
    types, names = rest[0::2], rest[1::2]
    if not types:
        raise ValueError(f"{path} names no type")
    kind = "/".join((namespace, *types))
    if verb is None:  # POST: the last segment is the action, and the resource before it the scope
        action = _READ_BY_POST.get(kind.lower(), f"{kind}/action")
        return action, clean.rpartition("/")[0] if len(types) > len(names) else clean
    if kind.lower() == "microsoft.web/sites/config" and verb == "read":
        return "Microsoft.Web/sites/config/read", clean
    # A list is asked for where its parent is; a resource at itself.
    scope = clean if len(names) == len(types) else (clean.rpartition("/")[0] if len(types) > 1 else head)
    return f"{kind}/{verb}", scope


def _above_providers(clean: str, verb: str | None) -> tuple[str, str]:
    found = re.fullmatch(
        r"/subscriptions/([^/]+)(/resourceGroups(?:/([^/]+))?)?(/resources)?", clean, re.IGNORECASE
    )
    if found is None or verb is None:
        raise ValueError(f"{clean} is not routed")
    _, groups, group, resources = found.groups()
    if resources:
        name = f"{_GROUPS}/resources/read" if group else "Microsoft.Resources/subscriptions/resources/read"
        return name, clean.rpartition("/")[0]
    if group:
        return f"{_GROUPS}/{verb}", clean
    if groups:
        return f"{_GROUPS}/{verb}", clean.rpartition("/")[0]
    return f"Microsoft.Resources/subscriptions/{verb}", clean


LINKED: tuple[tuple[str, str], ...] = (
    ("microsoft.network/virtualnetworks/subnets", "Microsoft.Network/virtualNetworks/subnets/join/action"),
    ("microsoft.network/networksecuritygroups", "Microsoft.Network/networkSecurityGroups/join/action"),
    ("microsoft.network/publicipaddresses", "Microsoft.Network/publicIPAddresses/join/action"),
    (
        "microsoft.network/applicationgateways/backendaddresspools",
        "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
    ),
    (
        "microsoft.network/applicationgatewaywebapplicationfirewallpolicies",
        "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies/join/action",
    ),
    (
        "microsoft.managedidentity/userassignedidentities",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    ),
    ("microsoft.network/privatednszones", "Microsoft.Network/privateDnsZones/join/action"),
    ("microsoft.web/serverfarms", "Microsoft.Web/serverfarms/join/action"),
    ("microsoft.app/managedenvironments", "Microsoft.App/managedEnvironments/join/action"),
    (
        "microsoft.operationalinsights/workspaces",
        "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
    ),
)
"""What a request that names another resource needs there besides (LinkedAuthorizationFailed where it has not)."""


def linked(reference: str) -> str | None:
    """The action that naming `reference` (an id) in a body needs there; None where Azure asks for none."""
    tail = reference.lower().rpartition("/providers/")[2].split("/")
    kind = "/".join((tail[0], *tail[1::2]))
    return dict(LINKED).get(kind)
