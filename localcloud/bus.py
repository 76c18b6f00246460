"""How the parts of the local cloud hear of each other: changes of ARM resources, and what the data plane offers back.

One process, one event loop. A publisher awaits every subscriber before it goes on, so when a PUT has been
answered its effect exists (a container can be written to, a record is on its way to the name servers).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = Any
Body = dict[str, Any]


@dataclass(frozen=True)
class ResourceChanged:
    """An ARM resource took effect in a new form.

    id: as ARM shows it. old / new: the full bodies, write-only values included (they never leave the process);
    old is None at creation, new is None at deletion. arm_type: lower case, without names
    (``microsoft.storage/storageaccounts/blobservices/containers``). For an Application Gateway the event comes
    at the end of its operation, for all others at its acceptance.
    """

    id: str
    arm_type: str
    old: Body | None
    new: Body | None


Subscriber = Callable[[ResourceChanged], Awaitable[None]]


class DataPlane(Protocol):
    """What the control plane asks of the data plane (localcloud.data)."""

    def endpoints_for(self, account: str) -> Mapping[str, str]:
        """Addresses of one account or site by name.

        Storage: blob, queue, web, ... (URLs ending in "/"); Cosmos: documentEndpoint; web site: host and scm
        (host[:port], without scheme). Missing keys keep the names that Azure would give.
        """
        ...

    def functions(self, site_id: str) -> Iterable[Mapping[str, Json]]:
        """The functions that a site's host has loaded: at least ``name``, optionally ``config`` (bindings)."""
        ...

    async def stop(self) -> None:
        """End what was started."""
        ...


@dataclass
class Bus:
    """Carries changes; gives every part the same read-only view of the store."""

    _subscribers: list[Subscriber] = field(default_factory=list)
    lookup: Callable[[str], Body | None] = lambda _id: None
    """The full body of a resource by id, any case; None when absent."""
    bodies: Callable[[str], list[Body]] = lambda _type: []
    """The full bodies of all resources of a type, any case."""

    def subscribe(self, subscriber: Subscriber) -> None:
        """Hear of every change from now on. An exception fails the request that caused the change."""
        self._subscribers.append(subscriber)

    async def publish(self, change: ResourceChanged) -> None:
        """Tell everybody, in order of subscription, and wait for them."""
        for subscriber in self._subscribers:
            await subscriber(change)
