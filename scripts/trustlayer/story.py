"""The story: five faults, each seen by `dr assess`, recovered by its runbook, mended for the next one."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from recovery.errors import DrError, Failed
from recovery.model import Json
from recovery.runbook.path import critical_path
from recovery.runbook.roles import Role
from recovery.runbook.state import Mode, State
from recovery.trustlayer.levels import assess
from recovery.trustlayer.report import LevelRecord
from scripts.recover import Recovery, runbook_of, telling
from scripts.trustlayer.client import Client

if TYPE_CHECKING:
    from localcloud.trustlayer.start import LocalSite

GOALS = {2: 120.0, 3: 120.0, 4: 600.0, 5: 3600.0}
TITLES = {
    1: "1: a pod hangs",
    2: "2: the database is lost",
    3: "3: a zone is lost",
    4: "4: the region is lost",
    5: "5: the data is lost",
}
SEE_SECONDS = 90.0


@dataclass
class Story:
    """One rehearsal on a running local site."""

    local: LocalSite
    folder: Path

    def __post_init__(self) -> None:
        from clouds.journal_place import SharedJournal
        from clouds.trustlayer_site import Site

        self.site = Site.load(str(self.local.file))
        self.client = Client(str(self.site.body["edge"]))
        journal = SharedJournal(self.folder / "journal.jsonl", self.folder / "journal-head.json")
        self.recovery = Recovery(
            self.site, journal, {"operator": frozenset(Role)}, lambda ask: True, self._say
        )
        self.two_primaries: list[str] = []
        self.date = f"{datetime.now(UTC):%Y%m%d}"
        self.parts: tuple[str, ...] = (
            "Kubernetes 1.33 (etcd, API server, controllers, scheduler, kwok) ×2",
            "PostgreSQL ×4",
            "moto ×2",
        )

    def tell(self) -> list[LevelRecord]:
        """All of it. A level that fails ends the story, and is in the record."""
        from clouds.aws.backup import Backups

        until(lambda: self._healthy(), "the site serves")
        self.client.start()
        self.recovery.tells = telling(self.recovery)
        try:
            time.sleep(1.5)
            made = Backups(self.site).run(datetime.now(UTC))
            self._say(f"backup of {made.date}: {sum(made.rows.values())} rows, {len(made.files)} files")
            records: list[LevelRecord] = []
            for level, back, before in (
                (1, False, self._hang), (2, False, self._lose_database), (2, True, self._mend_database), (3, False, self._lose_zone),
                (3, True, self._regain_zone), (4, False, self._lose_region), (4, True, self._regain_region), (5, False, self._lose_data),
            ):  # fmt: skip
                records.append(self._level(level, before, back))
                if not records[-1].holds:
                    break
                time.sleep(1.0)
            return records
        finally:
            self.client.stop()

    def _level(self, level: int, fault: Callable[[], dict[str, Json]], back: bool) -> LevelRecord:
        title = f"back from {level}" if back else TITLES[level]
        self._say(f"\n{title}" if back else f"\nlevel {title}")
        at = self.client.now()
        before = dict(self.client.acknowledged)
        given: dict[str, Json] = {"zone": "us-east-1a", "date": self.date, "overwrite": False, **fault()}
        seen, detected = (level, 0.0) if back else self._see(level, at)
        if not back:
            self._say(f"dr assess says level {seen} after {detected:.1f} s")
        error, state, began = "", None, self.client.now()
        try:
            state = self.recovery.go(level, given, back=back)
            if state.mode is not Mode.COMPLETED:
                error = "; ".join(f"{id}: {state.of(id).reason}" for id in state.stuck) or str(state.mode)
        except DrError as stop:
            error = stop.summary
        ran = self.client.now() - began
        if not error:
            time.sleep(1.5)
        recovered = self.client.good_again(at)
        end = self.client.now()
        self.two_primaries += self.client.told_by_two(at, end)
        known = {**before, **{r: t for r, t in self.client.acknowledged.items() if t <= end}}
        present = self._present() if not error else set()
        gone = {} if error else {row: t for row, t in known.items() if row not in present}
        rpo = self.client.refused_after(min(gone.values())) - min(gone.values()) if gone else 0.0
        runbook = runbook_of(level, back, given)
        record = LevelRecord(
            level, title, seen, detected, ran, recovered - at if recovered else None, critical_path(runbook).seconds,
            0.0 if back else GOALS.get(level, 0.0), self.client.made(at, end), self.client.failed(at, end), len(known), len(gone), rpo, level >= 4 and not back,
            steps_of(state), self._confirmed(level, back), error, back,
        )  # fmt: skip
        for row in gone:  # they are known to be lost: the next level counts its own
            self.client.acknowledged.pop(row, None)
        self._say(
            f"{'holds' if record.holds else 'DOES NOT HOLD'}: {error or ''} lost {record.lost} of {record.acknowledged}, failed {record.failed} of {record.requests}, writes again after {record.recovered and round(record.recovered, 1)} s"
        )
        return record

    def told(self) -> dict[str, int]:
        """Audience -> status updates that are in its outbox."""
        box = Path(os.environ.get("DR_HOME", "")) / "outbox"
        return {path.stem: len(path.read_text().splitlines()) for path in sorted(box.glob("*.jsonl"))}

    def _see(self, level: int, at: float) -> tuple[int, float]:
        from clouds.trustlayer_effects import observe

        found = 0
        while self.client.now() - at < SEE_SECONDS:
            found = int(assess(observe(self.site)).level)
            if found >= level:
                break
            time.sleep(0.3)
        return found, self.client.now() - at

    def _present(self) -> set[str]:
        from clouds.aws.backup import Backups

        return {
            str(row[0]) for row in Backups(self.site).primary().ask("SELECT id FROM profiles", seconds=30)
        }

    def _primary(self) -> str:
        from clouds.aws.backup import Backups

        return Backups(self.site).primary().name

    def _healthy(self) -> bool:
        from clouds.kubernetes_effects import missing
        from clouds.trustlayer_site import EAST

        return not missing(self.site.cluster(EAST))

    def _hang(self) -> dict[str, Json]:
        self.local.happen("hang-pod")
        return {}

    def _lose_database(self) -> dict[str, Json]:
        self.local.happen("lose-database", name=self._primary())
        return {}

    def _lose_zone(self) -> dict[str, Json]:
        zone = str(self.site.body["databases"][self._primary()]["zone"])
        self.local.happen("lose-zone", zone=zone)
        return {"zone": zone}

    def _lose_region(self) -> dict[str, Json]:
        self.local.happen("lose-region")
        return {}

    def _lose_data(self) -> dict[str, Json]:
        from clouds.aws.backup import Backups

        Backups(self.site).run(datetime.now(UTC))
        time.sleep(2.0)
        self.local.happen("wreck-data")
        return {}

    def _mend_database(self) -> dict[str, Json]:
        for name, server in self.site.in_region("us-east-1").items():
            if not server.reachable():
                self.local.happen("mend-database", name=name)
        return {}

    def _regain_zone(self) -> dict[str, Json]:
        zone = next(z for z, (good, _) in self._nodes().items() if not good)
        self.local.happen("regain-zone", zone=zone)
        return {"zone": zone}

    def _regain_region(self) -> dict[str, Json]:
        self.local.happen("regain-region")
        until(lambda: self.site.cluster("us-east-1").healthy(), "the cluster of us-east-1 answers")
        until(
            lambda: all(s.reachable() for s in self.site.in_region("us-east-1").values()),
            "its databases answer",
        )
        return {}

    def _nodes(self) -> dict[str, tuple[int, int]]:
        from clouds.trustlayer_effects import observe

        return dict(observe(self.site).nodes or {})

    def _confirmed(self, level: int, back: bool) -> list[str]:
        """What kubectl and psql, which nobody here wrote, say of the end state."""
        from localcloud.trustlayer.binaries import kubectl_path

        region = "us-west-2" if level == 4 and not back else "us-east-1"
        lines = []
        if kubectl_path().exists():
            lines.append(
                said(
                    [
                        str(kubectl_path()),
                        "--kubeconfig",
                        self.site.body["clusters"][region],
                        "get",
                        "deployments",
                        "-n",
                        "trustlayer",
                        "--no-headers",
                    ]
                )
            )
        psql = Path(self.site.pg_bin) / "psql"
        lines.append(
            said(
                [
                    str(psql),
                    "-XAtc",
                    "SELECT 'in recovery: ' || pg_is_in_recovery() || ', profiles: ' || (SELECT count(*) FROM profiles)",
                    self.site.databases[self._primary()].dsn,
                ]
            )
        )
        return [line for one in lines for line in one.splitlines()]

    def _say(self, text: str) -> None:
        print(text, flush=True)


def steps_of(state: State | None) -> list[tuple[str, float, str]]:
    """(step, seconds, how it ended) of a run, in the runbook's order."""
    if state is None:
        return []
    standing = [(step.id, state.of(step.id)) for step in state.runbook.steps]
    return [
        (
            id,
            (now.ended or 0.0) - (now.started or 0.0) if now.ended else 0.0,
            f"{now.phase} {now.reason}".strip(),
        )
        for id, now in standing
    ]


def said(command: list[str]) -> str:
    """What another program answers."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    return f"$ {Path(command[0]).name} …\n{done.stdout.strip() or done.stderr.strip()}"


def until(holds: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
    """Wait. Raises Failed."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except DrError:
            pass
        if time.monotonic() > deadline:
            raise Failed(
                f"waited {seconds:.0f} s, and not so that {what}",
                "the rehearsal cannot go on",
                "run it with --keep and look at the logs",
            )
        time.sleep(0.3)
