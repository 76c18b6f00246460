"""A backup that is corrupt, truncated, missing, older, or does not restore is refused before anything stops (TL-5).

A real PostgreSQL, a real dump, S3 by moto, and the real runbook of level 5.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from moto.server import ThreadedMotoServer

from clouds.aws.backup import SCRATCH, Backups
from clouds.aws.backup import effects as backup_effects
from clouds.runbook.calls import Call, Heard, Outcome, ok
from clouds.runbook.executor import Executor
from clouds.runbook.runner import Inline
from clouds.trustlayer_site import EAST, WEST, Site
from localcloud.trustlayer.binaries import postgres_bin, postgres_missing
from localcloud.trustlayer.postgres import Instance, dsn
from recovery.model import Json
from recovery.runbook import events as ev
from recovery.runbook.roles import Role
from recovery.runbook.state import Ask, Mode, Phase, State, outstanding
from recovery.trustlayer.backups import DUMP, MANIFEST
from recovery.trustlayer.runbooks import book
from tests.clouds.runbook.simulated import MemoryJournal

pytestmark = pytest.mark.skipif(bool(postgres_missing()), reason=postgres_missing() or "PostgreSQL runs here")
BACKUPS, STORAGE = "trustlayer-backups", "trustlayer-storage"


@dataclass
class Bench:
    """One server with 40 rows, its storage, and today's backup of both."""

    site: Site
    server: Instance
    date: str
    did: list[str] = field(default_factory=list)

    @property
    def s3(self) -> Any:
        return self.site.aws("s3", EAST)

    def key(self, name: str) -> str:
        return f"{self.date}/{name}"

    def manifest(self) -> dict[str, Any]:
        body = self.s3.get_object(Bucket=BACKUPS, Key=self.key(MANIFEST))["Body"].read()
        return dict(json.loads(body))

    def put(self, name: str, body: bytes) -> None:
        self.s3.put_object(Bucket=BACKUPS, Key=self.key(name), Body=body)

    def say_sound(self, dump: bytes) -> None:
        """A dump whose manifest is right about it: only a restore can tell."""
        made = self.manifest()
        made["files"][DUMP] = {"size": len(dump), "sha256": hashlib.sha256(dump).hexdigest()}
        self.put(DUMP, dump)
        self.put(MANIFEST, json.dumps(made).encode())

    def recover(self) -> State:
        """Level 5, everybody says yes; what touches the services only remembers that it was asked."""

        def other(kind: str) -> Callable[[Mapping[str, Json], Call], Outcome]:
            def handler(args: Mapping[str, Json], call: Call) -> Outcome:
                if call.phase is Phase.DO:
                    self.did.append(kind)
                return ok()

            return handler

        def words(state: State) -> list[Heard]:
            return [
                Heard(
                    ev.Answered(one.key, sorted(one.missing)[0], "op", True, one.sentence, 1.0),
                    {"what": "answered"},
                )
                for one in outstanding(state)
                if isinstance(one, Ask)
            ]

        kinds = ("site.stopped", "site.stop", "site.start", "pods.ready", "site.healthz")
        table = {**{kind: other(kind) for kind in kinds}, **backup_effects(self.site)}
        people = {"op": frozenset(Role)}
        return Executor(
            book(5, date=self.date), "r", people, MemoryJournal(), table, Inline(), lambda: 1.0, words, patience=0.0
        ).go()  # fmt: skip

    def sql(self, text: str) -> str | None:
        return self.server.sql(text, "trustlayer")


