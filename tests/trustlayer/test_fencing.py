"""Fence, choose, promote on real PostgreSQL servers: no acknowledged row is lost, and no two servers take writes."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clouds.runbook.calls import Call, Outcome
from clouds.trustlayer_effects import effects
from clouds.trustlayer_site import Site
from localcloud.trustlayer.binaries import postgres_missing
from localcloud.trustlayer.postgres import Instance, dsn
from recovery.errors import Stopped
from recovery.runbook.events import Result
from recovery.runbook.state import Phase, StepState, begin
from recovery.trustlayer.runbooks import book

pytestmark = pytest.mark.skipif(bool(postgres_missing()), reason=postgres_missing() or "PostgreSQL runs here")
NAMES = ("db-a", "db-b", "db-c")


@dataclass
class Servers:
    """A primary with two synchronous standbys, and the site that names them."""

    instances: dict[str, Instance]
    site: Site

    def call(self, kind: str, phase: Phase = Phase.DO, **evidence: dict[str, Any]) -> Outcome:
        state = begin(book(2), "run", {})
        for step, found in evidence.items():
            state = state.put(step, replace(StepState(), evidence=found))
        return effects(self.site)[kind]({}, Call("key", "step", phase, state, None))  # type: ignore[arg-type]

    def recover(self) -> dict[str, dict[str, Any]]:
        """status, fence, choose, promote, attach, as the runbook orders them."""
        found: dict[str, dict[str, Any]] = {}
        for step, kind in (
            ("status", "look"),
            ("fence", "fence"),
            ("choose", "choose"),
            ("promote", "promote"),
            ("attach", "attach"),
        ):
            outcome = self.call(f"database.{kind}", **found)
            assert outcome.result is Result.OK, (step, outcome.evidence)
            found[step] = dict(outcome.evidence)
        return found


@pytest.fixture
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="dr-pg-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        made = {n: Instance(n, root / "pg" / n) for n in NAMES}
        try:
            first = made["db-a"]
            first.create()
            first.start()
            first.sql("CREATE DATABASE trustlayer")
            first.sql("CREATE TABLE profiles (id text PRIMARY KEY, value text)", "trustlayer")
            for other in NAMES[1:]:
                made[other].clone(first.port)
                made[other].start()
            first.sql('ALTER SYSTEM SET synchronous_standby_names = \'ANY 1 ("db-a", "db-b", "db-c")\'')
            first.sql("SELECT pg_reload_conf()")
            rows = {
                n: {"dsn": dsn(i.port), "region": "us-east-1", "zone": f"us-east-1{n[-1]}"}
                for n, i in made.items()
            }
            yield Servers(made, Site({"databases": rows, "replica": "db-c"}))
        finally:
            for one in made.values():
                one.kill()


def _writer(url: str, acknowledged: list[int]) -> None:
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            for number in range(100_000):
                connection.execute("INSERT INTO profiles VALUES (%s, '')", (str(number),))
                acknowledged.append(number)
    except psycopg.Error:
        return


def test_a_killed_primary_loses_no_acknowledged_row(servers: Servers) -> None:
    """Levels 2 and 3: 0 acknowledged rows lost, with the primary killed under load; psql confirms the end state."""
    acknowledged: list[int] = []
    thread = threading.Thread(target=_writer, args=(dsn(servers.instances["db-a"].port), acknowledged))
    thread.start()
    while len(acknowledged) < 200:
        assert thread.is_alive()
    servers.instances["db-a"].kill()
    thread.join()
    found = servers.recover()
    chosen = servers.instances[found["choose"]["candidate"]]
    present = set((chosen.sql("SELECT id FROM profiles", "trustlayer") or "").split())
    assert {str(number) for number in acknowledged} <= present
    assert chosen.sql("SELECT pg_is_in_recovery()") == "f"
    # Asked again after a kill whose end was not seen: nothing is promoted twice, nor another one.
    again = servers.recover()
    assert again["choose"]["candidate"] == found["choose"]["candidate"]
    assert [
        n for n, i in servers.instances.items() if i.alive and i.sql("SELECT pg_is_in_recovery()") == "f"
    ] == [chosen.name]
    # The killed server comes back by rewind as a replica of the new primary, its untold rows thrown away.
    servers.instances["db-a"].rewind(chosen.port)
    servers.instances["db-a"].start()
    assert servers.site.databases[chosen.name].wait({"db-a": "quorum"}, 20)
    assert servers.instances["db-a"].sql("SELECT pg_is_in_recovery()") == "t"


def test_an_old_primary_that_wakes_up_acknowledges_nothing(servers: Servers) -> None:
    """Two primaries never both accept writes: the fence holds without any word from the old one."""
    old = servers.instances["db-a"]
    # Level 2 is for the API too: while the primary takes writes, no database is touched.
    well = dict(servers.call("database.look").evidence)
    assert servers.site.databases["db-b"].lag() == 0.0  # an idle primary makes nobody late
    assert well["primary"] == "db-a"
    assert servers.call("database.fenced", Phase.CHECK, status=well).result is Result.OK
    assert servers.call("database.choose", status=well).evidence["candidate"] == "db-a"
    roles = {"db-a": "silent", "db-b": "replica", "db-c": "replica"}
    # The old primary runs on, out of our sight: we only never ask it.
    status = {"roles": roles, "primary": ""}
    assert servers.call("database.fenced", Phase.CHECK, status=status).result is Result.TODO
    assert servers.call("database.fence", status=status).result is Result.OK
    assert servers.call("database.fenced", Phase.CHECK, status=status).result is Result.OK
    acknowledged: list[int] = []
    thread = threading.Thread(target=_writer, args=(dsn(old.port), acknowledged), daemon=True)
    thread.start()
    thread.join(2)
    assert not acknowledged
    old.kill()
    thread.join(10)
    choice = dict(servers.call("database.choose", status=status).evidence)
    assert choice["candidate"] in ("db-b", "db-c")
    # With a second server silent a row may be on it alone: no promotion without a person who knows.
    servers.instances["db-b"].kill()
    silent = dict(servers.call("database.look").evidence)
    with pytest.raises(Stopped, match="not exactly one database is lost"):
        servers.call("database.fence", status=silent)
