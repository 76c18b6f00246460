"""Probe of the identities: every role assignment of the footprint's own identities, against those that the program declares."""

from __future__ import annotations

from collections.abc import Mapping

from clouds.gates.world import version
from clouds.readiness.world import ReadyWorld
from recovery.arm.placeholders import references, resolve
from recovery.model import Desired, Json
from recovery.permissions import azure
from recovery.permissions import role as known_role

Evidence = dict[str, Json]
TOKEN = "azure-native:authorization:RoleAssignment"  # noqa: S105 (a type's name)

KNOWN = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
}
"""Names of built-in roles that a person should not have to look up (Azure RBAC, built-in roles)."""


def identities(world: ReadyWorld) -> Evidence:
    """Principals from the live identities; declared and live assignments by (principal, role, scope)."""
    arm = world.at.world.arm
    bodies: dict[str, Mapping[str, Json]] = {}
    names: dict[str, str] = {}
    for one in world.at.desired("standby"):
        if one.type == "azure-native:managedidentity:UserAssignedIdentity":
            body = world.body(one)
            bodies[one.id.lower()] = body
            names[str(body["properties"]["principalId"]).lower()] = str(body["name"])
    wanted = {_key(one, bodies) for one in world.at.desired("standby") if one.type == TOKEN}
    path = f"/subscriptions/{world.endpoints.subscription}/providers/Microsoft.Authorization/roleAssignments"
    live: dict[tuple[str, str, str], str] = {}
    for body in arm.list(path, version("authorization:RoleAssignment")):
        held = body["properties"]
        principal = str(held["principalId"]).lower()
        if principal in names:
            live[principal, _leaf(held["roleDefinitionId"]), str(held["scope"]).lower()] = str(body["id"])
    wanted = {key for key in wanted if key[0] in names}
    # Granted by `dr init`, and no part of the program (docs/permissions.md).
    ours = {azure.name_of(world.endpoints.subscription, known_role("sync"))}
    return {
        "checked": len(live),
        "lacking": [_row(key, names, "") for key in sorted(wanted - set(live))],
        "excess": [_row(key, names, live[key]) for key in sorted(set(live) - wanted) if key[1] not in ours],
    }  # fmt: skip


def _key(one: Desired, bodies: Mapping[str, Mapping[str, Json]]) -> tuple[str, str, str]:
    inputs = one.inputs
    if list(references(inputs["principalId"])):
        inputs = resolve(dict(inputs), lambda id: bodies.get(id.lower()))
    scope = one.id.rpartition("/providers/Microsoft.Authorization/")[0]
    return str(inputs["principalId"]).lower(), _leaf(inputs["roleDefinitionId"]), scope.lower()


def _leaf(definition: Json) -> str:
    return str(definition).rpartition("/")[2].lower()


def _row(key: tuple[str, str, str], names: Mapping[str, str], id: str) -> Evidence:
    principal, role, scope = key
    where = scope.rpartition("/")[2]
    return {"who": names[principal], "what": f"{KNOWN.get(role, f'role {role}')} on {where}", "id": id}
