"""Everything that speaks for who is live, gathered at the same time; what cannot be seen is unknown, with its
reason.

What to look at (zone, gateway, scale set, primary's addresses) is read from the gates' own declared
properties, so status and gates can never look at different things.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from clouds import gates
from clouds.azure.arm import ArmError
from clouds.azure.lease import footprint_blob, read_holder
from clouds.dns_resolvers import DnsAnswer, ask_all
from clouds.gates.edge import read_gateway, read_records
from clouds.gates.world import World, version
from clouds.http_probe import Question, probe_all
from recovery.arm.placeholders import references
from recovery.drift import dynamic
from recovery.errors import DrError
from recovery.model import Desired, Json
from recovery.traffic import Live, RecordView, Side, answer_side, record_side, traffic_side, who_is_live

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Item:
    """One piece of evidence. says: what it means in a word ("unknown" when it could not be had). seen: the
    figures."""

    what: str
    says: str
    seen: str


@dataclass
class Evidence:
    """All of it. live: the conclusion. lock: who holds the footprint ("" nobody)."""

    live: Live
    items: list[Item] = field(default_factory=list)
    lock: str = ""

    def to_json(self) -> dict[str, Json]:
        """For `dr status --format json`."""
        return {"live": str(self.live), "evidence": [asdict(i) for i in self.items], "lock": self.lock}


def gather(wanted: Sequence[Desired], world: World) -> Evidence:
    """Look at everything. Never raises for what a cloud or a resolver does; takes a few seconds at most."""
    props = {kind: d.inputs for d in wanted if (kind := dynamic.kind(d.type)) is not None}
    by_name = {str(d.options.get("name")): d for d in wanted}
    back, drain = props.get("ReturnGate", {}), props.get("DrainGate", {})
    names = [str(n) for n in drain.get("names") or []]
    primary = [str(a) for a in back.get("primaryAddresses") or []]
    with ThreadPoolExecutor(8, thread_name_prefix="status") as pool:
        records = pool.submit(read_records, world.arm, str(back.get("zoneId", "")), back.get("records") or [])
        gateway = pool.submit(read_gateway, world.arm, str(back.get("gatewayPublicIpId", "")))
        resolved = pool.submit(ask_all, names, "A", world.endpoints.resolvers)
        authority = world.endpoints.authority
        told = pool.submit(ask_all, names, "A", [authority] if authority else [])
        answers = pool.submit(probe_all, _questions(back, primary), world.endpoints)
        capacity = pool.submit(_capacity, world, str(drain.get("scaleSetId", "")))

        def look(kind: str) -> dict[str, Json]:
            asked = dict(props[kind])
            if kind == "HealthGate" and capacity.result().says.isdigit():
                # Healthy means every instance that there is: how many a mode wants is no evidence of health.
                asked["instances"] = int(capacity.result().says)
            return gates.read(kind, asked, stretches=(1.0,))  # someone waits, and may ask again

        looked = {kind: pool.submit(look, kind) for kind in gates.KINDS if kind in props}
        tag = pool.submit(_tag, world, by_name)
        lock = pool.submit(_lock, world, by_name)
        found, why = gateway.result()
        views = records.result()
        address = found.address if found else ""
        sites = [*primary, *_primary_names(wanted)]
        heard = [(a, _side_of(a, address, sites, found is not None)) for a in resolved.result()]
        side = traffic_side(views, found) if found is not None else Side.UNKNOWN
        items = [_record_item(v, found) for v in views]
        items += [Item(f"authority for {a.name}", str(_side_of(a, address, sites, found is not None)), str(a))
                  for a in told.result()]  # fmt: skip
        items += [Item(f"resolver {a.resolver} for {a.name}", str(s), str(a)) for a, s in heard]
        items.append(
            Item(
                "gateway address",
                UNKNOWN if found is None else "known" if address else "none",
                address or why,
            )
        )
        items += [Item(f"primary {a.question.address}", "answers" if a.ok else "does not answer", str(a))
                  for a in answers.result()]  # fmt: skip
        for kind, future in looked.items():
            seen = future.result()
            items.append(Item(kind, str(seen.get("observed")), str(seen.get("detail") or "")))
        items += [capacity.result(), tag.result()]
        item, holder = lock.result()
        items.append(item)
    return Evidence(who_is_live(side, [s for _, s in heard]), items, holder)


def _primary_names(wanted: Sequence[Desired]) -> list[str]:
    """What the traffic records lead to in mode standby: text there, a placeholder (the gateway) in mode
    active."""
    targets = [(d.inputs.get("cnameRecord") or {}).get("cname") for d in wanted
               if str(d.options.get("name", "")).endswith("-record")]  # fmt: skip
    return [str(t) for t in targets if t and not list(references(t))]


def _questions(back: Mapping[str, Json], primary: Sequence[str]) -> list[Question]:
    hosts = back.get("primaryHosts") or []
    return [Question(a, str(h.get("host", "")), str(h.get("path", "/"))) for a in primary for h in hosts]


def _side_of(answer: DnsAnswer, gateway: str, primary: Sequence[str], gateway_known: bool) -> Live:
    if not answer.known:
        return Live.UNKNOWN
    side = answer_side(answer.values, answer.chain, gateway, primary)
    # Without the gateway's address an answer that is not the primary's may well be the gateway's.
    return Live.UNKNOWN if not gateway_known and side is not Live.PRIMARY else side


def _record_item(view: RecordView, gateway: object) -> Item:
    from recovery.traffic import Gateway

    says = str(record_side(view, gateway)) if isinstance(gateway, Gateway) else UNKNOWN
    return Item(f"record {view.name} {view.rdtype}", says, str(view))


def _arm(what: str, read: Callable[[], tuple[str, str]]) -> Item:
    try:
        return Item(what, *read())
    except ArmError as error:
        return Item(what, "missing" if error.missing else UNKNOWN, "" if error.missing else str(error))
    except (KeyError, TypeError) as error:
        return Item(what, UNKNOWN, f"the body does not hold {error}")


def _capacity(world: World, scale_set_id: str) -> Item:
    def read() -> tuple[str, str]:
        body = world.arm.get(scale_set_id, version("compute:VirtualMachineScaleSet"))
        return str(int(body["sku"]["capacity"])), "instances of the scale set"

    return _arm("capacity", read)


def _tag(world: World, by_name: Mapping[str, Desired]) -> Item:
    group = next((d for d in by_name.values() if d.type == "azure-native:resources:ResourceGroup"), None)
    if group is None:
        return Item("mode tag", UNKNOWN, "the program declares no resource group")
    id = group.id

    def read() -> tuple[str, str]:
        tags = world.arm.get(id, version("resources:ResourceGroup")).get("tags") or {}
        return str(tags.get("mode") or "none"), "what the last up was for; no evidence of where traffic is"

    return _arm("mode tag", read)


def _lock(world: World, by_name: Mapping[str, Desired]) -> tuple[Item, str]:
    journal = next((d for d in by_name.values() if d.id.endswith("/containers/journal")), None)
    if journal is None:
        return Item("lock", UNKNOWN, "the program declares no journal container"), ""
    try:
        blob = footprint_blob(world.arm, journal.id, world.endpoints.storage_key)
        holder = None if blob is None else read_holder(blob)
    except DrError as error:
        return Item("lock", UNKNOWN, error.summary), ""
    if blob is None:
        return Item("lock", "none", "the journal container does not exist yet"), ""
    if holder is None:
        return Item("lock", "free", "never taken"), ""
    if holder.leased:
        return Item("lock", "held", str(holder)), str(holder)
    if holder.ended:
        return Item("lock", "free", f"last: {holder}, until {holder.ended}: {holder.outcome}"), ""
    return Item("lock", "free", f"last: {holder}, which never gave it back (dr resume)"), ""
