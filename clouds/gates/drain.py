"""DrainGate: has traffic left the gateway, and everything that came with it? Resolvers, the gateway's own request count,
and the servers' number say the first. In a contingency the journal says the second: the last delta of the reverse sync
is empty, which is so when nobody has come since the proven runs began (BACK-2, BACK-5).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from clouds.azure import metrics
from clouds.azure.arm import ArmError
from clouds.dns_resolvers import ask_all
from clouds.gates import journal
from clouds.gates.edge import read_gateway
from clouds.gates.world import World, version, wait_for
from recovery.errors import DrError, Stopped
from recovery.gates import DRAINED, UNKNOWN, UNRETURNED, NameSeen, Seen, drain_verdict, still_wanted
from recovery.model import Json
from recovery.sync.returned import left_over, not_yet

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


def _quiet_since(world: World, quiet: float) -> float:
    """Where the quiet period begins, reaching back by the metric's own lag.

    A request of the last moments may not be counted yet; but the whole quiet period before the lag is, and
    the resolvers speak for the moment itself.
    """
    return world.now() - world.real(quiet + metrics.INGESTION_LAG_SECONDS)


def _requests(props: Mapping[str, Json], world: World, start: float) -> tuple[int | None, str]:
    """The gateway's count from `start` (Unix seconds) until now."""
    end = world.now()
    try:
        return metrics.total(world.arm, str(props.get("gatewayId", "")), METRIC, start, end), ""
    except ArmError as error:
        return (0, "") if error.missing else (None, f"the gateway's metric: {error}")
    except ValueError as error:
        return None, f"the gateway's metric: {error}"


def _traffic(props: Mapping[str, Json], world: World) -> tuple[Seen, int | None]:
    """Has traffic left? And the scale set's capacity."""
    names = [str(n) for n in props.get("names") or []]
    quiet = float(props.get("quietSeconds", QUIET_SECONDS))
    with ThreadPoolExecutor(4, thread_name_prefix="drain") as pool:
        capacity = pool.submit(_capacity, props, world)
        gateway = pool.submit(read_gateway, world.arm, str(props.get("gatewayPublicIpId", "")))
        requests = pool.submit(_requests, props, world, _quiet_since(world, quiet))
        answers = pool.submit(ask_all, names, "A", world.endpoints.resolvers, world.stretch)
        how_many, why_capacity = capacity.result()
        found, why_gateway = gateway.result()
        count, why_count = requests.result()
        seen = [
            NameSeen(a.resolver, a.name, a.values if a.known else None, a.reason) for a in answers.result()
        ]
    address = None if found is None else found.address
    why = "; ".join(w for w in (why_capacity, why_gateway, why_count) if w)
    return drain_verdict(how_many, address, names, seen, count, quiet, why), how_many


def _look(props: Mapping[str, Json], world: World) -> Seen:
    """Traffic first. Has it left servers that still stand, the journal is asked whether its writes have left with it."""
    seen, capacity = _traffic(props, world)
    if seen.observed != DRAINED or capacity == 0:
        return seen
    try:
        returned = journal.ask(props, world, left=True)
    except (ArmError, DrError) as error:
        return Seen(UNKNOWN, f"the journal cannot be read, so it is not known what is in AWS: {error}")
    problems = list(returned.problems)
    if returned.contingency and not problems and returned.since is not None:
        problems = left_over(returned.since, _requests(props, world, returned.since)[0])
    return Seen(UNRETURNED, "; ".join(problems)) if problems else seen


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: drained / serving / unreturned (nobody comes any more, but what was written is not proven to be in AWS) /
    unknown."""
    seen = _look(props, world)
    return {"observed": seen.observed, "detail": seen.detail}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """A gate that wants nothing never differs."""
    return still_wanted(old, new, DRAINED)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Wait until nobody is sent here and nobody comes; Stopped with the last figures when the limit is over, and at once
    when traffic has left before its writes are proven to be in AWS: waiting brings nothing back."""
    limit = float(props.get("timeoutSeconds", TIMEOUT_SECONDS))
    seen, waited = wait_for(world, KIND, DRAINED, limit, lambda: _look(props, world), never=UNRETURNED)
    if seen.observed == UNRETURNED:
        raise not_yet([seen.detail])
    if seen.observed != DRAINED:
        raise Stopped(
            f"after {waited:.0f} s traffic has not been seen to leave ({seen.observed}): {seen.detail}",
            "servers taken away now would be taken away from people; capacity and throughput were left alone",
            "dr status    (caches may hold an old answer for its whole TTL; then run the same command again)",
            retry=True,
        )
    return {"observed": seen.observed}
