"""The local cloud's nervous system: the ARM store publishes what changed, the effects make it real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from recovery.model import Json

Body = Mapping[str, Json]


@dataclass(frozen=True)
class ResourceChanged:
    """A resource in the ARM store was created (`old` None), changed or deleted (`new` None).

    id: ARM id as stored. old, new: full ARM bodies as the store keeps them (write-only values included).
    """

    id: str
    old: Body | None
    new: Body | None


Subscriber = Callable[[ResourceChanged], Awaitable[None]]


class Bus:
    """Hands every event to every subscriber, in order; `publish` returns when all have acted.

    So a PUT can be answered when its effect is there. One subscriber's failure does not keep the event from
    the others; it is raised to the publisher afterwards (several as an ExceptionGroup).
    """

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` for every later event."""
        self._subscribers.append(subscriber)

    async def publish(self, event: ResourceChanged) -> None:
        """Tell every subscriber and wait for all of them."""
        errors: list[Exception] = []
        for subscriber in list(self._subscribers):
            try:
                await subscriber(event)
            except Exception as error:  # noqa: BLE001 - collected and raised below: the others must still hear of it
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup(f"{event.id}: {len(errors)} effects failed", errors)
