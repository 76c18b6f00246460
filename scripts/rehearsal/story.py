"""The steps, in order. Each shows what it observed; nothing counts as done because it was asked for."""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

from clouds.poller import Poller, Target, Watch
from recovery.arm.catalogue import CATALOGUE
from recovery.errors import DrError, Failed, Unobserved
from recovery.model import Action, Finding, Plan, Verdict
from recovery.report.figures import switch
from recovery.report.model import DriftRecord, Outcome, Picture, Served, StepRecord
from recovery.report.verdict import span
from recovery.traffic import targets
from scripts.rehearsal.changes import Expected, Meddler, compare
from scripts.rehearsal.crisis import Crisis
from scripts.rehearsal.recorder import Recorder, wait_until
from scripts.rehearsal.world import Checked, World

TITLES = (
    "build the standby",
    "check drift: nothing found, nothing unknown",
    "change seven things behind its back, and find exactly those",
    "repair, and check again",
    "carry the primary's data, and prove it",
    "fail over by the runbook: declared, approved, cut over, validated",
    "contingency: Azure is the origin and takes new writes",
    "roll back by the runbook: written back, proven, cut back, drained, scaled down",
    "account for it: journal, every acknowledged write, both reports",
    "check drift at the end",
)
OUT_STEP, BACK_STEP = 6, 8
"""The steps in which traffic moves."""

SETTLE = 2.0
"""Real seconds of polling before the first and after the last switch: the calm that a failure would stand out from."""

PAGES = {
    "index.html": b"<!doctype html><title>demay</title><h1>demay</h1><p>served by the standby</p>\n",
    "404.html": b"<!doctype html><title>not here</title><h1>not here</h1>\n",
}

CONVERSION_LIMIT = 600.0
TTL_LIMIT = 900.0


