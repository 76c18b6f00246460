"""The rehearsal's middle: the data, the failover by its runbook, the contingency, the rollback, and the account of it all."""

from __future__ import annotations

import time
from pathlib import Path

from clouds.runbook.runs import Begun, newest
from clouds.writer import Writer, unexplained
from recovery.errors import Failed, Stopped
from recovery.journal.chain import Record
from recovery.report.incident import Incident, incident
from recovery.report.incident_page import html, markdown
from recovery.report.model import RunbookRecord, WritesRecord
from recovery.report.verdict import span
from recovery.runbook.state import Mode, Phase, State
from scripts import running
from scripts.rehearsal.people import ScriptedPeople
from scripts.rehearsal.primary import PrimaryData
from scripts.rehearsal.recorder import Recorder
from scripts.rehearsal.world import World

IMAGES = 24
"""Images on the primary before anything happens."""
REASON = "rehearsal: the primary is declared lost"


class Crisis:
    """Carries both runbooks out on one world, with scripted people and a client that writes all the time."""

    def __init__(self, world: World, record: Recorder, pages: dict[str, bytes]) -> None:
        self.world, self.record, self._pages = world, record, pages
        self.data = PrimaryData(world.root)
        self.writer: Writer | None = None
        self.reports: list[tuple[str, Incident]] = []
        self._ends: dict[str, State] = {}

    # -- the data ------------------------------------------------------------------------------------------

    def first_sync(self) -> None:
        """What the primary holds is carried and proven; then a client begins to write."""
        size = self.data.fill(self._pages, IMAGES)
        said = self.data.sync("rehearsal")
        self.record.fact(
            f"{IMAGES} images ({size:,} bytes) and {len(self._pages)} pages carried and proven equal: {', '.join(said)}"
        )

    def start_writing(self, host: str) -> None:
        """From here on a client writes and reads back through the public names, through each resolver."""
        self.writer = Writer(self.world.endpoints, host, interval=0.5, clock=time.time)
        self.writer.start()

    # -- runbooks ------------------------------------------------------------------------------------------

    def run(self, book: str, *, drill: bool = False) -> State:
        """One runbook to its end. Raises Stopped where it does not come to one."""
        begun = running.begin(self.world.root, book, self.world.engine_name, reason=REASON,
                              scenario="AWS us-east-1", drill=drill, primary_gone=False)  # fmt: skip
        held: list[ScriptedPeople] = []

        def watcher(*_given: object) -> ScriptedPeople:
            from clouds.runbook.inbox import FolderPlace

            held.append(ScriptedPeople(self.world.root, begun, self.record.show,
                                       [FolderPlace(running.inbox_folder(self.world.root))]))  # fmt: skip
            return held[0]

        with self.world.aside():
            state = running.carry_through(self.world.root, begun, 30.0, watcher)
        if state.mode is not Mode.COMPLETED:
            why = "; ".join(f"{id} {state.of(id).phase}: {state.of(id).reason}" for id in state.stuck)
            raise Stopped(
                f"{book} did not come to its end: {state.mode}; {why or 'people did not answer'}"
                + (f" ({'; '.join(held[0].refused)})" if held[0].refused else ""),
                "the runbook is what is rehearsed",
                "dr rehearse --keep    (then read the journal in the state folder that it names)",
            )
        self._ends[book] = state
        report = self._incident(begun, state)
        self._tell(report, held[0])
        return state

    def _records(self) -> list[Record]:
        from clouds import journal_place

        return list(journal_place.read(self.world.root).records)

    def _incident(self, begun: Begun, state: State) -> Incident:
        return incident(state, self._records(), begun.to_json(), self.world.endpoints.scale)

    def _tell(self, report: Incident, people: ScriptedPeople) -> None:
        messages = {(one["template"], one["language"]) for one in report.messages}
        self.record.fact(
            f"{len(report.bars)} steps; {len(people.answers)} approvals signed by {len({one.partition(':')[0] for one in people.answers})} roles' own keys; {len(messages)} messages (pt, en)"
        )
        if report.rto is not None:
            self.record.fact(
                f"{report.runbook}: {span(report.rto - report.people_seconds)} real of work to {'service validated' if report.kind == 'post-incident' else 'the clean standby'}; "
                f"at the duration table's p95 {report.critical_p95 / 60:.1f} min on the critical path, {report.sequential_p95 / 60:.1f} min one step after another ({report.sequential_p95 / report.critical_p95:.1f}x)"
            )

    # -- the account ---------------------------------------------------------------------------------------

    def account(self, out: Path | None) -> None:
        """The journal is whole, every acknowledged write is accounted for, both reports are written."""
        from clouds import journal_place

        checked = journal_place.read(self.world.root)
        if not checked.sound:
            raise Failed(
                f"the journal is damaged: {checked.findings[0]}",
                "it is the record of the rehearsal",
                "dr journal verify",
            )
        self.record.fact(f"journal: {len(checked.records)} records, chain and head agree")
        self._writes()
        for book, state in self._ends.items():
            begun = newest(checked.records, book)
            if begun is None:
                raise Failed(f"no run of {book} stands in the journal", "it is the record", "dr journal show")
            made = incident(state, checked.records, begun.to_json(), self.world.endpoints.scale)
            file = f"{made.kind}.html"
            self.record.runbooks.append(RunbookRecord(
                made.run, book, made.kind, made.sentence, file, made.rto, made.people_seconds, made.worked, made.critical_p95,
                made.sequential_p95, made.plan_seconds, made.path, len(made.approvals), len(made.messages),
            ))  # fmt: skip
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
                (out / file).write_text(html(made), encoding="utf-8")
                (out / f"{made.kind}.md").write_text(markdown(made), encoding="utf-8")
            self.record.fact(f"{made.kind} report: {made.sentence}")

    def _writes(self) -> None:
        """Present on the live side, knowingly replaced, or listed as a conflict: there is no fourth way."""
        if self.writer is None:
            return
        self.writer.stop()
        acknowledged = self.writer.acknowledged()
        (history, had), conflicts, items = self.data.history(), self.data.conflicts(), self.data.items()
        carried = min(self._at("failover", step) for step in ("sync-uploads", "sync-metadata"))
        lost = unexplained(acknowledged, history, conflicts, carried, had)
        names = {one.name for one in acknowledged}
        bare = sorted(
            {name for name in names if [items.get(name, "")] != history(name)[-1:]}
            - {one.name for one in lost}
        )
        unread = [one for one in acknowledged if one.back not in ("same", "other")]
        sides = {side: sum(one.side == side for one in acknowledged) for side in ("primary", "azure")}
        listed = sum(one.digest in conflicts for one in acknowledged)
        record = WritesRecord(len(self.writer.writes), len(acknowledged), sides["primary"], sides["azure"], len(lost),
                              listed, len(bare), len(unread), tuple(f"{o.name} by {o.side} at {o.resolver}" for o in lost[:20]))  # fmt: skip
        self.record.writes = record
        self.record.fact(
            f"{record.acknowledged} of {record.sent} writes were acknowledged ({record.primary} by the primary, {record.azure} by Azure): "
            f"{record.lost} lost, {record.conflicts} listed as a conflict with both versions"
        )
        if lost or bare:
            raise Failed(
                f"{len(lost)} acknowledged writes are gone ({', '.join(record.which[:3])}), {len(bare)} images have items that say otherwise ({', '.join(bare[:3])})",
                "a client was told that they are kept",
                "dr rehearse --keep    (then compare the buckets with the journal)",
            )

    def _at(self, book: str, step: str) -> float:
        one = self._ends[book].of(step)
        return one.started or 0.0 if one.phase is Phase.DONE else 0.0
