"""What ARM says about the data plane: the bodies that matter to it, and the questions it asks of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from recovery.model import Json

DEFAULT_RU = 400
SERVERLESS_RU = (
    5000  # serverless containers have no setting of their own; one physical partition serves this much
)


def parts(resource_id: str) -> dict[str, str]:
    """Type segment (lower case) -> name, of an ARM id: ``{"storageaccounts": "stdemayuploads", ...}``."""
    segments = [s for s in resource_id.split("/") if s]
    found: dict[str, str] = {}
    i = 0
    while i + 1 < len(segments):
        found[segments[i].lower()] = segments[i + 1]
        if segments[i].lower() == "providers":
            found["providers"] = segments[i + 1].lower()
        i += 2
    return found


def arm_type(resource_id: str) -> str:
    """``microsoft.storage/storageaccounts/blobservices/containers`` for a container's id, lower case."""
    tail = resource_id.lower().rpartition("/providers/")[2]
    segments = [s for s in tail.split("/") if s]
    return "/".join([segments[0], *segments[1::2]]) if segments else ""


@dataclass(frozen=True)
class Subscription:
    """One Event Grid subscription of a storage account's system topic."""

    id: str
    name: str
    topic_source: str
    properties: Mapping[str, Json]


@dataclass
class Topology:
    """The ARM bodies seen on the bus, by lower-case id."""

    bodies: dict[str, Mapping[str, Json]] = field(default_factory=dict)

    def see(self, resource_id: str, body: Mapping[str, Json] | None) -> None:
        """Remember a body, or forget it (None)."""
        if body is None:
            self.bodies.pop(resource_id.lower(), None)
        else:
            self.bodies[resource_id.lower()] = body

    def of_type(self, wanted: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
        """(id, body) of every resource of an ARM type given in lower case."""
        return ((i, b) for i, b in list(self.bodies.items()) if arm_type(i) == wanted)

    def storage_account(self, name: str) -> str | None:
        """The ARM id of the storage account, or None when ARM has none of that name."""
        for resource_id, body in self.of_type("microsoft.storage/storageaccounts"):
            if parts(resource_id)["storageaccounts"] == name.lower():
                return str(body.get("id") or resource_id)
        return None

    def immutable(self, account: str, container: str) -> bool:
        """Whether a container's blobs are held by an immutability policy."""
        tail = f"/storageaccounts/{account}/blobservices/default/containers/{container}/immutabilitypolicies/default"
        return any(resource_id.endswith(tail.lower()) for resource_id in self.bodies)

    def subscriptions(self, account_id: str) -> list[Subscription]:
        """Event subscriptions of the system topics whose source is this storage account."""
        topics = {
            i: str((b.get("properties") or {}).get("source", ""))
            for i, b in self.of_type("microsoft.eventgrid/systemtopics")
        }
        return [
            Subscription(
                i, str(b.get("name") or i.rpartition("/")[2]), topics[topic], b.get("properties") or {}
            )
            for i, b in self.of_type("microsoft.eventgrid/systemtopics/eventsubscriptions")
            for topic in [i.rpartition("/eventsubscriptions/")[0]]
            if topics.get(topic, "").lower() == account_id.lower()
        ]

    def throughput(self, account: str, database: str, container: str) -> int:
        """RU/s of a container: its throughputSettings, else its own or its database's creation options, else 400."""
        base = f"/databaseaccounts/{account}/sqldatabases/{database}".lower()
        for suffix in (f"{base}/containers/{container.lower()}", base):
            for ending in ("/throughputsettings/default", ""):
                for resource_id, body in list(self.bodies.items()):
                    if resource_id.endswith(suffix + ending):
                        found = _ru(body)
                        if found:
                            return found
        for resource_id, body in self.of_type("microsoft.documentdb/databaseaccounts"):
            names = {c.get("name") for c in (body.get("properties") or {}).get("capabilities") or []}
            if resource_id.endswith(f"/{account.lower()}") and "EnableServerless" in names:
                return SERVERLESS_RU
        return DEFAULT_RU


def _ru(body: Mapping[str, Json]) -> int | None:
    properties = body.get("properties") or {}
    for values in (properties.get("resource") or {}, properties.get("options") or {}):
        auto = values.get("autoscaleSettings") or {}
        for value in (auto.get("maxThroughput"), values.get("throughput")):
            if value:
                return int(value)
    return None
