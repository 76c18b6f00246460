"""Probe of the identities: who holds which role, in Azure's own plane and in that of the documents, against the program.

In Azure's plane the footprint's own identities are asked for: what people hold there is `dr init`'s. In Cosmos DB's,
which knows no roles above the account, every assignment is: there nobody else has anything to look for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clouds.gates.world import version
from clouds.readiness.world import ReadyWorld
from recovery.arm.placeholders import references, resolve
from recovery.model import Desired, Json
from recovery.permissions import ROLES, azure
from recovery.permissions import role as known_role

Evidence = dict[str, Json]
Key = tuple[str, str, str]
"""Principal, role's GUID, scope: each in lower case."""

TOKEN = "azure-native:authorization:RoleAssignment"  # noqa: S105 (a type's name)
DOCUMENTS = "azure-native:cosmosdb:SqlResourceSqlRoleAssignment"

KNOWN = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "00000000-0000-0000-0000-000000000001": "Cosmos DB Built-in Data Reader",
    azure.COSMOS_CONTRIBUTOR: "Cosmos DB Built-in Data Contributor",
}
"""Names of built-in roles that a person should not have to look up (Azure RBAC; Cosmos DB's data plane)."""


@dataclass
class _Seen:
    """One run's view. names: of the footprint's identities by principal. people: principal -> key of the role of ours
    that it holds over the footprint and that needs documents."""

    world: ReadyWorld
    bodies: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)

    def declared(self, token: str) -> set[Key]:
        return {self._key(one) for one in self.world.at.desired("standby") if one.type == token}

    def _key(self, one: Desired) -> Key:
        inputs = one.inputs
        if list(references(inputs["principalId"])):
            inputs = resolve(dict(inputs), lambda id: self.bodies.get(id.lower()))
        scope = (
            one.id.rpartition("/sqlRoleAssignments/")[0]
            or one.id.rpartition("/providers/Microsoft.Authorization/")[0]
        )
        return str(inputs["principalId"]).lower(), _leaf(inputs["roleDefinitionId"]), scope.lower()

    def row(self, key: Key, fix: str) -> Evidence:
        principal, role, scope = key
        who = self.names.get(principal) or f"{self.people.get(principal, 'principal')} {principal}"
        return {
            "who": who, "what": f"{KNOWN.get(role, f'role {role}')} on {scope.rpartition('/')[2]}", "fix": fix,
        }  # fmt: skip


def identities(world: ReadyWorld) -> Evidence:
    """Declared and live assignments by (principal, role, scope), of both planes."""
    seen = _Seen(world)
    for one in world.at.desired("standby"):
        if one.type == "azure-native:managedidentity:UserAssignedIdentity":
            body = world.body(one)
            seen.bodies[one.id.lower()] = body
            seen.names[str(body["properties"]["principalId"]).lower()] = str(body["name"])
    in_azure, lacking, excess = _azure(seen)
    documents, also_lacking, also_excess = _documents(seen)
    return {
        "checked": in_azure, "documents": documents, "lacking": lacking + also_lacking, "excess": excess + also_excess,
    }  # fmt: skip


def _azure(seen: _Seen) -> tuple[int, list[Json], list[Json]]:
    """Assignments of the footprint's own identities; and which people are to reach the documents."""
    world = seen.world
    subscription = f"/subscriptions/{world.endpoints.subscription}"
    path = f"{subscription}/providers/Microsoft.Authorization/roleAssignments"
    group = world.at.of_type("azure-native:resources:ResourceGroup").id.lower()
    # The sync's own identity has its assignment from the program, by its own name.
    ours = {
        azure.name_of(world.endpoints.subscription, r): r.key
        for r in ROLES
        if r.documents and r.key != "sync"
    }
    live: dict[Key, str] = {}
    for body in world.at.world.arm.list(path, version("authorization:RoleAssignment")):
        held = body["properties"]
        key = (str(held["principalId"]).lower(), _leaf(held["roleDefinitionId"]), str(held["scope"]).lower())
        if key[0] in seen.names:
            live[key] = str(body["id"])
        elif key[1] in ours and f"{group}/".startswith(f"{key[2].rstrip('/')}/"):
            seen.people[key[0]] = ours[key[1]]
    wanted = {key for key in seen.declared(TOKEN) if key[0] in seen.names}
    # Granted by `dr init`, and no part of the program (docs/permissions.md).
    granted = {azure.name_of(world.endpoints.subscription, known_role("sync"))}
    lacking: list[Json] = [seen.row(key, "dr up -s standby") for key in sorted(wanted - set(live))]
    excess: list[Json] = [
        seen.row(key, f"az role assignment delete --ids {live[key]}    (or declare why it is needed)")
        for key in sorted(set(live) - wanted)
        if key[1] not in granted
    ]
    return len(live), lacking, excess


def _documents(seen: _Seen) -> tuple[int, list[Json], list[Json]]:
    """Every assignment on the account: the program's, and one for each of ours who is to read or write documents."""
    account = seen.world.at.of_type("azure-native:cosmosdb:DatabaseAccount").id
    _, _, _, _, group, *_, name = account.split("/")
    api = version("cosmosdb:SqlResourceSqlRoleAssignment")
    live: dict[Key, str] = {}
    for body in seen.world.at.world.arm.list(f"{account}/sqlRoleAssignments", api):
        held = body["properties"]
        key = (str(held["principalId"]).lower(), _leaf(held["roleDefinitionId"]), str(held["scope"]).lower())
        live[key] = str(body["id"]).rpartition("/")[2]
    declared = seen.declared(DOCUMENTS)
    people = {(who, azure.COSMOS_CONTRIBUTOR, account.lower()) for who in seen.people}
    lacking: list[Json] = [seen.row(key, "dr up -s standby") for key in sorted(declared - set(live))]
    lacking += [
        seen.row(key, f"dr init --grant {seen.people[key[0]]}={key[0]}")
        for key in sorted(people - declared - set(live))
    ]
    excess: list[Json] = [
        seen.row(
            key,
            f"az cosmosdb sql role assignment delete --account-name {name} --resource-group {group} "
            f"--role-assignment-id {live[key]} --yes    (or dr init --grant, where its holder is one of ours)",
        )
        for key in sorted(set(live) - declared - people)
    ]
    return len(live), lacking, excess


def _leaf(definition: Json) -> str:
    return str(definition).rpartition("/")[2].lower()
