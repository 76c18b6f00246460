"""Effects on the Azure side: the engines' ups in parts, the gates, DNS, and what the dials really say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from clouds import gates
from clouds.azure.arm import ArmError
from clouds.dns_resolvers import ask_all
from clouds.gates.edge import read_records
from clouds.gates.world import POLL_SECONDS, version
from clouds.http_probe import Question, probe_all
from clouds.runbook import drill
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen, unknown
from clouds.runbook.footprint import Footprint
from recovery.model import Json
from recovery.runbook.state import Phase
from recovery.traffic import Live, Side, answer_side, traffic_side

Up = Callable[[str, Sequence[str], Callable[[str], None]], int]
"""(stack, URN patterns left alone, say) -> number of changes; raises recovery.errors."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "records": ("**-record",),
    "filter": ("**::uploads-subscription",),
    "capacity": ("**::api", "**::cosmos-throughput", "**::gateway", "**::drain-gate"),
    "gateway": ("**::gateway",),
    "gate": ("**::health-gate",),
    **drill.GROUPS,
}
"""What an effect's ``leave`` names, as URN patterns (docs/architecture.md: every traffic record ends in -record)."""

MOST_TTL = 300


class AzureEffects:
    """up: one engine's up (with the two-stack lock held by the caller). gateway_up: the gateway's own update, by
    itself and not waited for (ACT-3: it takes minutes, and autoscaling serves meanwhile)."""

    def __init__(self, footprint: Footprint, up: Up, gateway_up: Callable[[str], None] | None = None) -> None:
        self.at, self._up, self._gateway_up = footprint, up, gateway_up

    def table(self) -> dict[str, Handler]:
        """Effect kind -> function."""
        return {
            "engine.up": self.engine_up,
            "capacity.is": self.capacity_is,
            "converter.is": self.converter_is,
            "cosmos.observe": self.cosmos_observe,
            "gate.health": self.gate("HealthGate", "active", "healthy"),
            "gate.return": self.gate_return,
            "gate.drain": self.gate("DrainGate", "standby", "drained"),
            "gate.traffic_left": self.traffic_left,
            "dns.ttl_is": self.ttl_is,
            "dns.ttl_lower": self.ttl_lower,
            "dns.authority": self.authority,
            "dns.propagated": self.propagated,
            "drift.none": self.drift_none,
        }

    # -- engines -------------------------------------------------------------------------------------------

    def engine_up(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """An up in parts. In a drill records, sync and the converter's wide ear stay as they are, whatever the part."""
        stack, leave = str(args["stack"]), list(args.get("leave") or [])
        unmutes = stack == "active" and "filter" not in leave
        if call.drill:
            leave = drill.left_alone(stack, leave)
        if stack == "active" and "gateway" not in leave:
            leave.append(
                "gateway"
            )  # started beside, never waited for; the closing step's whole up takes it in
        if stack == "active" and self._gateway_up is not None and args.get("wait"):
            threading.Thread(target=self._gateway_up, args=(stack,), daemon=True, name="gateway-up").start()
        if stack == "active" and "records" in leave:
            leave.append("gate")  # it holds the records: a part that moves none has nothing to wait for at it
        patterns = [pattern for group in leave for pattern in GROUPS[group]]
        changes = self._up(stack, patterns, call.say)
        if call.drill and unmutes:
            drill.hear_probes(self.at)
        return ok(stack=stack, left=leave, changes=changes)

    def capacity_is(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Are scale set and throughput as that mode wants them, by what the service says?"""
        wanted = self.at.stack_of_dials(str(args["mode"]))
        scale_set = self.at.of_type("azure-native:compute:VirtualMachineScaleSet")
        try:
            capacity = int(self.at.body(scale_set)["sku"]["capacity"])
        except (ArmError, KeyError) as error:
            return unknown(f"the scale set: {error}")
        throughput = self.at.look("CosmosThroughput", str(args["mode"])).get("observed")
        found = {"capacity": capacity, "throughput": throughput}
        if throughput == "unknown":
            return unknown("the container's RU/s cannot be read", **found)
        return seen(found == wanted, call, f"wanted {wanted}, found {found}", **found)

    def converter_is(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Is the converter muted (or not), by its subscription's filter as the service has it?"""
        muted = bool(args["muted"])
        want = drill.subscription(self.at, "standby" if muted else "active")
        try:
            body = self.at.body(want)
        except ArmError as error:
            return unknown(f"the subscription: {error}")
        live = str(((body.get("properties") or {}).get("filter") or {}).get("subjectBeginsWith") or "")
        wanted = str((want.inputs.get("filter") or {}).get("subjectBeginsWith") or "")
        if call.drill and not muted:
            wanted = drill.probes_of(want)
        return seen(live == wanted, call, f"its filter is {live!r}, wanted {wanted!r}", filter=live)

    def cosmos_observe(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Throughput as the service says it, and a query that is answered without being throttled."""
        want = int(args["throughput"])
        observed = self.at.look("CosmosThroughput", "active").get("observed")
        if observed == "unknown":
            return unknown("the container's RU/s cannot be read")
        started = self.at.world.clock()
        self.at.documents().count()
        seconds = round(self.at.world.clock() - started, 3)
        return seen(
            observed == want,
            call,
            f"{observed} RU/s, wanted {want}",
            throughput=observed,
            query_seconds=seconds,
        )

    # -- gates ---------------------------------------------------------------------------------------------

    def gate(self, kind: str, stack: str, want: str) -> Handler:
        """Wait at a gate, exactly as an up would."""

        def pass_through(args: Mapping[str, Json], call: Call) -> Outcome:
            props = dict(self.at.props(kind, stack)) | {"want": want}
            if call.phase is Phase.GUARD and kind == "HealthGate":
                return self.answers(call)
            if call.phase is Phase.GUARD:  # a guard is a look, not a wait
                now = self.at.look(kind, stack)
                return seen(now.get("observed") == want, call, f"{kind}: {now.get('detail') or now.get('observed')}",
                            observed=now.get("observed"))  # fmt: skip
            done = gates.apply(kind, props, self.at.world)
            return ok(observed=done.get("observed"))

        return pass_through

    def answers(self, call: Call) -> Outcome:
        """Does every public host answer 200 at the gateway's own address? The look right before traffic moves there:
        the gateway's word about its backends takes up to a minute, and the up that moves the records waits for that."""
        gateway = self.at.gateway()
        if gateway is None or not gateway.address:
            return unknown("the gateway's address cannot be read")
        hosts = self.at.props("ReturnGate").get("primaryHosts") or []
        asked = [Question(gateway.address, str(h["host"]), str(h["path"])) for h in hosts]
        if not asked:
            return unknown("no public host is configured")
        bad = [str(one) for one in probe_all(asked, self.at.endpoints) if not one.ok]
        answered = f"{len(asked) - len(bad)} of {len(asked)} with 200 at the gateway"
        return seen(not bad, call, "; ".join(bad), answered=answered)

    def gate_return(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """The primary's public endpoints, many times running (BACK-3)."""
        done = gates.apply("ReturnGate", dict(self.at.props("ReturnGate", "standby")), self.at.world)
        return ok(observed=done.get("observed"))

    def traffic_left(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """The DrainGate's first half: the last delta is brought back only once nobody comes any more (BACK-5)."""
        props = dict(self.at.props("DrainGate", "standby")) | {"want": "drained", "journalAccountId": ""}
        return ok(observed=gates.apply("DrainGate", props, self.at.world).get("observed"))

    # -- DNS -----------------------------------------------------------------------------------------------

    def _records(self) -> list[tuple[str, str, str]]:
        zone = str(self.at.props("ReturnGate")["zoneId"])
        return [
            (str(one["name"]), str(one["type"]), f"{zone}/{one['type']}/{one['name']}")
            for one in self.at.props("ReturnGate").get("records") or []
        ]

    def _ttls(self) -> dict[str, int]:
        found = {}
        for name, _, id in self._records():
            properties = self.at.world.arm.get(id, version("dns:RecordSet")).get("properties") or {}
            found[name] = int({k.lower(): v for k, v in properties.items()}["ttl"])
        return found

    def ttl_is(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Is every public record's TTL at most that, and has a higher one been waited out?"""
        most = int(args["most"])
        try:
            found = self._ttls()
        except (ArmError, KeyError) as error:
            return unknown(f"a record's TTL cannot be read: {error}")
        high = {name: ttl for name, ttl in found.items() if ttl > most}
        if call.drill:
            return ok(drill=drill.NOT_THE_RECORDS, ttl=found, to_lower=high)
        begun = call.noted("ttl lowered")
        if begun is not None and not high and call.noted("ttl waited") is None:
            return seen(False, call, "lowered, but the old TTL has not been waited out", ttl=found)
        return seen(not high, call, f"above {most} s: {high}", ttl=found)

    def ttl_lower(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Lower it where it is higher, then wait until no cache can hold the old one (ACT-4)."""
        from recovery.journal.chain import Kind

        most = int(args["most"])
        try:
            before = self._ttls()
        except (ArmError, KeyError) as error:
            return unknown(f"a record's TTL cannot be read: {error}")
        noted = call.noted("ttl lowered")
        if noted is None:
            noted = call.note(
                Kind.NOTE, {"what": "ttl lowered", "before": before, "at": self.at.world.now()}
            ).body
        for name, _, id in self._records():
            if before[name] > most:
                body = self.at.world.arm.get(id, version("dns:RecordSet"))
                properties = dict(body.get("properties") or {})
                key = next(k for k in properties if k.lower() == "ttl")
                self.at.world.arm.put(id, {"properties": properties | {key: most}}, version("dns:RecordSet"))
        oldest = max(int(ttl) for ttl in noted["before"].values())
        until = float(noted["at"]) + self.at.world.real(oldest)
        while (left := until - self.at.world.now()) > 0:
            call.say(f"waiting {left:.0f} s until no cache holds the old TTL of {oldest} s")
            self.at.world.sleep(min(left, 30.0))
        call.note(Kind.NOTE, {"what": "ttl waited"})
        return ok(before=noted["before"], now=most)

    def authority(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Do the zone's own records lead to that side?"""
        if call.drill:
            return ok(drill=drill.NOT_THE_RECORDS)
        gateway = self.at.gateway()
        if gateway is None:
            return unknown("the gateway's address cannot be read")
        props = self.at.props("ReturnGate")
        views = read_records(self.at.world.arm, str(props["zoneId"]), props.get("records") or [])
        side = traffic_side(views, gateway)
        if side is Side.UNKNOWN:
            return unknown("a record could not be read", records=[str(view) for view in views])
        want = Side.AZURE if args["side"] == "azure" else Side.ELSEWHERE
        return seen(side is want, call, f"the records lead to {side}", records=[str(view) for view in views])

    def propagated(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """At least so many resolvers answer the side's address for all names; partial answers are said."""
        if call.drill:
            return ok(drill=drill.NOT_THE_RECORDS)
        names, need = [str(n) for n in args["names"]], int(args["resolvers"])
        want = Live.AZURE if args["side"] == "azure" else Live.PRIMARY
        world, said = self.at.world, ""
        deadline = world.clock() + world.limit(3 * MOST_TTL)
        while True:
            gateway = self.at.gateway()
            if gateway is None or not gateway.address:
                return unknown("the gateway's address cannot be read")
            answers = ask_all(names, "A", self.at.endpoints.resolvers)
            good: dict[str, int] = {}
            seen_at: dict[str, dict[str, str]] = {}
            for one in answers:
                side = (
                    answer_side(one.values, one.chain, gateway.address, self.at.primary())
                    if one.known
                    else None
                )
                good[one.resolver] = good.get(one.resolver, 0) + (side is want)
                seen_at.setdefault(one.resolver, {})[one.name] = (
                    ", ".join(one.values) if one.known else one.reason
                )
            whole = sorted(resolver for resolver, n in good.items() if n == len(names))
            text = f"{len(whole)} of {len(self.at.endpoints.resolvers)} resolvers answer {args['side']}"
            if text != said:
                call.say(
                    text
                    + (f"; not yet: {', '.join(sorted(set(good) - set(whole)))}" if len(whole) < need else "")
                )
                said = text
            evidence: dict[str, Json] = {"resolvers": whole, "answers": seen_at, "needed": need}
            if len(whole) >= need:
                return ok(**evidence)
            if world.clock() >= deadline:
                return failed(f"{text}; {need} are needed", **evidence)
            world.pause(POLL_SECONDS)

    # -- the end -------------------------------------------------------------------------------------------

    def drift_none(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Reality is what the stack declares, nothing unknown."""
        from clouds import baselines
        from clouds.azure.arm import Arm
        from clouds.azure.live import read_live
        from recovery.drift import report

        stack = str(args["stack"])
        wanted = self.at.desired(stack)
        arm = Arm(self.at.endpoints)
        try:
            found = report.check(
                wanted, read_live(arm, wanted), baselines.load(self.at.root, stack, self.at.environ), stack
            )
        finally:
            arm.close()
        if not found.complete:
            return unknown("not everything could be observed", findings=len(found.findings))
        named = [f"{one.verdict} {one.id.rpartition('/')[2]} {one.path}" for one in found.findings[:8]]
        return seen(
            not found.findings,
            call,
            f"{len(found.findings)} finding(s): {'; '.join(named)}",
            compared=len(wanted),
        )
