"""Role definitions and assignments as Azure takes them (Microsoft.Authorization 2022-04-01)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any

from recovery.permissions.model import Role

API_VERSION = "2022-04-01"
COSMOS_CONTRIBUTOR = "00000000-0000-0000-0000-000000000002"
"""Cosmos DB's own built-in data contributor: what `documents` comes to, assigned on the account."""


def name_of(subscription: str, role: Role) -> str:
    """The definition's GUID: the same subscription and role give the same one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"standby/{subscription.lower()}/{role.key}"))


def definition_id(subscription: str, role: Role) -> str:
    """The definition's ARM id."""
    return (
        f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/"
        f"{name_of(subscription, role)}"
    )


def definition(subscription: str, role: Role) -> dict[str, Any]:
    """The body of a PUT of the role definition. Cosmos DB's data actions are none of Azure RBAC's and stay out."""
    return {
        "properties": {
            "roleName": f"{role.title} ({subscription[:8]})",  # names are one tenant's, not one subscription's
            "type": "CustomRole",
            "description": f"{role.who[0].upper()}{role.who[1:]}.",
            "assignableScopes": [f"/subscriptions/{subscription}"],
            "permissions": [
                {
                    "actions": sorted({g.action for g in role.actions}, key=str.lower),
                    "notActions": [],
                    "dataActions": sorted({g.action for g in role.data}, key=str.lower),
                    "notDataActions": [],
                }
            ],
        }
    }


def assignment_name(scope: str, principal: str, definition: str) -> str:
    """The assignment's GUID: the same three give the same one, so that a second run changes nothing."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/{principal}/{definition}".lower()))


def assignment(
    role_definition: str, principal: str, kind: str = "User", only_roles: Iterable[str] = ()
) -> dict[str, Any]:
    """The body of a PUT of a role assignment. only_roles: GUIDs of the only definitions that may be assigned with it.

    https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-overview
    """
    properties: dict[str, Any] = {
        "roleDefinitionId": role_definition, "principalId": principal, "principalType": kind,
    }  # fmt: skip
    allowed = sorted(set(only_roles))
    if allowed:
        properties |= {"conditionVersion": "2.0", "condition": condition(allowed)}
    return {"properties": properties}


def on_documents(account: str, principal: str) -> tuple[str, dict[str, Any]]:
    """Id and body of a PUT of Cosmos DB's own role assignment, which no role of Azure's stands in for.

    https://learn.microsoft.com/azure/cosmos-db/how-to-connect-role-based-access-control
    """
    definition = f"{account}/sqlRoleDefinitions/{COSMOS_CONTRIBUTOR}"
    id = f"{account}/sqlRoleAssignments/{assignment_name(account, principal, definition)}"
    return id, {"properties": {"roleDefinitionId": definition, "scope": account, "principalId": principal}}


_WRITE = "Microsoft.Authorization/roleAssignments/write"
_DELETE = "Microsoft.Authorization/roleAssignments/delete"


def condition(guids: Iterable[str]) -> str:
    """The condition that lets a role assign these definitions and no other."""
    listed = ", ".join(guids)
    return (
        f"((!(ActionMatches{{'{_WRITE}'}})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] "
        f"ForAnyOfAnyValues:GuidEquals {{{listed}}})) AND ((!(ActionMatches{{'{_DELETE}'}})) OR "
        f"(@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{listed}}}))"
    )


def assignable(text: str) -> frozenset[str] | None:
    """The definitions that a condition of ours lets be assigned; None where it is not one of ours."""
    found = re.search(r"@Request\[[^\]]+\] ForAnyOfAnyValues:GuidEquals \{([^}]*)\}", text)
    return frozenset(one.strip().lower() for one in found[1].split(",")) if found else None