@pytest.fixture
def bench() -> Iterator[Bench]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    httpx.post(
        f"http://{host}:{port}/moto-api/reset", trust_env=False
    )  # what an earlier test left in this process
    with tempfile.TemporaryDirectory(prefix="dr-pg-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        server = Instance("db-a", root / "pg" / "db-a")
        try:
            server.create()
            server.start()
            server.sql("CREATE DATABASE trustlayer")
            server.sql("CREATE TABLE profiles (id text PRIMARY KEY, value text)", "trustlayer")
            server.sql("INSERT INTO profiles SELECT g::text, 'v' FROM generate_series(1, 40) g", "trustlayer")
            url = f"http://{host}:{port}"
            site = Site(
                {
                    "databases": {"db-a": {"dsn": dsn(server.port), "region": EAST, "zone": "us-east-1a"}},
                    "aws": {EAST: url, WEST: url}, "buckets": {"backups": BACKUPS, "copy": f"{BACKUPS}-us-west-2", "storage": STORAGE},
                    "pgBin": str(postgres_bin()), "replica": "db-a",
                }
            )  # fmt: skip
            made = Bench(site, server, f"{datetime.now(UTC):%Y%m%d}")
            for bucket in (BACKUPS, STORAGE):
                made.s3.create_bucket(Bucket=bucket)
            made.s3.put_object(Bucket=STORAGE, Key="a.txt", Body=b"as it was")
            Backups(site).run(datetime.now(UTC))
            yield made
        finally:
            server.kill()
            moto.stop()


def _corrupt(b: Bench) -> None:
    body = bytearray(b.s3.get_object(Bucket=BACKUPS, Key=b.key(DUMP))["Body"].read())
    body[len(body) // 2] ^= 0xFF
    b.put(DUMP, bytes(body))


def _older(b: Bench) -> None:
    b.put(MANIFEST, json.dumps({**b.manifest(), "format": 1}).encode())


def _unrestorable(b: Bench) -> None:
    b.say_sound(gzip.compress(b"CREATE TABLE profiles (id text;"))


def _short(b: Bench) -> None:
    b.say_sound(gzip.compress(b"CREATE TABLE profiles (id text PRIMARY KEY, value text);"))


DAMAGE: dict[str, tuple[Callable[[Bench], object], str]] = {
    "corrupt": (_corrupt, "checksum"),
    "truncated": (lambda b: b.put(DUMP, b"x"), "has 1 bytes"),
    "missing": (lambda b: b.s3.delete_object(Bucket=BACKUPS, Key=b.key(DUMP)), "is missing"),
    "unfinished": (lambda b: b.s3.delete_object(Bucket=BACKUPS, Key=b.key(MANIFEST)), "has no manifest"),
    "older format": (_older, "format 1"),
    "a dump that does not restore": (_unrestorable, "psql ended"),
    "a dump with rows missing": (_short, "restores"),
}


def test_each_damaged_backup_is_refused_before_anything_stops(bench: Bench) -> None:
    """TL-5. One server for all: after each the backup is made anew."""
    for name, (damage, why) in DAMAGE.items():
        damage(bench)
        state = bench.recover()
        assert state.stuck == ("verify",), name
        assert why in state.of("verify").reason, (name, state.of("verify").reason)
        assert bench.did == [], name
        assert bench.sql("SELECT count(*) FROM profiles") == "40", name
        assert SCRATCH not in (bench.server.sql("SELECT datname FROM pg_database") or ""), name
        Backups(bench.site).run(datetime.now(UTC))


def test_a_sound_backup_brings_the_data_back_and_keeps_newer_objects(bench: Bench) -> None:
    """TL-5: verified in a scratch database first; storage without destroying what is newer, unless told to."""
    bench.s3.put_object(Bucket=STORAGE, Key="new.txt", Body=b"after the backup")
    bench.s3.put_object(Bucket=STORAGE, Key="a.txt", Body=b"changed after the backup")
    late = {**bench.manifest(), "at": "2020-01-01T00:00:00+00:00"}  # made long before both
    bench.put(MANIFEST, json.dumps(late).encode())
    bench.sql("DROP TABLE profiles")
    state = bench.recover()
    assert state.mode is Mode.COMPLETED, state.stuck
    assert bench.did == ["site.start", "pods.ready", "site.healthz"]  # `stopped` was so already
    assert bench.sql("SELECT count(*) FROM profiles") == "40"
    kept = {key: bench.s3.get_object(Bucket=STORAGE, Key=key)["Body"].read() for key in ("a.txt", "new.txt")}
    assert kept == {"a.txt": b"changed after the backup", "new.txt": b"after the backup"}
    assert state.of("storage").evidence["keptNewer"] == 1
    told = Backups(bench.site).storage(bench.date, overwrite=True)
    assert told["written"] == 1
    assert bench.s3.get_object(Bucket=STORAGE, Key="a.txt")["Body"].read() == b"as it was"
