"""CosmosThroughput: the container's RU/s, through `throughputSettings/default` (azure-native has no resource
for it).

Source of the limits: recovery/gates.py; of the wire form: Microsoft.DocumentDB 2025-10-15,
sqlDatabases/containers/ throughputSettings.
"""

from __future__ import annotations

from collections.abc import Mapping

from clouds.azure.arm import ArmError
from clouds.gates.world import POLL_SECONDS, World, version
from recovery.errors import Failed, Stopped
from recovery.gates import UNKNOWN, Throughput, check_throughput, parse_throughput
from recovery.model import Json

KIND = "CosmosThroughput"
SETTLE_SECONDS = 600.0
"""Simulated seconds for a changed value to be read back; an instant change takes seconds."""


def _id(props: Mapping[str, Json]) -> str:
    return f"{props.get('containerId', '')}/throughputSettings/default"


def _now(props: Mapping[str, Json], world: World) -> Throughput:
    return parse_throughput(world.arm.get(_id(props), version("cosmosdb:SqlResourceSqlContainer")))


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: RU/s now; observedKind: manual or autoscale."""
    try:
        now = _now(props, world)
    except (ArmError, ValueError) as error:
        return {"observed": UNKNOWN, "detail": str(error)}
    return {"observed": now.throughput, "observedKind": now.kind}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """By value and by kind: 4000 RU/s of autoscale are not 4000 manual ones."""
    try:
        same = int(old.get("observed", "")) == int(new.get("throughput", -1))
    except (TypeError, ValueError):  # "unknown": only applying can tell
        return True
    kind = new.get("throughputKind", "manual")
    return not same or old.get("observedKind", kind) != kind


def _asked(props: Mapping[str, Json], world: World, body: dict[str, Json], what: str) -> bool:
    """Ask for the change. False: one is under way, which may be ours (its answer was lost): the caller looks for it.

    Raises Failed when the service refuses.
    """
    try:
        world.arm.put(_id(props), body, version("cosmosdb:SqlResourceSqlContainer"))
    except ArmError as error:
        if error.unfinished:
            return True
        if error.status in (409, 412):  # Cosmos DB says 412: "requires exclusive lock on this service"
            return False
        world.log.write(KIND, "refused", str(error))
        raise Failed(
            f"{what} was refused: {error}",
            "the database would throttle the whole traffic (or cost ten times as much) at the old value",
            "run the same command again; at most 5 throughput changes a minute are allowed",
            retry=True,
        ) from error
    return True


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Set it when the limits allow, then read until it has arrived."""
    want, kind = int(props.get("throughput", 0)), str(props.get("throughputKind", "manual"))
    try:
        now = _now(props, world)
    except (ArmError, ValueError) as error:
        raise Stopped(
            f"the container's throughput cannot be read: {error}",
            f"without floor and instant maximum nobody can say whether {want} RU/s can be had",
            "dr status    (then run the same command again)",
            retry=True,
        ) from error
    world.log.write(KIND, "observed", f"{now.throughput} RU/s {now.kind}", want=want)
    if now.throughput == want and now.kind == kind:
        world.log.write(KIND, "passed", f"already {want} RU/s")
        return {"observed": want, "observedKind": kind}
    try:
        check_throughput(now, want, kind, slow_allowed=bool(props.get("allowSlowScale", False)))
    except Exception as refusal:
        world.log.write(KIND, "refused", str(refusal))
        raise
    resource: dict[str, Json] = (
        {"throughput": want} if kind == "manual" else {"autoscaleSettings": {"maxThroughput": want}}
    )
    started = world.clock()
    if not _asked(props, world, {"properties": {"resource": resource}}, f"{now.throughput} -> {want} RU/s"):
        world.log.write(KIND, "waiting", "another change of the throughput is under way, perhaps our own")
    deadline = world.clock() + world.limit(SETTLE_SECONDS)
    while True:
        seen = observe(props, world)
        waited = round(world.clock() - started, 3)
        if seen.get("observed") == want and seen.get("observedKind") == kind:
            world.log.write(KIND, "passed", f"{now.throughput} -> {want} RU/s", waited=waited)
            return seen
        if world.clock() >= deadline:
            world.log.write(KIND, "refused", seen, waited=waited)
            raise Stopped(
                f"{want} RU/s were asked for, but after {waited:.0f} s the container "
                f"says {seen.get('observed')}",
                "what follows would run on a throughput that nobody has seen",
                "dr status    (then run the same command again)",
                retry=True,
            )
        world.log.write(KIND, "waiting", seen, waited=waited)
        world.pause(POLL_SECONDS)
