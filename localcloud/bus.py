"""The local cloud's nervous system: the ARM store publishes what changed, the effects make it real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from recovery.model import Json

Body = Mapping[str, Json]


@dataclass(frozen=True)
class ResourceChanged:
    """A resource in the ARM store was created (`old` None), changed or deleted (`new` None).

    id: ARM id as stored. old, new: full ARM bodies as the store keeps them (write-only values included: they
    never leave the process). For an Application Gateway the event comes at the end of its operation, for all
    others when the change is accepted.
    """

    id: str
    old: Body | None
    new: Body | None

    @property
    def arm_type(self) -> str:
        """The type in lower case, ``microsoft.storage/storageaccounts/blobservices/containers``."""
        namespace, *rest = self.id.lower().rpartition("/providers/")[2].split("/")
        return "/".join((namespace, *rest[0::2]))


Subscriber = Callable[[ResourceChanged], Awaitable[None]]


class Bus:
    """Hands every event to every subscriber, in order; `publish` returns when all have acted.

    So a PUT can be answered when its effect is there. One subscriber's failure does not keep the event from
    the others; it is raised to the publisher afterwards (several as an ExceptionGroup).
    """

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self.lookup: Callable[[str], Body | None] = lambda _id: None
        """The full body of a resource by id, any case; None when absent. Set by the store."""
        self.bodies: Callable[[str], list[Body]] = lambda _type: []
        """The full bodies of all resources of an ARM type, any case. Set by the store."""

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` for every later event."""
        self._subscribers.append(subscriber)

    async def publish(self, event: ResourceChanged) -> None:
        """Tell every subscriber and wait for all of them."""
        errors: list[Exception] = []
        for subscriber in list(self._subscribers):
            try:
                await subscriber(event)
            except Exception as error:  # noqa: BLE001  collected and raised below: the others must still hear of it
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup(f"{event.id}: {len(errors)} effects failed", errors)
