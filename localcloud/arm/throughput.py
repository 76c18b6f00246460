"""Cosmos DB throughput: the settings that GET shows, the floor, the instant maximum, the limit of changes a minute.

Sources: Azure Cosmos DB service quotas (floor MAX(400, highest/100) for manual, MAX(1000, highest/10) for
autoscale, a tenth of the maximum always on); the ThroughputSettings reference (minimum and maximum are strings).
"""

from __future__ import annotations

import time
from typing import Any

from localcloud.arm.defaults.common import Body, guid
from localcloud.arm.errors import ArmError, bad_request
from localcloud.arm.ids import ArmPath

INSTANT_MAXIMUM = 10_000
"""RU/s up to which a container with one physical partition scales without a split."""
SOFT_MAXIMUM = 1_000_000
CHANGES_A_MINUTE = 5
_TYPE = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/throughputSettings"


def floor(highest: int, autoscale: bool) -> int:
    """The least RU/s that the container may have, given the highest it ever had (storage not modelled)."""
    if autoscale:
        return max(1000, -(-highest // 10 // 1000) * 1000)
    return max(400, -(-highest // 100 // 100) * 100)


def settings(path: ArmPath, value: int, autoscale: bool, highest: int) -> Body:
    """The body of ``throughputSettings/default``. `_highest` is ours and never shown."""
    resource: Body = {
        "throughput": value // 10 if autoscale else value,
        "minimumThroughput": str(floor(highest, autoscale)),
        "instantMaximumThroughput": str(INSTANT_MAXIMUM),
        "softAllowedMaximumThroughput": str(SOFT_MAXIMUM),
        "_rid": "k7Fp", "_ts": int(time.time()), "_etag": f'"{guid()}"', "_self": "offers/k7Fp/",
    }  # fmt: skip
    if autoscale:
        resource["autoscaleSettings"] = {"maxThroughput": value}
    return {
        "id": path.text,
        "name": "default",
        "type": _TYPE,
        "properties": {"resource": resource},
        "_highest": highest,
    }


def asked(resource: Body) -> tuple[int, bool]:
    """(RU/s, whether autoscale) of a request. Raises 400 when it is neither or both, or no multiple of 100."""
    manual, scaled = (
        resource.get("throughput"),
        (resource.get("autoscaleSettings") or {}).get("maxThroughput"),
    )
    if (manual is None) == (scaled is None):
        raise bad_request("Either throughput or autoscaleSettings is required, but not both.")
    value: Any = manual if scaled is None else scaled
    step = 100 if scaled is None else 1000
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value % step or value <= 0:
        raise bad_request(
            f"The offer should have a throughput in multiples of {step} RU/s; '{value}' is not."
        )
    return value, scaled is not None


def first_throughput(container: ArmPath, given: Body) -> tuple[ArmPath, Body]:
    """The settings that a new container gets: what its options ask for, else 400 RU/s manual."""
    options = (given.get("properties") or {}).get("options") or {}
    wanted = {k: options[k] for k in ("throughput", "autoscaleSettings") if options.get(k)}
    value, autoscale = asked(wanted) if wanted else (400, False)
    if value < floor(value, autoscale):
        raise bad_request(f"The throughput {value} is below the minimum of {floor(value, autoscale)} RU/s.")
    path = container.child("throughputSettings", "default")
    return path, settings(path, value, autoscale, value)


def change(path: ArmPath, old: Body, given: Body) -> Body:
    """The settings after a PUT. Raises 400 below the floor, above the maximum, or for another kind."""
    current = old["properties"]["resource"]
    value, autoscale = asked((given.get("properties") or {}).get("resource") or {})
    if autoscale != ("autoscaleSettings" in current):
        raise bad_request(
            "Manual and autoscale throughput cannot be exchanged by an update; use the migrate action."
        )
    least = int(current["minimumThroughput"])
    if value < least:
        raise bad_request(
            f"The offer throughput {value} is below the minimum of {least} RU/s for this container."
        )
    if value > SOFT_MAXIMUM:
        raise bad_request(f"The offer throughput {value} is above the maximum of {SOFT_MAXIMUM} RU/s.")
    return settings(path, value, autoscale, max(int(old["_highest"]), value))


class Limit:
    """At most five changes a (simulated) minute for each container."""

    def __init__(self, scale: float) -> None:
        self._window = 60.0 / scale
        self._seen: dict[str, list[float]] = {}

    def take(self, key: str) -> None:
        """Count one change. Raises 429 with Retry-After in simulated seconds, as Azure would send it."""
        now = time.monotonic()
        recent = [t for t in self._seen.get(key, []) if now - t < self._window]
        if len(recent) >= CHANGES_A_MINUTE:
            raise ArmError(
                429,
                "TooManyRequests",
                f"More than {CHANGES_A_MINUTE} throughput changes in a minute.",
                {"Retry-After": "60"},
            )
        self._seen[key] = [*recent, now]
