"""A world small enough to replay thousands of times: two sides, a zone with caches, a client that writes all the time.

Every effect of both runbooks is here, with the meaning that it has outside. A write is acknowledged only by a side that
took it; what becomes of each acknowledged write is what the tests ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from clouds.notify import Channel, Delivery
from clouds.runbook.books import BookEffects
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen, unreachable
from clouds.runbook.messages import MessageEffects
from clouds.runbook.runs import Begun
from recovery.journal.chain import Kind, Record
from recovery.journal.direction import Direction, Standing, turn
from recovery.journal.direction import after as turned
from recovery.journal.mask import masked
from recovery.messages.texts import Message
from recovery.model import Json
from recovery.runbook.roles import Role
from recovery.runbook.state import Phase

PEOPLE = {f"{role.name.lower()}@demay": frozenset({role}) for role in Role}


class Killed(BaseException):
    """kill -9."""


@dataclass
class MemoryJournal:
    """A journal that survives its process. kill_at: (number of the append, before or after it) at which to die."""

    records: list[Record] = field(default_factory=list)
    kill_at: tuple[int, str] | None = None
    appends: int = 0

    def append(self, kind: Kind, run: str, body: Mapping[str, Json]) -> Record:
        self.appends += 1
        if self.kill_at == (self.appends, "before"):
            raise Killed
        record = Record(len(self.records) + 1, "2026-11-22T03:00:00Z", run, kind, masked(dict(body)))
        self.records.append(record)
        if self.kill_at == (self.appends, "after"):
            raise Killed
        return record

    def rest(self) -> None:
        """Nothing to let go of."""


@dataclass
class Fence:
    """The direction, kept where both sides' syncs read it."""

    standing: Standing = field(default_factory=lambda: Standing(Direction.FORWARD, 1))

    def is_now(self) -> Direction:
        assert not self.standing.fault, self.standing.fault
        return self.standing.direction

    def turn(self, to: Direction, who: str, why: str) -> int:
        if self.standing.direction is not to:
            body = turn(self.standing, to, why)
            self.standing = turned(self.standing, Record(1, "", "", Kind.DIRECTION, body))
        assert not self.standing.fault, self.standing.fault
        return self.standing.epoch


Versions = dict[str, int]