class Story:
    """The rehearsal's main job on one world. picture: the photograph's bytes."""

    def __init__(
        self,
        world: World,
        record: Recorder,
        picture: bytes | None = None,
        out: Path | None = None,
        durations: str = "median",
    ) -> None:
        self.world = world
        self.record = record
        self.out, self._durations = out, durations
        self.picture = picture or (files("scripts.rehearsal") / "photograph.jpg").read_bytes()
        self.found: tuple[Finding, ...] = ()
        self.crisis = Crisis(world, record, PAGES)
        self._repaired = 0.0
        record.switches = (OUT_STEP, BACK_STEP)

    def run(self) -> None:
        """All steps. Raises recorder.Ended when one does not hold, after keeping why."""
        steps: tuple[Callable[[], None], ...] = (
            self.build,
            self.clean_after_build,
            self.meddle,
            self.repair,
            self.carry,
            self.fail_over,
            self.contingency,
            self.roll_back,
            self.account,
            self.clean_at_the_end,
        )
        self.record.parts.extend(self.world.parts())
        self.world.durations("instant" if self.world.endpoints.scale <= 1 else self._durations)
        for title, step in zip(TITLES, steps, strict=True):
            with self.record.step(title):
                step()

    # -- the steps -----------------------------------------------------------------------------------------

    def build(self) -> None:
        """1: from nothing to a standby."""
        plan = self.world.build(self.record.show.event)
        self.record.fact(f"the {self.world.engine_name} engine: {_counted(plan)}")
        self.world.certify()

    def clean_after_build(self) -> None:
        """2: right after a deployment the check must be empty."""
        self._clean("after the build")

    def meddle(self) -> None:
        """3: seven changes, seven findings, none beside them."""
        expected = Meddler(self.world.arm, self.world.desired("standby")).all()
        checked = self._check("after seven changes behind its back", len(expected))
        missed, surplus = compare(expected, checked.findings)
        if missed or surplus or not checked.complete:
            raise _wrong_findings(missed, surplus)
        self.found = checked.findings
        self.record.fact(
            f"found exactly the {len(expected)} that were made: " + ", ".join(e.title for e in expected)
        )
        severities = [str(f.severity) for f in self.found]
        self.record.fact(", ".join(f"{severities.count(s)} {s}" for s in dict.fromkeys(sorted(severities))))

    def repair(self) -> None:
        """4: what is declared is put back by an up, what nobody declared is deleted by its fixing command."""
        types = {row.arm_type.lower() for row in CATALOGUE.values() if "{recordType}" not in row.path}
        strays = [f for f in self.found if f.verdict is Verdict.UNMANAGED and _arm_type(f.id) in types]
        plan = self.world.up("standby", self.record.show.event, create=True)
        for stray in strays:
            self.world.delete(stray.id)
        self._repaired = self.record.clock()
        self.record.fact(f"{_counted(plan)}; {len(strays)} deleted by its fixing command")
        self._clean("after the repair")

    def carry(self) -> None:
        """5: the daily sync, proven; then clients begin to read and to write."""
        self.world.durations(self._durations)
        self.crisis.first_sync()
        self._learn_sides()
        self._start_polling()
        self.crisis.start_writing(next(name for name in sorted(self._names()) if name.startswith("api.")))

    def fail_over(self) -> None:
        """6: the runbook failover, and what clients saw of it."""
        start = self.record.clock()
        self.crisis.run("failover")
        self._wait_for_traffic(Served.AZURE)
        self._tell_switch(start, Served.AZURE)

    def contingency(self) -> None:
        """7: Azure is the origin: a photograph through the converter, and the clients write on."""
        self._photograph()
        self.record.fact("clients write on, to Azure alone")

    def roll_back(self) -> None:
        """8: the runbook rollback; the clients poll on until traffic is where it was."""
        start = self.record.clock()
        self.crisis.run("rollback")
        self._wait_for_traffic(Served.PRIMARY)
        self._tell_switch(start, Served.PRIMARY)
        time.sleep(SETTLE)
        self.record.stop_polling()
        sent = self.record.requests()
        failed = sum(r.failed for r in sent)
        self.record.fact(f"{failed} of {len(sent)} requests of the polling client failed over both switches")

    def account(self) -> None:
        """9: what was promised is there, and what happened is written down."""
        self.crisis.account(self.out)

    def clean_at_the_end(self) -> None:
        """10: after everything, reality is what is declared."""
        self._clean("at the end")

    # -- drift ---------------------------------------------------------------------------------------------

    def _check(self, title: str, expected: int = 0) -> Checked:
        checked = self.world.drift("standby")
        self.record.drift.append(
            DriftRecord(
                title, self.record.clock(), checked.complete, checked.compared, checked.findings, expected
            )
        )
        return checked

    def _clean(self, title: str) -> None:
        checked = self._check(title)
        unknown = [f for f in checked.findings if f.verdict is Verdict.UNKNOWN]
        if unknown or not checked.complete:
            raise Unobserved(
                f"{len(unknown)} thing(s) could not be observed: {_named(unknown)}",
                "with a question mark nothing may be called clean",
                "dr drift -s standby",
            )
        if checked.findings:
            raise Failed(
                f"{len(checked.findings)} finding(s) where none should be: {_named(checked.findings)}",
                "a check that cries wolf is not read on the day",
                "dr drift -s standby",
            )
        self.record.fact(f"{checked.compared} resources compared, none differs, none unknown")

    # -- traffic -------------------------------------------------------------------------------------------

    def _learn_sides(self) -> None:
        """Whose is which address: the gateway's from ARM, the primary's from the declared records."""
        for one in self.world.desired("standby"):
            row = CATALOGUE.get(one.type)
            if one.type.endswith(":PublicIPAddress") and row:
                address = (self.world.arm.get(one.id, row.api_version).get("properties") or {}).get(
                    "ipAddress"
                )
                self.record.sides[str(address)] = Served.AZURE
            if one.id.lower().endswith("/a/@") and row:
                for target in targets(self.world.arm.get(one.id, row.api_version)):
                    self.record.sides[target] = Served.PRIMARY

    def _start_polling(self) -> None:
        names = sorted(self._names(), key=lambda n: (n.count("."), n))
        # A resolver that was asked while the record was a stray one remembers it for a TTL, as out in the world.
        remembered = self._repaired + self.record.ttl / self.world.endpoints.scale
        time.sleep(max(0.0, remembered - self.record.clock()))
        polled = [Target(n, "/health" if n.startswith("api.") else "/") for n in names]
        # Resolvers out in the world were not all asked at the same moment: their caches end one after the other.
        stagger = self.record.ttl / self.world.endpoints.scale / max(len(self.world.endpoints.resolvers), 1)
        poller = Poller(self.world.endpoints, polled, stagger=stagger, clock=self.record.clock)
        self.record.poll(poller, Watch(self.world.dials(), clock=self.record.clock))
        # Until the last resolver is asked too: at full scale that is most of a TTL.
        time.sleep(SETTLE + stagger * (len(self.world.endpoints.resolvers) - 1))
        wrong = {r.name: r for r in self.record.requests() if r.failed or r.side is not Served.PRIMARY}
        if wrong:
            one = next(iter(wrong.values()))
            raise Failed(
                f"before the switch {one.name} is not served by the primary: {one.error or one.status} ({one.side})",
                "a switch is only shown by what changes",
                "dr local status",
            )
        self.record.fact(
            f"a client begins to poll {', '.join(names)} through {len(self.world.endpoints.resolvers)} resolvers"
        )

    def _names(self) -> set[str]:
        """The public names: the zone's traffic records. Their time to live goes into the record."""
        found = set()
        for one in self.world.desired("standby"):
            if one.type.endswith(":RecordSet") and str(one.options.get("name", "")).endswith("-record"):
                zone, label = str(one.inputs["zoneName"]), str(one.inputs["relativeRecordSetName"])
                found.add(zone if label == "@" else f"{label}.{zone}")
                self.record.ttl = max(self.record.ttl, float(one.inputs.get("ttl") or 0))
        return found

    def _wait_for_traffic(self, side: Served) -> None:
        """Until every name at every resolver leads there, as the polling client sees it."""
        began = self.record.clock()

        def lanes() -> dict[tuple[str, str], Served]:
            return {(r.resolver, r.name): r.side for r in self.record.requests()}

        def elsewhere() -> str:
            return ", ".join(f"{name} at {at}: {s}" for (at, name), s in lanes().items() if s is not side)

        # The first look must come after the switch: one whole round of the client.
        round_trip = began + 1.5
        wait_until(
            f"every resolver leads to {side}",
            lambda: self.record.clock() > round_trip and set(lanes().values()) == {side},
            TTL_LIMIT,
            self.world.endpoints,
            elsewhere,
        )

    def _tell_switch(self, start: float, side: Served) -> None:
        step = StepRecord(0, "", Outcome.DONE, start, self.record.clock())
        seen = switch(self.record.requests(), step, side)
        if seen.first is not None and seen.last is not None:
            self.record.fact(
                f"the first client reached {_side(side)} after {span(seen.first)}, the last resolver followed "
                f"after {span(seen.last)}; {seen.mixed} requests in between"
            )

    # -- the photograph ------------------------------------------------------------------------------------

    def _photograph(self) -> None:
        name = "rehearsal-photograph.jpg"
        started = self.record.clock()
        self.world.upload(name, self.picture)
        wait_until(
            "the converter's documents",
            lambda: self.world.converted(name) is not None,
            CONVERSION_LIMIT,
            self.world.endpoints,
            lambda: "they are absent or incomplete",
        )
        seen = self.world.converted(name)
        data, documents = (seen.data, seen.documents) if seen else (b"", 0)
        seconds, same = self.record.clock() - started, data == self.picture
        shown = "data:image/jpeg;base64," + b64encode(data).decode()
        self.record.picture = Picture(
            name, len(self.picture), documents, hashlib.sha256(data).hexdigest(), same, seconds, shown
        )
        if not same:
            raise Failed(
                f"the {documents} documents decode to {len(data)} bytes that are not the {len(self.picture)} uploaded",
                "an image that comes back changed is data loss",
                "dr rehearse --keep    (then read the converter's log in the state folder that it names)",
            )
        self.record.fact(
            f"a photograph of {len(data):,} bytes came back whole from {documents} document{'s' * (documents != 1)} in {span(seconds)}"
        )


