"""What a gate concludes from what was seen. Pure: bodies and answers in, verdict (or the refusal) out.

Unknown is never a pass (habit 4), and an empty set of backends is not a healthy one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recovery.errors import BadInput, Stopped
from recovery.model import Json
from recovery.traffic import Gateway, RecordView, Side, traffic_side

HEALTHY, UNHEALTHY, UNKNOWN = "healthy", "unhealthy", "unknown"
CLEAR, ON_AZURE = "clear", "on-azure"
DRAINED, SERVING, UNRETURNED = "drained", "serving", "unreturned"
FORWARD, FENCED = "forward", "fenced"

RESOLVERS_NEEDED = 3
"""ACT-4 / BACK-4: at least three independent resolvers have to say so."""

MANUAL_MINIMUM = 400
AUTOSCALE_MINIMUM = 1000


@dataclass(frozen=True)
class Seen:
    """A gate's observation: its verdict, and the figures a person needs to believe it."""

    observed: str
    detail: str = ""


def still_wanted(old: Mapping[str, Json], new: Mapping[str, Json], default: str) -> bool:
    """Does a gate have anything to wait for? What was observed last against what is wanted now; "any" wants nothing.

    default: what the gate wants where an old checkpoint does not say. Unknown differs from every wish.
    """
    want = new.get("want", default)
    return bool(want != "any" and old.get("observed") != want)


@dataclass(frozen=True)
class Throughput:
    """What `throughputSettings/default` says now, in RU/s. kind: "manual" or "autoscale".

    floor: the smallest value the service accepts now (None: not told). instant_max: the largest value reached
    at once (None: not told); above it the service splits partitions, which takes 4-6 hours.
    """

    throughput: int
    kind: str
    floor: int | None = None
    instant_max: int | None = None


def parse_throughput(body: Mapping[str, Json]) -> Throughput:
    """From the ARM body. Raises ValueError when it holds no throughput.

    For an autoscale container `throughput` stands beside `autoscaleSettings` and is not what was asked for
    (Azure/arm-template-whatif#174, #188). The limits come as strings.
    """
    resource = (body.get("properties") or {}).get("resource") or {}
    floor, instant = resource.get("minimumThroughput"), resource.get("instantMaximumThroughput")
    limits = (None if floor in (None, "") else int(floor), None if instant in (None, "") else int(instant))
    autoscale = resource.get("autoscaleSettings") or {}
    if autoscale.get("maxThroughput"):
        return Throughput(int(autoscale["maxThroughput"]), "autoscale", *limits)
    if resource.get("throughput") is None:
        raise ValueError("the answer holds no throughput")
    return Throughput(int(resource["throughput"]), "manual", *limits)


def throughput_floor(kind: str, storage_gb: float = 0.0, highest_ever: int = 0) -> int:
    """The documented floor in RU/s, for when the service does not tell its own.

    manual: max(400, 10 RU/s a GB, highest ever / 100); autoscale maximum: max(1000, 100 a GB, highest ever /
    10). Source: Azure Cosmos DB, "minimum throughput" limits.
    """
    if kind == "autoscale":
        return int(max(AUTOSCALE_MINIMUM, storage_gb * 100, highest_ever / 10))
    return int(max(MANUAL_MINIMUM, storage_gb * 10, highest_ever / 100))


def check_throughput(now: Throughput, want: int, kind: str, *, slow_allowed: bool = False) -> None:
    """May the container be set to `want` RU/s? Raises BadInput or Stopped, with the figures; changes
    nothing."""
    if now.kind != kind:
        raise BadInput(
            f"the container is on {now.kind} throughput ({now.throughput} RU/s), "
            f"the settings ask for {kind} ({want} RU/s)",
            "Resource Manager cannot switch between the two; a failover that tries stops half-way",
            f"set standby:cosmos throughput kind to {now.kind}, or migrate once by hand: "
            f"az cosmosdb sql container throughput migrate --throughput-type {kind} ...",
        )
    floor = now.floor if now.floor is not None else throughput_floor(kind, 0.0, now.throughput)
    if want < floor:
        raise Stopped(
            f"{want} RU/s is below the container's floor of {floor} RU/s (now {now.throughput})",
            "the floor rises with the data stored and the highest value ever set; the service would refuse",
            f"set the standby throughput to at least {floor} in Pulumi.yaml, then run the same command again",
        )
    if now.instant_max is not None and want > now.instant_max and want > now.throughput and not slow_allowed:
        raise Stopped(
            f"{want} RU/s is above the instant maximum of {now.instant_max} RU/s (now {now.throughput})",
            "above it partitions are split first, which takes 4 to 6 hours: no failover can wait for that",
            f"set the active throughput to at most {now.instant_max}, or split beforehand in a quiet week",
        )


def pool_servers(body: Mapping[str, Json], pool: str) -> list[tuple[str, str]] | None:
    """(address, health) of each server of one pool in a backendhealth answer; None when the pool is not in
    it.

    A pool stands there by its ARM id (or, when expanded, with a name); a server that several backend settings
    probe appears once a setting and counts with its worst health.
    """
    for entry in body.get("backendAddressPools") or []:
        holder = entry.get("backendAddressPool") or {}
        name = str(holder.get("name") or str(holder.get("id") or "").rsplit("/", 1)[-1])
        if name.lower() != pool.lower():
            continue
        worst: dict[str, str] = {}
        for settings in entry.get("backendHttpSettingsCollection") or []:
            for server in settings.get("servers") or []:
                address, health = str(server.get("address") or ""), str(server.get("health") or "Unknown")
                if worst.get(address, "Healthy").lower() == "healthy":
                    worst[address] = health
        return sorted(worst.items())
    return None