@dataclass
class World:
    """aws, azure: key -> version. acknowledged: every version that a side took from a client."""

    aws: Versions = field(default_factory=dict)
    azure: Versions = field(default_factory=dict)
    acknowledged: list[tuple[str, int, str]] = field(default_factory=list)
    conflicts: set[tuple[str, int, int]] = field(default_factory=set)
    records: str = "primary"
    caches: list[str] = field(default_factory=lambda: ["primary"] * 3)
    capacity: int = 0
    listening: bool = False
    frozen: dict[str, bool] = field(default_factory=lambda: {"uploads": False, "table": False})
    triggers: bool = True
    aws_up: bool = True
    healthy: bool = True
    fence: Fence = field(default_factory=Fence)
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)  # every change of the world, in order
    broken: list[str] = field(default_factory=list)  # rules of the world that were broken
    clock: float = 1_800_000_000.0
    version: int = 0
    cut: int = 0
    replaced: dict[int, int] = field(
        default_factory=dict
    )  # version -> the one its writer overwrote knowingly

    changed: Callable[[], None] = lambda: None
    gates: bool = True  # the engine's own gates; a mutant takes them away

    # -- the client -------------------------------------------------------------------------------------------

    def client(self, number: int) -> None:
        """One write, through whatever some resolver still answers."""
        side = self.caches[number % 3]
        self.version += 1
        key = f"k{self.version % 7}"
        if side == "primary" and self.aws_up and not self.frozen["uploads"]:
            self.replaced[self.version] = self.aws.get(key, 0)
            self.aws[key] = self.version
            self.acknowledged.append((key, self.version, "aws"))
        if side == "azure":
            if not self.capacity:
                self.broken.append("traffic reached a side without capacity")
                return
            self.replaced[self.version] = self.azure.get(key, 0)
            self.azure[key] = self.version
            self.acknowledged.append((key, self.version, "azure"))

    def expire(self, number: int) -> None:
        """One cache forgets, and learns the zone's answer."""
        self.caches[number % 3] = self.records

    def lost(self) -> list[tuple[str, int, str]]:
        """Acknowledged writes that are neither on a side, nor knowingly replaced there, nor listed as a conflict."""
        listed = {(key, one) for key, a, b in self.conflicts for one in (a, b)}
        kept = self.aws if self.records == "primary" else self.azure
        owed = (
            {} if self.records == "primary" else self.aws
        )  # AWS's own is owed until a rollback brings it together
        return [
            (key, version, side)
            for key, version, side in self.acknowledged
            if not self._seen(kept.get(key, 0), version)
            and not self._seen(owed.get(key, 0), version)
            and (key, version) not in listed
        ]

    def _seen(self, now: int, version: int) -> bool:
        """Is `version` what stands there, or was it overwritten by writers who had it before them?"""
        while now > version:
            now = self.replaced.get(now, 0)
        return now == version

    # -- effects ----------------------------------------------------------------------------------------------

    def _copy(self, source: Versions, target: Versions) -> int:
        """The newer wins; where neither follows from the other, both versions are listed."""
        moved = 0
        for key, version in source.items():
            there = target.get(key, 0)
            newer, older = max(version, there), min(version, there)
            if older and newer != older and not self._seen(newer, older):
                self.conflicts.add((key, older, newer))
            if there < version:
                target[key] = version
                moved += 1
                self.changed()
        return moved

    def sync(self, args: Mapping[str, Json], call: Call) -> Outcome:
        if not self.aws_up:
            return unreachable("AWS does not answer")
        direction = Direction(args["direction"])
        if self.fence.is_now() is not direction:
            return failed(f"the direction is {self.fence.is_now()}")
        pair = (self.aws, self.azure) if direction is Direction.FORWARD else (self.azure, self.aws)
        return ok(copied=self._copy(*pair))

    def prove(self, args: Mapping[str, Json], call: Call) -> Outcome:
        if not self.aws_up:
            return unreachable("AWS does not answer")
        reverse = args.get("direction") == "reverse"
        source, target = (self.azure, self.aws) if reverse else (self.aws, self.azure)
        equal = sum(target.get(key, 0) >= version for key, version in source.items())
        flow = {"equal": equal + 1, "compared": len(source) + 1, "population": len(source) + 1}
        return ok(flows=[{"name": str(name), **flow} for name in args["flows"]])

    def until_empty(self, args: Mapping[str, Json], call: Call) -> Outcome:
        if not self.aws_up:
            return unreachable("AWS does not answer")
        if self.fence.is_now() is not Direction.REVERSE:
            return failed("the direction is not reverse")
        return ok(copied=self._copy(self.azure, self.aws))

    def delta_empty(self, args: Mapping[str, Json], call: Call) -> Outcome:
        behind = [key for key, version in self.azure.items() if self.aws.get(key, 0) < version]
        return seen(not behind, call, f"{len(behind)} behind")

    def divergence(self, args: Mapping[str, Json], call: Call) -> Outcome:
        if not self.aws_up:
            return unreachable("AWS does not answer")
        return ok(listed=[key for key, version in self.aws.items() if version > self.cut])

    def up(self, args: Mapping[str, Json], call: Call) -> Outcome:
        leave = set(args["leave"])
        active = args["stack"] == "active"
        if "capacity" not in leave:
            if not active and "azure" in self.caches:
                self.broken.append("capacity removed under traffic")
            self._set("capacity", 2 if active else 0)
        if "filter" not in leave:
            self._set("listening", active)
        if "records" not in leave:
            want = "azure" if active else "primary"
            if active and self.gates and not (self.capacity and self.healthy):
                return failed("HealthGate: not healthy")
            if not active and not self.aws_up:
                return failed("ReturnGate: the primary does not answer")
            if self.records != want:
                if active and not (self.capacity and self.healthy):
                    self.broken.append("DNS points at an unhealthy side")
                self.cut = self.version if active else self.cut
                approved = call.state.of(call.step).given
                if not approved:
                    self.broken.append(f"{call.step} moved traffic without an approval")
            self._set("records", want)
        return ok(changes=1)

    def _set(self, name: str, value: object) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.done.append(f"{name}={value}")
            self.changed()

    def freeze(self, frozen: bool, look: bool) -> Handler:
        def handle(args: Mapping[str, Json], call: Call) -> Outcome:
            if not self.aws_up:
                return unreachable("AWS does not answer")
            what = str(args["what"])
            if look:
                return seen(self.frozen[what] is frozen, call, f"{what} is not as wanted")
            if self.frozen[what] is not frozen:
                self.frozen[what] = frozen
                self.done.append(f"{what} frozen={frozen}")
                self.changed()
            return ok()

        return handle

    def trigger(self, on: bool | None) -> Handler:
        def handle(args: Mapping[str, Json], call: Call) -> Outcome:
            if not self.aws_up:
                return unreachable("AWS does not answer")
            if on is None:
                return seen(self.triggers is not bool(args["muted"]), call, "triggers are not as wanted")
            self._set("triggers", on)
            return ok()

        return handle

    def primary(self, args: Mapping[str, Json], call: Call) -> Outcome:
        return seen(self.aws_up, call, "the primary does not answer")

    def drain(self, args: Mapping[str, Json], call: Call) -> Outcome:
        if call.phase is not Phase.GUARD:
            for number in range(3):
                self.expire(number)
        return seen("azure" not in self.caches, call, f"caches: {self.caches}")

    def look(self, test: str) -> Handler:
        def handle(args: Mapping[str, Json], call: Call) -> Outcome:
            if test == "capacity":
                return seen(
                    self.capacity == (2 if args["mode"] == "active" else 0),
                    call,
                    f"{self.capacity} instances",
                )
            if test == "muted":
                return seen(self.listening is not bool(args["muted"]), call, "the mute is not as wanted")
            if test == "health":
                return seen(self.healthy and self.capacity == 2, call, "not healthy")
            if test == "authority":
                return seen(self.records == args["side"], call, f"the records lead to {self.records}")
            if test == "propagated":
                for number in range(3):
                    self.expire(number)
                return seen(set(self.caches) == {str(args["side"])}, call, f"caches: {self.caches}")
            return ok()

        return handle

    def deliver(self, channel: Channel, message: Message) -> Delivery:
        self.sent.append((message.template, message.language, message.subject))
        self.changed()
        return Delivery(channel.name, "2026-11-22T03:00:00Z")

    def table(self, begun: Begun) -> dict[str, Handler]:
        """Every effect of both runbooks."""
        books = BookEffects(self.fence)
        books.freezer = self.freeze(True, False)
        messages = MessageEffects(
            begun, lambda audience: [Channel(audience, "x")], lambda: self.clock, self.deliver
        )
        nothing = self.look("")
        return {
            **books.table(), **messages.table(), "engine.up": self.up, "capacity.is": self.look("capacity"),
            "converter.is": self.look("muted"), "cosmos.observe": nothing, "gate.health": self.look("health"),
            "gate.return": self.primary, "gate.drain": self.drain, "gate.traffic_left": self.drain,
            "dns.ttl_is": nothing, "dns.ttl_lower": nothing,
            "dns.authority": self.look("authority"), "dns.propagated": self.look("propagated"), "drift.none": nothing,
            "smoke.run": self.look("health"), "end_to_end.run": nothing, "converter.warm": nothing,
            "converter.idle": nothing, "support.run": nothing, "telemetry.observe": nothing,
            "converter.reconcile": nothing, "sync.run": self.sync, "sync.prove": self.prove,
            "sync.until_empty": self.until_empty, "sync.delta_empty": self.delta_empty,
            "divergence.list": self.divergence, "primary.reconcile": nothing, "primary.healthy": self.primary,
            "primary.validate": self.primary, "freeze.is": self.freeze(True, True),
            "freeze.apply": self.freeze(True, False), "freeze.refuses": self.freeze(True, True),
            "freeze.lift": self.freeze(False, False), "freeze.lifted": self.freeze(False, True),
            "triggers.are": self.trigger(None), "triggers.mute": self.trigger(False),
            "triggers.restore": self.trigger(True),
        }  # fmt: skip

    def facts(self) -> dict[str, object]:
        """What must be the same at the end of a killed run and of an undisturbed one."""
        return {
            "records": self.records, "capacity": self.capacity, "listening": self.listening, "frozen": self.frozen,
            "triggers": self.triggers, "direction": self.fence.standing.direction, "epoch": self.fence.standing.epoch,
            "done": self.done, "messages": {one[:2] for one in self.sent},
        }  # fmt: skip


def begin(journal: MemoryJournal, book: str, run: str = "r1") -> Begun:
    """The run's first record."""
    begun = Begun(run, "", book, people=PEOPLE)
    if not any(r.kind is Kind.RUN and r.run == run for r in journal.records):
        journal.records.append(
            Record(len(journal.records) + 1, "2026-11-22T03:00:00Z", run, Kind.RUN, begun.to_json())
        )
    return begun


def roles_of(identities: Sequence[str]) -> set[Role]:
    """All roles of these people."""
    return {role for who in identities for role in PEOPLE[who]}
