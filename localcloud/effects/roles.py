"""Role assignments work only a while after ARM has accepted them; this is the list of those that do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from localcloud.bus import Bus, ResourceChanged
from localcloud.durations import Clock

_TYPES = {
    "microsoft.authorization/roleassignments",
    "microsoft.documentdb/databaseaccounts/sqlroleassignments",
}


@dataclass(frozen=True)
class Role:
    """One assignment in force."""

    principal: str
    definition: str
    scope: str
    condition: str = ""


class Roles:
    """Assignments, each in force `role assignment effect` after its acceptance; a deletion takes as long."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._clock = clock
        self._accepted: dict[str, Role] = {}
        self._in_force: dict[str, Role] = {}
        bus.subscribe(self._changed)

    async def _changed(self, event: ResourceChanged) -> None:
        if event.arm_type not in _TYPES:
            return
        key, role = event.id.lower(), None
        self._accepted.pop(key, None)
        if event.new is not None:
            props = event.new["properties"]
            role = Role(
                str(props["principalId"]), str(props["roleDefinitionId"]), str(props["scope"]),
                str(props.get("condition") or ""),
            )  # fmt: skip
            self._accepted[key] = role
        asyncio.get_running_loop().call_later(
            self._clock.seconds("role assignment effect"), self._settle, key
        )

    def _settle(self, key: str) -> None:
        role = self._accepted.get(key)
        if role is None:
            self._in_force.pop(key, None)
        else:
            self._in_force[key] = role

    def holds(self, principal: str, definition: str, scope: str) -> bool:
        """Whether a principal has a role now, at this scope or above it. definition: the GUID or the whole id."""
        return any(
            r.principal.lower() == principal.lower()
            and r.definition.lower().rsplit("/", 1)[-1] == definition.lower().rsplit("/", 1)[-1]
            and (scope.lower() + "/").startswith(r.scope.lower().rstrip("/") + "/")
            for r in self._in_force.values()
        )

    def of(self, principal: str, scope: str) -> list[Role]:
        """What a principal's assignments in force at this scope or above it name."""
        return [
            r
            for r in self._in_force.values()
            if r.principal.lower() == principal.lower()
            and (scope.lower() + "/").startswith(r.scope.lower().rstrip("/") + "/")
        ]

    def shown(self) -> list[dict[str, Any]]:
        """For ``/_local/roles``."""
        return [
            {
                "principal": r.principal,
                "role": r.definition,
                "scope": r.scope,
                "inForce": self._in_force.get(k) == r,
            }
            for k, r in self._accepted.items()
        ]
