"""What ARM does with a request, apart from HTTP: put, patch, delete, with operations, checks and effects."""

from __future__ import annotations

import copy
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from localcloud.arm import children
from localcloud.arm.defaults import fill
from localcloud.arm.defaults.common import Context
from localcloud.arm.errors import ArmError, bad_request, group_not_found, not_found
from localcloud.arm.ids import ArmPath
from localcloud.arm.operations import Operation, Operations
from localcloud.arm.policy import (
    NO_LOCATION,
    SITE_CONFIG_SHOWN,
    Manners,
    check_create_only,
    drop_write_only,
    manners,
    references,
)
from localcloud.arm.store import Entry, Store, new_etag
from localcloud.bus import Bus, ResourceChanged
from localcloud.durations import Clock

Body = dict[str, Any]


@dataclass
class Outcome:
    """What a change came to. operation: None when it is done already."""

    entry: Entry | None
    created: bool = False
    operation: Operation | None = None
    manners: Manners = field(default_factory=Manners)


@dataclass
class Service:
    """The resources and the rules. boot: extra real seconds that a scale set's operation waits for instances."""

    store: Store
    bus: Bus
    context: Context
    clock: Clock
    operations: Operations = field(default_factory=Operations)
    settle: Callable[[str], Awaitable[None]] | None = None
    """Waits until the effects of a resource have settled (instances running), by id."""

    def entry(self, path: ArmPath) -> Entry:
        """The resource. Raises ResourceGroupNotFound, ParentResourceNotFound or ResourceNotFound."""
        found = self.store.get(path)
        if found is None:
            self.group(path)
            if not path.namespace:
                raise group_not_found(path.name)
            raise not_found(path.printed, path.group)
        return found

    def group(self, path: ArmPath) -> Entry | None:
        """The group of a path, which must exist; None for a path above groups."""
        if path.subscription.lower() != self.store.subscription.lower():
            raise ArmError(
                404, "SubscriptionNotFound", f"The subscription '{path.subscription}' could not be found."
            )
        if path.group is None:
            return None
        group = self.store.get(f"/subscriptions/{path.subscription}/resourceGroups/{path.group}")
        if group is None:
            raise group_not_found(path.group)
        return group

    def canonical(self, path: ArmPath) -> ArmPath:
        """The path in the case under which the resource, its parents and its group were created."""
        if (known := self.store.get(path)) is not None:
            return known.path
        if not path.namespace:
            return path
        group = self.group(path)
        parent = path.parent
        if parent is not None:
            owner = self.store.get(parent)
            if owner is None:
                raise ArmError(
                    404,
                    "ParentResourceNotFound",
                    f"Failed to perform 'write' on resource(s) of type '{path.type.partition('/')[2]}', because the "
                    f"parent resource '{parent.printed}' could not be found.",
                )
            if owner.busy and owner.body["properties"].get("provisioningState") == "Creating":
                raise ArmError(
                    409, "ParentResourceNotReady", f"The parent resource '{parent.printed}' is being created."
                )
            return replace(
                path, scope=owner.path.scope, group=owner.path.group, names=(*owner.path.names, path.name)
            )
        own = f"/subscriptions/{path.subscription}/resourcegroups/{path.group}".lower()
        if group is not None and path.scope.lower() == own:
            return replace(path, group=group.path.name, scope=group.body["id"])
        return path

    async def put(
        self,
        path: ArmPath,
        given: Body,
        *,
        ending: str = "Succeeded",
        match: str | None = None,
        none_match: str | None = None,
    ) -> Outcome:
        """Create or replace. ending: how its operation ends (a fault's wish)."""
        if not isinstance(given, dict):
            raise bad_request(
                "The request content was invalid and could not be deserialized.", "InvalidRequestContent"
            )
        path = self.canonical(path)
        old = self.store.get(path)
        self._conditions(old, match, none_match)
        how = manners(path)
        self._location(path, given, old)
        if old is not None:
            check_create_only(path, old.body, given)
            self._busy(old, how)
        self._scope(path)
        body = fill(self.context, path, copy.deepcopy(given), old.body if old else None)
        self._references(path, body)
        children.check(self.store, path, body)
        return await self._accept(path, given, body, old, how, ending)

    async def _accept(
        self, path: ArmPath, given: Body, body: Body, old: Entry | None, how: Manners, ending: str
    ) -> Outcome:
        created = old is None
        entry = old or Entry(path, body)
        before = copy.deepcopy(entry.effective)
        entry.body, entry.etag = body, new_etag()
        if created:
            self.store.add(entry)
        for follow in children.born(self.context, path, given, body, created):
            await self.adopt(*follow)
        children.link(self.store, path, body)
        operation_row = how.create if created else how.update
        if not operation_row and ending == "Succeeded":
            await self._take_effect(entry, before)
            return Outcome(entry, created, None, how)
        state = "Creating" if created else "Updating"
        if "provisioningState" in body["properties"]:
            body["properties"]["provisioningState"] = state
        if not how.at_end:
            await self._take_effect(entry, before)
        seconds = self.clock.seconds(operation_row) if operation_row else 0.05

        async def finish(status: str) -> None:
            if "provisioningState" in entry.body["properties"]:
                entry.body["properties"]["provisioningState"] = status
            if how.at_end and status == "Succeeded":
                await self._take_effect(entry, before)
            if self.settle is not None:
                await self.settle(entry.path.key)

        entry.operation = self.operations.start(
            path, "create" if created else "update", seconds, finish, ending
        )
        entry.operation.result = entry
        return Outcome(entry, created, entry.operation, how)

    async def adopt(self, path: ArmPath, body: Body) -> None:
        """Put a resource that the service itself makes (a zone's NS record, a site's configuration)."""
        entry = self.store.get(path)
        before = copy.deepcopy(entry.effective) if entry else None
        if entry is None:
            entry = Entry(path, body)
            self.store.add(entry)
        entry.body, entry.etag = body, new_etag()
        await self._take_effect(entry, before)

    async def _take_effect(self, entry: Entry, before: Body | None) -> None:
        entry.effective = copy.deepcopy(entry.body)
        await self.bus.publish(ResourceChanged(str(entry.body["id"]), before, copy.deepcopy(entry.body)))

    async def patch(
        self, path: ArmPath, given: Body, *, ending: str = "Succeeded", match: str | None = None
    ) -> Outcome:
        """Merge into what is there (RFC 7396), then as a PUT."""
        entry = self.entry(path)
        merged = merge(copy.deepcopy(entry.body), given)
        for made in ("id", "name", "type", "etag", "systemData"):
            merged.pop(made, None)
        return await self.put(entry.path, merged, ending=ending, match=match)

    async def delete(self, path: ArmPath, *, ending: str = "Succeeded", match: str | None = None) -> Outcome:
        """Delete with everything below; absent is an Outcome without an entry."""
        entry = self.store.get(path)
        if entry is None:
            self.group(path)
            return Outcome(None)
        self._conditions(entry, match, None)
        how = manners(entry.path)
        self._busy(entry, how)
        children.check_delete(entry.path)
        self._in_use(entry)

        async def finish(status: str) -> None:
            if status == "Succeeded":
                await self._gone(entry)

        if not how.delete and ending == "Succeeded":
            await finish("Succeeded")
            return Outcome(entry)
        if "provisioningState" in entry.body.get("properties", {}):
            entry.body["properties"]["provisioningState"] = "Deleting"
        seconds = self.clock.seconds(how.delete) if how.delete else 0.05
        entry.operation = self.operations.start(entry.path, "delete", seconds, finish, ending)
        return Outcome(entry, False, entry.operation, how)

    async def _gone(self, entry: Entry) -> None:
        for below in (*self.store.below(entry.path.key), entry):
            self.store.remove(below.path)
            if below.operation and below.operation is not entry.operation and below.operation.running:
                Operations.supersede(below.operation, "the deletion of its parent")
            children.unlink(self.store, below.path)
            await self.bus.publish(
                ResourceChanged(str(below.body["id"]), copy.deepcopy(below.effective), None)
            )

    def shown(self, entry: Entry, *, listed: bool = False) -> Body:
        """What a GET (or a LIST) answers."""
        body = drop_write_only(entry.type, copy.deepcopy(entry.body))
        if entry.type == "microsoft.web/sites":
            config = self.store.get(entry.path.child("config", "web"))
            live = (config.body["properties"] if config else {}) if not listed else None
            body["properties"]["siteConfig"] = live and {k: live.get(k) for k in SITE_CONFIG_SHOWN}
        return body

    # -- checks --------------------------------------------------------------------------------------------

    @staticmethod
    def _conditions(entry: Entry | None, match: str | None, none_match: str | None) -> None:
        wanted = (match or "").strip('W/"') if match else None
        have = {entry.etag, str(entry.body.get("etag", "")).strip('W/"')} if entry else set()
        if wanted is not None and (entry is None or (wanted != "*" and wanted not in have)):
            raise ArmError(
                412, "PreconditionFailed", "The condition of the request is not met: the etag is another one."
            )
        if none_match == "*" and entry is not None:
            raise ArmError(412, "PreconditionFailed", f"The resource {entry.body['id']} exists already.")

    @staticmethod
    def _busy(entry: Entry, how: Manners) -> None:
        if not entry.busy or entry.operation is None:
            return
        running = entry.operation
        if how.busy == "supersede" and running.verb != "delete":
            Operations.supersede(running, "a newer operation")
        elif how.busy == "429":
            raise ArmError(
                429,
                "AnotherOperationInProgress",
                "Another operation on this or dependent resource is in progress. To retrieve status of the operation "
                f"use operation id {running.id}.",
                {"Retry-After": "10"},
            )
        elif how.busy == "412":
            raise ArmError(
                412,
                "PreconditionFailed",
                "There is already an operation in progress which requires exclusive lock on this service. Please retry the operation after sometime.",
            )
        else:
            raise ArmError(
                409, "Conflict", f"Another operation ({running.verb}) is in progress on {entry.body['id']}."
            )

    @staticmethod
    def _location(path: ArmPath, given: Body, old: Entry | None) -> None:
        top = len(path.types) == 1 and path.type.lower() not in NO_LOCATION
        if top and not given.get("location"):
            if old is None:
                raise bad_request(
                    "The location property is required for this definition.", "LocationRequired"
                )
            given["location"] = old.body.get("location")

    def _scope(self, path: ArmPath) -> None:
        if path.group is not None and path.namespace.lower() == "microsoft.authorization":
            scope = path.scope.lower()
            inside, _, secret = scope.partition(
                "/secrets/"
            )  # a vault's secrets are no resources of their own
            owner = inside if secret and "/microsoft.keyvault/vaults/" in inside else scope
            if "/providers/" in scope and self.store.get(owner) is None:
                raise ArmError(404, "ResourceNotFound", f"The scope '{path.scope}' was not found.")

    def _references(self, path: ArmPath, body: Body) -> None:
        if path.namespace.lower() not in ("microsoft.network", "microsoft.compute"):
            return
        own = path.key
        for reference in references(body["properties"]):
            lower = reference.lower()
            if lower.startswith(own) or "/providers/microsoft.network/" not in lower:
                continue
            if "/networkinterfaces/" in lower:  # comes with its private endpoint
                continue
            head, _, tail = lower.partition("/providers/microsoft.network/")
            parts = tail.split("/")
            base = self.store.get(f"{head}/providers/microsoft.network/{'/'.join(parts[:2])}")
            inside = {
                str(i.get("name")).lower()
                for name, items in ((base.body["properties"] if base else {}).items())
                if len(parts) > 2 and name.lower() == parts[2] and isinstance(items, list)
                for i in items
            }
            if base is None or (len(parts) > 3 and parts[3] not in inside):
                raise bad_request(
                    f"Resource {reference} referenced by resource {body['id']} was not found. Please make sure that "
                    "the referenced resource exists, and that both resources are in the same region.",
                    "InvalidResourceReference",
                )

    _HELD = frozenset({
        "microsoft.network/publicipaddresses", "microsoft.network/virtualnetworks",
        "microsoft.network/networksecuritygroups", "microsoft.web/serverfarms",
    })  # fmt: skip

    def _in_use(self, entry: Entry) -> None:
        if entry.type not in self._HELD:
            return
        own = entry.path.key
        for key, other in self.store.entries.items():
            if key != own and not key.startswith(own + "/") and f'"{own}' in json.dumps(other.body).lower():
                raise ArmError(
                    400,
                    "InUseResourceCannotBeDeleted",
                    f"{entry.body['id']} is in use by {other.body['id']} and cannot be deleted.",
                )


def merge(target: Any, change: Any) -> Any:
    """JSON merge patch (RFC 7396)."""
    if not isinstance(change, dict):
        return change
    result = target if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result
