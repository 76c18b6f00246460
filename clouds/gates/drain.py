"""DrainGate: has traffic left the gateway? Resolvers, the gateway's own request count, and the servers'
number say so.

The empty last delta of the reverse sync (BACK-2) is the fourth witness and comes with the sync.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from clouds.azure import metrics
from clouds.azure.arm import ArmError
from clouds.dns_resolvers import ask_all
from clouds.gates.edge import read_gateway
from clouds.gates.world import World, version, wait_for
from recovery.errors import Stopped
from recovery.gates import DRAINED, NameSeen, Seen, drain_verdict, still_wanted
from recovery.model import Json

KIND = "DrainGate"
TIMEOUT_SECONDS = 1800.0
QUIET_SECONDS = 60.0
METRIC = "TotalRequests"


def _capacity(props: Mapping[str, Json], world: World) -> tuple[int | None, str]:
    try:
        body = world.arm.get(str(props.get("scaleSetId", "")), version("compute:VirtualMachineScaleSet"))
        return int(body["sku"]["capacity"]), ""
    except ArmError as error:
        return (0, "") if error.missing else (None, f"the scale set: {error}")
    except (KeyError, TypeError, ValueError):
        return None, "the scale set's body holds no capacity"


def _requests(props: Mapping[str, Json], world: World, quiet: float) -> tuple[int | None, str]:
    """The gateway's count over the quiet period, reaching back by the metric's own lag.

    A request of the last moments may not be counted yet; but the whole quiet period before the lag is, and
    the resolvers speak for the moment itself.
    """
    end = world.now()
    start = end - world.real(quiet + metrics.INGESTION_LAG_SECONDS)
    try:
        return metrics.total(world.arm, str(props.get("gatewayId", "")), METRIC, start, end), ""
    except ArmError as error:
        return (0, "") if error.missing else (None, f"the gateway's metric: {error}")
    except ValueError as error:
        return None, f"the gateway's metric: {error}"


def _look(props: Mapping[str, Json], world: World) -> Seen:
    names = [str(n) for n in props.get("names") or []]
    quiet = float(props.get("quietSeconds", QUIET_SECONDS))
    with ThreadPoolExecutor(4, thread_name_prefix="drain") as pool:
        capacity = pool.submit(_capacity, props, world)
        gateway = pool.submit(read_gateway, world.arm, str(props.get("gatewayPublicIpId", "")))
        requests = pool.submit(_requests, props, world, quiet)
        answers = pool.submit(ask_all, names, "A", world.endpoints.resolvers, world.stretch)
        how_many, why_capacity = capacity.result()
        found, why_gateway = gateway.result()
        count, why_count = requests.result()
        seen = [
            NameSeen(a.resolver, a.name, a.values if a.known else None, a.reason) for a in answers.result()
        ]
    address = None if found is None else found.address
    why = "; ".join(w for w in (why_capacity, why_gateway, why_count) if w)
    return drain_verdict(how_many, address, names, seen, count, quiet, why)


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: drained / serving / unknown."""
    seen = _look(props, world)
    return {"observed": seen.observed, "detail": seen.detail}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """A gate that wants nothing never differs."""
    return still_wanted(old, new, DRAINED)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Wait until nobody is sent here and nobody comes; Stopped with the last figures when the limit is
    over."""
    limit = float(props.get("timeoutSeconds", TIMEOUT_SECONDS))
    seen, waited = wait_for(world, KIND, DRAINED, limit, lambda: _look(props, world))
    if seen.observed != DRAINED:
        raise Stopped(
            f"after {waited:.0f} s traffic has not been seen to leave ({seen.observed}): {seen.detail}",
            "servers taken away now would be taken away from people; capacity and throughput were left alone",
            "dr status    (caches may hold an old answer for its whole TTL; then run the same command again)",
            retry=True,
        )
    return {"observed": seen.observed}