def _side(side: Served) -> str:
    return "the standby" if side is Served.AZURE else "the primary"


def _arm_type(id: str) -> str:
    namespace, *rest = id.lower().rpartition("/providers/")[2].split("/")
    return "/".join((namespace, *rest[0::2]))


def _counted(plan: Plan) -> str:
    """`34 created`, `6 updated, 1 created`, `nothing to change`."""
    words = {
        Action.CREATE: "created",
        Action.UPDATE: "updated",
        Action.DELETE: "deleted",
        Action.REPLACE: "replaced",
    }
    actions = [s.action for s in plan.changes]
    said = [f"{actions.count(a)} {word}" for a, word in words.items() if a in actions]
    return ", ".join(said) or "nothing to change"


def _named(findings: Sequence[Finding]) -> str:
    said = [f"{f.verdict} {f.id.rpartition('/')[2]} {f.path} {f.reason}".strip() for f in findings[:8]]
    return "; ".join(said) + ("; ..." if len(findings) > 8 else "")


def _wrong_findings(missed: Sequence[Expected], surplus: Sequence[Finding]) -> DrError:
    parts = [f"not found: {', '.join(e.title for e in missed)}"] if missed else []
    parts += [f"found beside them: {_named(surplus)}"] if surplus else []
    return Failed(
        "the drift check did not find exactly the seven changes; "
        + ("; ".join(parts) or "it was incomplete"),
        "a check that misses a change, or invents one, is worth less than none",
        "dr rehearse --keep    (then: dr drift -s standby)",
    )
