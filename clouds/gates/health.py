"""HealthGate: are the API's servers and the site healthy behind the gateway, by the gateway's own probes?
(ACT-3)"""

from __future__ import annotations

from collections.abc import Mapping

from clouds.azure.arm import ArmError
from clouds.gates.world import World, unknown, version, wait_for
from recovery.errors import Stopped
from recovery.gates import HEALTHY, Seen, health_verdict, still_wanted
from recovery.model import Json

KIND = "HealthGate"
TIMEOUT_SECONDS = 900.0


def _look(props: Mapping[str, Json], world: World) -> Seen:
    try:
        # An action that only reads: repeating it after a lost answer is harmless.
        body = world.arm.post(
            f"{props.get('gatewayId', '')}/backendhealth",
            None,
            version("network:ApplicationGateway"),
            idempotent=True,
        )
    except ArmError as error:
        return unknown(error)
    return health_verdict(
        body, str(props.get("apiPool", "")), str(props.get("sitePool", "")), int(props.get("instances", 0))
    )


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: healthy / unhealthy / unknown."""
    seen = _look(props, world)
    return {"observed": seen.observed, "detail": seen.detail}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """A gate that wants nothing never differs."""
    return still_wanted(old, new, HEALTHY)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Wait until healthy; Stopped with the figures of each server when the limit is over."""
    limit = float(props.get("timeoutSeconds", TIMEOUT_SECONDS))
    seen, waited = wait_for(world, KIND, HEALTHY, limit, lambda: _look(props, world))
    if seen.observed != HEALTHY:
        raise Stopped(
            f"after {waited:.0f} s the gateway's backends are {seen.observed}: {seen.detail}",
            "traffic sent here now would meet errors; the records were not moved",
            "dr status    (mend the servers named above, then run the same command again)",
            retry=True,
        )
    return {"observed": seen.observed}