def health_verdict(body: Mapping[str, Json], api_pool: str, site_pool: str, instances: int) -> Seen:
    """healthy: exactly `instances` servers in the API pool, all healthy, and a healthy server in the site
    pool.

    ACT-3, VAL-1. Fewer, more, or none is unhealthy; a pool that the answer does not mention, or a server
    whose health is "Unknown" (the probe has not run), is unknown.
    """
    api, site = pool_servers(body, api_pool), pool_servers(body, site_pool)
    if api is None or site is None:
        absent = " and ".join(p for p, s in ((api_pool, api), (site_pool, site)) if s is None)
        return Seen(UNKNOWN, f"the gateway's answer does not mention the pool {absent}")

    def good(servers: list[tuple[str, str]]) -> int:
        return sum(1 for _, health in servers if health.lower() == "healthy")

    def show(name: str, servers: list[tuple[str, str]]) -> str:
        return f"{name}: {good(servers)} healthy of {len(servers)}" + (
            " (" + ", ".join(f"{a} {h}" for a, h in servers) + ")" if servers else " (empty)"
        )

    detail = f"{show(api_pool, api)}, wanted {instances}; {show(site_pool, site)}, wanted 1 or more"
    if instances > 0 and good(api) == len(api) == instances and good(site) >= 1:
        return Seen(HEALTHY, detail)
    if any(h.lower() == "unknown" for _, h in api) and all(
        h.lower() in ("healthy", "unknown") for _, h in api
    ):
        return Seen(UNKNOWN, detail)
    return Seen(UNHEALTHY, detail)


def return_verdict(records: Sequence[RecordView], gateway: Gateway | None, gateway_reason: str = "") -> Seen:
    """clear / on-azure / unknown from the zone's records. gateway None: it could not be read
    (`gateway_reason`).

    A gateway that does not exist, or has no address yet, cannot receive traffic. Split traffic is on Azure.
    """
    detail = "; ".join(map(str, records))
    if gateway is None:
        return Seen(UNKNOWN, f"the gateway's public IP: {gateway_reason}")
    if not gateway.known:
        return Seen(CLEAR, "the gateway has no public address")
    side = traffic_side(records, gateway)
    if side in (Side.AZURE, Side.SPLIT):
        return Seen(ON_AZURE, detail)
    return Seen(CLEAR if side is Side.ELSEWHERE else UNKNOWN, detail)


def return_refusal(seen: str, consecutive: int, waited: float) -> Stopped:
    """The primary does not answer while traffic is on Azure: nothing may be moved back."""
    return Stopped(
        f"the primary did not answer 200 on every address {consecutive} times running "
        f"within {waited:.0f} s: {seen}",
        "traffic is on Azure and works there; moving it to a primary that does not answer takes the site "
        "down. Nothing was changed",
        "dr rollback    (it waits for the primary, brings the data back and then moves traffic)",
    )


@dataclass(frozen=True)
class NameSeen:
    """One resolver's answer for one public name. addresses None: unknown, for `reason`."""

    resolver: str
    name: str
    addresses: tuple[str, ...] | None
    reason: str = ""


def drain_verdict(
    capacity: int | None,
    gateway_address: str | None,
    names: Sequence[str],
    answers: Sequence[NameSeen],
    requests: int | None,
    quiet_seconds: float,
    unknown: str = "",
) -> Seen:
    """drained: nothing serves any more, or nobody is sent here and nobody comes.

    capacity: the scale set's (None: unknown), 0 is drained whatever else is seen. gateway_address: None when
    unknown, "" when there is none. requests: the gateway's own count over the quiet period (None: unknown).
    Evidence of traffic outweighs what is unknown, and anything unknown outweighs silence (BACK-4, BACK-5).
    """
    if capacity == 0:
        return Seen(DRAINED, "the scale set has no instances")
    if gateway_address == "":
        return Seen(DRAINED, "the gateway has no public address")
    serving = [f"{a.name} still answers {gateway_address} at {a.resolver}"
               for a in answers if a.addresses and gateway_address in a.addresses]  # fmt: skip
    if requests:
        serving.append(f"the gateway counted {requests} request(s) in the last {quiet_seconds:.0f} s")
    if serving:
        return Seen(SERVING, "; ".join(serving))
    doubts = [f"{a.name} at {a.resolver}: {a.reason}" for a in answers if a.addresses is None]
    for name in names:
        heard = {a.resolver for a in answers if a.name == name and a.addresses is not None}
        if len(heard) < RESOLVERS_NEEDED:
            doubts.append(f"{name} was answered by fewer than {RESOLVERS_NEEDED} resolvers")
    if not names:
        doubts.append("no public names are given")
    if gateway_address is None:
        doubts.append("the gateway's address is unknown")
    if requests is None:
        doubts.append("the gateway's request count is unknown")
    if doubts:
        return Seen(UNKNOWN, "; ".join([*doubts, *([unknown] if unknown else [])]))
    return Seen(DRAINED, f"no resolver sends anyone here, and 0 requests in the last {quiet_seconds:.0f} s")
