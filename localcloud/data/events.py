"""The local Event Grid: filters, delivers to functions, retries as the subscription says, dead-letters to a blob."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

import orjson

from localcloud.data import event_rules as rules
from localcloud.data.blob_door import BlobChange
from localcloud.data.storage import Storage
from localcloud.data.topology import Subscription, Topology, parts
from localcloud.durations import Clock
from recovery.model import Json

KEPT = 2000


class DeliveryError(Exception):
    """The destination did not take the event. outcome: Event Grid's word for it (`lastDeliveryOutcome`)."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass
class Delivery:
    """What became of one event at one subscription.

    state: filtered (dropped by the filter, for good), trying, delivered, dead-lettered, or dropped (given up
    without a dead-letter destination).
    """

    event_id: str
    subject: str
    event_type: str
    subscription: str
    state: str = "trying"
    attempts: int = 0
    last_error: str = ""
    dead_letter: str = ""


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class EventGrid:
    """Delivers storage events.

    call: (site, function, event) runs a function or raises DeliveryError. scale: simulated seconds a real second.
    """

    def __init__(
        self,
        topology: Topology,
        storage: Storage,
        endpoint: Callable[[str], str],
        call: Callable[[str, str, Mapping[str, Json]], Awaitable[None]],
        scale: float,
    ) -> None:
        self._topology = topology
        self._storage = storage
        self._endpoint = endpoint
        self._call = call
        self._scale = scale
        self._sequence = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)

    async def blob_changed(self, change: BlobChange) -> None:
        """Publish a storage event; returns before it is delivered."""
        account_id = self._topology.storage_account(change.account)
        if account_id is None:
            return
        subscriptions = self._topology.subscriptions(account_id)
        if not subscriptions:
            return
        length = change.length
        if length is None and not change.deleted:
            length = await self._storage.length(change.account, change.container, change.blob)
        event = rules.blob_event(
            account_id=account_id, endpoint=self._endpoint(change.account), container=change.container,
            blob=change.blob, quoted=change.quoted, deleted=change.deleted, api=change.api, event_id=str(uuid.uuid4()),
            when=_now(), etag=change.etag, content_type=change.content_type, length=length or 0,
            blob_type=change.blob_type, request_id=change.request_id, client_request_id=change.client_request_id,
            sequencer=next(self._sequence),
        )  # fmt: skip
        for subscription in subscriptions:
            self.publish(subscription, event)

    def publish(self, subscription: Subscription, event: Mapping[str, Json]) -> Delivery:
        """Give one event to one subscription."""
        delivery = Delivery(event["id"], event["subject"], event["eventType"], subscription.name)
        self.deliveries.append(delivery)
        if not rules.wants(subscription.properties.get("filter") or {}, event):
            delivery.state = "filtered"
            return delivery
        task = asyncio.create_task(self._deliver(subscription, event, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return delivery

    async def _deliver(
        self, subscription: Subscription, event: Mapping[str, Json], delivery: Delivery
    ) -> None:
        policy = subscription.properties.get("retryPolicy") or {}
        begun = time.monotonic()
        published = _now()
        await Clock(self._scale).sleep("event delivery")
        while True:
            delivery.attempts += 1
            tried = _now()
            try:
                await self._once(subscription, event)
            except DeliveryError as failure:
                delivery.last_error = f"{failure.outcome}: {failure}"
                waited = (time.monotonic() - begun) * self._scale
                delay = rules.next_delay(policy, delivery.attempts, waited)
                if delay is None:
                    reason = rules.gave_up_because(policy, delivery.attempts)
                    letter = {
                        **event, "deadLetterReason": reason, "deliveryAttempts": delivery.attempts,
                        "lastDeliveryOutcome": failure.outcome, "publishTime": published,
                        "lastDeliveryAttemptTime": tried,
                    }  # fmt: skip
                    await self._bury(subscription, letter, delivery)
                    return
                await asyncio.sleep(delay / self._scale)
            else:
                delivery.state = "delivered"
                return

    async def _once(self, subscription: Subscription, event: Mapping[str, Json]) -> None:
        properties = subscription.properties
        destination = (
            properties.get("destination")
            or (properties.get("deliveryWithResourceIdentity") or {}).get("destination")
            or {}
        )
        if destination.get("endpointType") != "AzureFunction":
            raise DeliveryError(
                "NotSupported", f"no local endpoint of type {destination.get('endpointType')!r}"
            )
        named = parts(str((destination.get("properties") or {}).get("resourceId", "")))
        await self._call(named.get("sites", ""), named.get("functions", ""), event)

    async def _bury(self, subscription: Subscription, letter: Mapping[str, Json], delivery: Delivery) -> None:
        properties = subscription.properties
        destination = (
            properties.get("deadLetterDestination")
            or (properties.get("deadLetterWithResourceIdentity") or {}).get("deadLetterDestination")
            or {}
        )
        settings = destination.get("properties") or {}
        account = parts(str(settings.get("resourceId", ""))).get("storageaccounts")
        container = settings.get("blobContainerName")
        if not account or not container:
            delivery.state = "dropped"
            return
        await asyncio.sleep(rules.DEAD_LETTER_DELAY_SECONDS / self._scale)
        name = rules.dead_letter_name(subscription.name, datetime.now(UTC), str(uuid.uuid4()))
        try:
            await self._storage.write(account, container, name, orjson.dumps([letter]), "application/json")
        except Exception as error:  # noqa: BLE001 - Event Grid drops a letter that cannot be stored; say so
            delivery.state, delivery.last_error = "dropped", f"dead letter not stored: {error}"
            return
        delivery.state, delivery.dead_letter = "dead-lettered", f"{account}/{container}/{name}"

    async def stop(self) -> None:
        """Forget what is still being tried."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
