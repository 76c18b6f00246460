"""Who may do what, by the role assignments in force: Azure's answer to whoever may not.

Asked only where the local cloud enforces roles (`dr local up --enforce-roles`). A definition is one that was PUT
(custom) or one of the built-in ones below; any other grants nothing here, and says so in docs/local-cloud.md.
https://learn.microsoft.com/azure/role-based-access-control/overview#how-azure-rbac-determines-if-a-user-has-access-to-a-resource
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.arm.errors import ArmError
from localcloud.arm.identities import Principal
from localcloud.arm.ids import ArmPath
from localcloud.arm.policy import references
from localcloud.arm.store import Store
from localcloud.effects.roles import Role, Roles
from recovery.permissions.actions import linked, needed
from recovery.permissions.azure import assignable
from recovery.permissions.model import covered

Body = dict[str, Any]

MAY_READ = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"
BUILT_IN: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # GUID: name, actions, data actions (learn.microsoft.com/azure/role-based-access-control/built-in-roles)
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": ("Owner", ("*",), ()),
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": ("Reader", ("*/read",), ()),
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": (
        "Storage Blob Data Owner",
        (f"{_BLOBS}/*", "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"),
        (f"{_BLOBS}/blobs/*",),
    ),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": (
        "Storage Blob Data Contributor",
        (
            f"{_BLOBS}/read", f"{_BLOBS}/write", f"{_BLOBS}/delete",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ),
        (f"{_BLOBS}/blobs/*",),
    ),
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": ("AcrPull", ("Microsoft.ContainerRegistry/registries/pull/read",), ()),
    "4633458b-17de-408a-b874-0445c86b69e6": (
        "Key Vault Secrets User", (),
        ("Microsoft.KeyVault/vaults/secrets/getSecret/action", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
    ),
    "a4417e6f-fecd-4de8-b567-7b0420556985": (
        "Key Vault Certificates Officer", (), ("Microsoft.KeyVault/vaults/certificates/*",),
    ),
}  # fmt: skip

EVERYTHING: Body = {"actions": ["*"], "notActions": [], "dataActions": ["*"], "notDataActions": []}
_ROLE_WRITE = "Microsoft.Authorization/roleAssignments/write"


@dataclass
class Permits:
    """The rule. used: how often each principal (by name) was allowed each action; a test of least privilege reads it."""

    store: Store
    roles: Roles
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def check(self, who: Principal, method: str, path: str, body: Any = None) -> None:
        """Raise 403 AuthorizationFailed or LinkedAuthorizationFailed when `who` may not."""
        if who.owner:
            return
        try:
            action, scope = needed(method, path)
        except ValueError:
            return  # nothing is served there: the door says so itself
        granting = [role for role in self.roles.of(who.object_id, scope) if self._grants(role, action)]
        if not granting:
            self.refused[who.name, action] += 1
            raise _denied(who, action, scope)
        if action.lower() == _ROLE_WRITE.lower():
            self._condition(who, granting, scope, body)
        if method.upper() in ("PUT", "PATCH"):
            self._linked(who, action, scope, body)
        self.used[who.name, action] += 1

    def sees(self, who: Principal, path: ArmPath) -> bool:
        """May it read this resource? Not counted: a query that shows less is no refusal."""
        return who.owner or any(
            self._grants(role, f"{path.type}/read") for role in self.roles.of(who.object_id, path.text)
        )

    def may_data(self, who: Principal, action: str, scope: str) -> bool:
        """May it do this on a data plane? Counted like an action."""
        if who.owner:
            return True
        allowed = any(
            covered(action, self._permissions(role, "dataActions"))
            for role in self.roles.of(who.object_id, scope)
        )
        (self.used if allowed else self.refused)[who.name, action] += 1
        return allowed

    def may_read(self, identity: str, secret: str) -> bool:
        """Whether a managed identity (its principal id) may read the secret of this ARM id."""
        who = Principal(identity, f"identity-{identity[:8]}", "ServicePrincipal")
        return self.may_data(who, MAY_READ, secret)

    def shown(self, who: Principal, scope: str) -> list[Body]:
        """What `who` may do at a scope, one entry a role (Permissions - List For Resource Group, 2022-04-01)."""
        if who.owner:
            return [EVERYTHING]
        kinds = ("actions", "notActions", "dataActions", "notDataActions")
        return [
            {kind: self._permissions(role, kind) for kind in kinds}
            for role in self.roles.of(who.object_id, scope)
        ]

    def _grants(self, role: Role, action: str) -> bool:
        return covered(action, self._permissions(role, "actions")) and not covered(
            action, self._permissions(role, "notActions")
        )

    def _permissions(self, role: Role, kind: str) -> list[str]:
        guid = role.definition.lower().rpartition("/")[2]
        built_in = BUILT_IN.get(guid)
        if built_in is not None:
            return list({"actions": built_in[1], "dataActions": built_in[2]}.get(kind, ()))
        entry = self.store.get(role.definition) or next(
            (e for e in self.store.of_type("Microsoft.Authorization/roleDefinitions") if e.path.name.lower() == guid),
            None,
        )  # fmt: skip
        if entry is None:
            return []
        permissions = entry.body["properties"].get("permissions") or []
        return [str(one) for permission in permissions for one in permission.get(kind) or []]

    def _condition(self, who: Principal, granting: list[Role], scope: str, body: Any) -> None:
        """A role that may assign roles may do so for all definitions, or for those that its condition names."""
        asked = str(((body or {}).get("properties") or {}).get("roleDefinitionId", "")).lower()
        for role in granting:
            allowed = assignable(role.condition) if role.condition else None
            if not role.condition or (allowed is not None and asked.rpartition("/")[2] in allowed):
                return
        self.refused[who.name, _ROLE_WRITE] += 1
        raise _denied(who, _ROLE_WRITE, scope, " The request does not meet the condition of the assignment.")

    def _linked(self, who: Principal, action: str, scope: str, body: Any) -> None:
        missing: dict[str, list[str]] = {}
        for reference in _named(body):
            wanted = linked(reference)
            # Parts of the resource itself (a gateway's own pools) are no other resource.
            if wanted is None or reference.lower().startswith(scope.lower() + "/"):
                continue
            if any(self._grants(role, wanted) for role in self.roles.of(who.object_id, reference)):
                self.used[who.name, wanted] += 1
            else:
                missing.setdefault(wanted, []).append(reference)
        for wanted, scopes in missing.items():
            self.refused[who.name, wanted] += 1
            raise ArmError(
                403,
                "LinkedAuthorizationFailed",
                f"The client '{who.name}' with object id '{who.object_id}' has permission to perform action '{action}' "
                f"on scope '{scope}'; however, it does not have permission to perform action(s) '{wanted}' on the "
                f"linked scope(s) '{','.join(scopes)}' (respectively) or the linked scope(s) are invalid.",
            )


def _named(body: Any) -> Iterator[str]:
    """Ids of other resources in a body: {"id": ...} anywhere, identities by key, and ids as plain values."""
    yield from references(body)
    if isinstance(body, Mapping):
        identity = body.get("identity")
        if isinstance(identity, Mapping):
            yield from (str(key) for key in identity.get("userAssignedIdentities") or {})
        properties = body.get("properties")
        if isinstance(properties, Mapping):
            for key in ("serverFarmId", "environmentId", "workspaceId", "managedEnvironmentId"):
                value = properties.get(key)
                if isinstance(value, str) and value.lower().startswith("/subscriptions/"):
                    yield value


def _denied(who: Principal, action: str, scope: str, more: str = "") -> ArmError:
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{who.name}' with object id '{who.object_id}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh "
        f"your credentials.{more}",
    )
