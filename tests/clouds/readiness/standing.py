"""A local cloud on which every check says ready: built, synchronised, certified, handed over, drilled, watched."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import localcloud
from clouds import watchdog
from clouds.azure.arm import Arm
from clouds.direct_engine import DirectEngine
from clouds.endpoints import load
from clouds.gates.world import version
from clouds.journal_file import JournalFile
from clouds.journal_place import paths
from clouds.program import project_root
from clouds.readiness import kept
from clouds.readiness.run import run as ask
from clouds.readiness.world import ReadyWorld
from clouds.runbook.runs import Begun
from clouds.sync import flows, records
from clouds.sync.direction import Directions
from clouds.sync.world import SyncWorld
from localcloud import archive
from recovery.arm.catalogue import CATALOGUE
from recovery.chunks import chunk_id
from recovery.engine import DIALS_ONLY
from recovery.journal.chain import Kind
from recovery.journal.direction import Direction
from recovery.model import Action, Desired, Json, Plan
from recovery.readiness.model import Check, Result
from recovery.readiness.registry import CHECKS
from tests.clouds.runbook.simulated import PEOPLE, MemoryJournal
from tests.clouds.runbook.simulated import World as Simulated
from tests.clouds.runbook.test_schedules import Storm, carry_through

IMAGE, PICTURE = "cat.jpg", b"\xff\xd8\xff a picture of a cat" * 40
TOPIC = "arn:aws:sns:us-east-1:123456789012:standby"


class Standing:
    """root: the project as this cloud runs it. environ: the shell that `dr ready` would have."""

    def __init__(self, cloud: localcloud.LocalCloud, folder: Path) -> None:
        self.cloud, self.root = cloud, folder / "project"
        self._project()
        self.environ = {**cloud.environment, "DR_HOME": str(folder / "home")}
        self.endpoints = load(self.environ)
        self.arm = Arm(self.endpoints)
        self.engine = DirectEngine(self.root, environ=self.environ)
        self.settings: Path | None = None
        with self.shell():
            self.engine.up("standby", allow=DIALS_ONLY | {Action.CREATE}, on_event=lambda _event: None)
        first = self._world()
        first.prepare()
        self.desired = first.at.desired("standby")
        self.world = SyncWorld(self.root, "standby", self.environ, declared=self.desired)
        archive.put_in(self.desired, self.arm, self.endpoints)
        self._data()
        self.certify(90)
        self.checkpoints()
        self.drill("failover-1")
        self.watch()

    def _project(self) -> None:
        source = project_root()
        self.root.mkdir(parents=True)
        for name in ("Pulumi.yaml", "Pulumi.standby.yaml", "Pulumi.active.yaml", "__main__.py"):
            text = (source / name).read_text().replace("emails: []", "emails: [oncall@demay.com]")
            (self.root / name).write_text(text)
        (self.root / "components").symlink_to(source / "components")

    def close(self) -> None:
        self.world.close()
        self.arm.close()

    # -- runs --------------------------------------------------------------------------------------------------

    def _world(self, environ: Mapping[str, str] | None = None) -> ReadyWorld:
        def preview(stack: str) -> Plan:
            return self.engine.preview(stack)

        return ReadyWorld(
            self.root, kept.new_id(datetime.now(UTC)), "standby", environ or self.environ, preview=preview
        )

    def ask(
        self,
        *ids: str,
        environ: Mapping[str, str] | None = None,
        limit: float = 120.0,
        heartbeat: bool = True,
    ) -> dict[str, Result]:
        """One run of all checks (or of these). limit: ample, because a busy machine is no finding.

        heartbeat: False where it was given just before, because it could not arrive now.
        """
        checks: Sequence[Check] = [c for c in CHECKS if not ids or c.id in ids]
        world = self._world(environ)
        world.prepare()
        if heartbeat:
            self.quiet()
        if self.settings is not None:
            world.root = self.settings
        try:
            with self.shell(environ):
                return {r.id: r for r in ask(world, checks, limit=limit)}
        finally:
            world.close()

    @contextmanager
    def shell(self, environ: Mapping[str, str] | None = None) -> Iterator[None]:
        """The environment as the shell of `dr ready` has it: gates read it themselves."""
        with pytest.MonkeyPatch.context() as shell:
            for name, value in (environ or self.environ).items():
                shell.setenv(name, value)
            yield

    # -- the cloud ---------------------------------------------------------------------------------------------

    def one(self, token: str, name: str = "") -> Desired:
        return next(
            d
            for d in self.desired
            if d.type == f"azure-native:{token}" and (not name or d.options["name"] == name)
        )

    def body(self, one: Desired) -> dict[str, Any]:
        return self.arm.get(one.id, CATALOGUE[one.type].api_version)

    def put(self, one: Desired, body: Mapping[str, Any], id: str = "") -> dict[str, Any]:
        shown = {k: v for k, v in body.items() if k not in ("etag", "id", "name", "type", "systemData")}
        return self.arm.put(id or one.id, shown, CATALOGUE[one.type].api_version)

    def fault(self, **fault: Any) -> Callable[[], None]:
        """Put a fault into the local cloud; returns what takes it away."""
        id = self.cloud.control("POST", "faults", fault)["id"]
        return lambda: self.cloud.control("DELETE", f"faults/{id}")

    # -- data --------------------------------------------------------------------------------------------------

    def _data(self) -> None:
        s3, dynamodb = (self.world.aws(service) for service in ("s3", "dynamodb"))
        s3.put_object(
            Bucket=self.world.source.siteBucket,
            Key="index.html",
            Body=b"<h1>demay</h1>",
            ContentType="text/html",
        )
        s3.put_object(
            Bucket=self.world.source.uploadsBucket, Key=IMAGE, Body=PICTURE, ContentType="image/jpeg"
        )
        import base64

        dynamodb.put_item(TableName=self.world.source.table, Item={
            "imageId": {"S": IMAGE}, "chunkIndex": {"N": "0"}, "content": {"S": base64.b64encode(PICTURE).decode()},
        })  # fmt: skip
        directions = Directions(self.world.journal)
        directions.turn(Direction.FORWARD, "a test", "its beginning")
        for flow in ("site", "uploads", "metadata"):
            outcome = flows.run(
                self.world, flow, reverse=False, fence=directions.fence(Direction.FORWARD), cutover=None, max_delete=10,
                dry_run=False, on_items=lambda _n, _s: None, on_objects=lambda _p: None,
            )  # fmt: skip
            assert not outcome.code, outcome
            records.write(self.world.home, self.world.journal, flow, outcome.to_json())

    def record(self, flow: str, *, age: timedelta = timedelta(), holds: bool = True) -> None:
        """A run of a flow as it stands in the records, which are sorted by the second in their names."""
        time.sleep(1.1)
        proof = {
            "name": flow,
            "equal": 9 if holds else 8,
            "compared": 9,
            "population": 9,
            "later": 0,
            "holds": holds,
        }
        began = (datetime.now(UTC) - age).isoformat(timespec="seconds")
        records.write(self.world.home, self.world.journal, flow, {
            "flow": flow, "started": began, "errors": [], "refused": "", "proofs": [proof],
        })  # fmt: skip

    @property
    def documents(self) -> Any:
        return self._world().at.documents()

    def chunk(self) -> str:
        return chunk_id(IMAGE, 0)

    # -- certificate -------------------------------------------------------------------------------------------

    def certify(self, days: float, renewal: str = "acme") -> None:
        """A new version in the vault, issued by the local authority, as `dr cert` would put it there."""
        from clouds.azure.vaults import Certificates

        declared = next(d for d in self.desired if d.type.endswith(":VaultCertificate")).inputs
        vault = self.arm.get(str(declared["vaultId"]), version("keyvault:Vault"))
        made = self.cloud.control("POST", "certificate", {"names": list(declared["names"]), "days": days})
        Certificates(vault, self.endpoints).call(
            "POST", f"certificates/{declared['certificateName']}/import",
            {"value": made["key"] + made["certificate"], "tags": {"renewal": renewal} if renewal else {}},
        )  # fmt: skip

    # -- the checkpoints that Pulumi's engine would have left --------------------------------------------------

    def checkpoint_file(self, stack: str) -> Path:
        folder = Path(urlsplit(self.environ["PULUMI_BACKEND_URL"]).path)
        return folder / ".pulumi" / "stacks" / "standby" / f"{stack}.json"

    def checkpoints(self) -> None:
        """In the layout of a self-managed backend (tests/data holds a real one)."""
        for stack in ("standby", "active"):
            head = f"urn:pulumi:{stack}::standby::"
            held: list[Json] = [{"urn": f"{head}pulumi:pulumi:Stack::standby-{stack}", "type": "pulumi:pulumi:Stack",
                                 "outputs": {"footprint": "2-ab"}}]  # fmt: skip
            held += [{"urn": f"{head}{d.type}::{d.options['name']}", "type": d.type} for d in self.desired]
            path = self.checkpoint_file(stack)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                json.dumps({"version": 3, "checkpoint": {"stack": stack, "latest": {"resources": held}}})
            )

    # -- drills ------------------------------------------------------------------------------------------------

    def drill(self, run: str, *, minutes: float = 1.2, end: str = "completed") -> None:
        """A drill as the runbook's own executor carries it out, over simulated effects; its records in our journal.

        minutes: how long it takes, in the local cloud's simulated time.
        """
        memory = MemoryJournal()
        begun = Begun(run, "", "failover", people=PEOPLE, drill=True)
        if end == "completed":
            simulated = Simulated()
            carry_through(simulated, memory, "failover", Storm(simulated, []))
        tick = minutes * 60 / 72 / self.endpoints.scale  # it takes 72 s there
        first = next((float(r.body["at"]) for r in memory.records if "event" in r.body), 0.0)
        journal, head = paths(self.root, self.environ)
        when = (
            (datetime.now(UTC) - timedelta(days=20)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
        held = JournalFile(journal, head, lambda: when)
        held.append(Kind.RUN, run, begun.to_json())
        for record in memory.records:
            if record.kind is not Kind.RUN:
                # The run's own name stands in its keys.
                body = json.loads(json.dumps(dict(record.body)).replace('"failover/', f'"{run}/'))
                if "event" in body:
                    body["at"] = first + (float(body["at"]) - first) * tick
                held.append(record.kind, run, body)
        held.append(Kind.RUN, run, {"ended": end, "reason": ""})
        held.close()

    def kept_journal(self) -> Callable[[], None]:
        """Copies journal and head; returns what puts them back."""
        places = paths(self.root, self.environ)
        copies = [(p, p.read_bytes()) for p in places]

        def back() -> None:
            for path, data in copies:
                if path.is_dir():
                    shutil.rmtree(path)
                path.write_bytes(data)

        return back

    # -- the dead man's switch ---------------------------------------------------------------------------------

    def watch(self) -> None:
        """Armed, and quiet."""
        watchdog.arm_aws(self.world.aws("cloudwatch"), TOPIC)
        self.quiet()

    def quiet(self) -> None:
        """A heartbeat, and the rule's next evaluation has seen it.

        The rule's two days last five minutes here: on a busy machine it fires between two tests.
        """
        rule = watchdog.missed_rule(list(self.desired))
        assert rule is not None
        deadline = time.monotonic() + 60
        while not self.beat():  # a heartbeat that the fault under test keeps away is not waited for
            rows = self.cloud.control("GET", "alerts")["rules"]
            if not any(row["fired"] for row in rows if row["rule"].lower() == rule.id.lower()):
                return
            assert time.monotonic() < deadline, "heartbeats arrive, and the alarm stays"
            time.sleep(0.2)

    def beat(self) -> list[str]:
        return watchdog.beat(self.world.journal, self.world.aws("cloudwatch"), datetime.now(UTC), {})

    # -- settings that are no part of the footprint ------------------------------------------------------------

    def other_settings(self, folder: Path, change: Callable[[str], str]) -> None:
        """From now on people and channels are read from settings that differ by `change`."""
        folder.mkdir()
        for name in ("Pulumi.yaml", "Pulumi.standby.yaml", "Pulumi.active.yaml"):
            (folder / name).write_text(change((self.root / name).read_text()))
        self.settings = folder
