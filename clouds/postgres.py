"""PostgreSQL servers through SQL: role, positions, promotion, following; what psql and pg_promote do.

Every question has a time limit; a server that does not answer raises Unobserved, never an empty answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from recovery.errors import Failed, Unobserved


@dataclass(frozen=True)
class Server:
    """One server. name: as replication knows it. dsn: of the site's database."""

    name: str
    dsn: str

    def ask(
        self,
        text: str | sql.Composed,
        values: Sequence[object] = (),
        database: str = "",
        seconds: float = 5.0,
    ) -> list[tuple[Any, ...]]:
        """Run one statement by itself and return its rows. Raises Unobserved (no connection), Failed (an error)."""
        more: dict[str, Any] = {"dbname": database} if database else {}
        try:
            with psycopg.connect(
                self.dsn,
                autocommit=True,
                connect_timeout=2,
                options=f"-c statement_timeout={int(seconds * 1000)}",
                **more,
            ) as connection:
                cursor = connection.execute(text, values or None)
                return cursor.fetchall() if cursor.description else []
        except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
            raise Unobserved(
                f"{self.name} does not answer: {_first(exc)}",
                "its role and data cannot be known",
                f"psql {self.dsn} -c 'SELECT 1'",
                retry=True,
            ) from exc
        except psycopg.Error as exc:
            raise Failed(
                f"{self.name} refused: {_first(exc)}",
                "the database is not as the step needs it",
                f"psql {self.dsn}",
            ) from exc

    def reachable(self) -> bool:
        """Does it answer at all?"""
        try:
            return self.ask("SELECT 1", database="postgres") == [(1,)]
        except (Unobserved, Failed):
            return False

    def in_recovery(self) -> bool:
        """Is it a standby?"""
        return bool(self.ask("SELECT pg_is_in_recovery()", database="postgres")[0][0])

    def timeline(self) -> int:
        """Its line of history: each promotion begins a new one, with a higher number."""
        return int(self.ask("SELECT timeline_id FROM pg_control_checkpoint()", database="postgres")[0][0])

    def received(self) -> int:
        """Position up to which a standby has WAL, as bytes from the beginning."""
        text = "SELECT pg_wal_lsn_diff(coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0'), '0/0')"
        return int(self.ask(text, database="postgres")[0][0])

    def written(self) -> int:
        """Position up to which a primary has written, as bytes from the beginning."""
        return int(self.ask("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')", database="postgres")[0][0])

    def replayed(self) -> int:
        """Position up to which a standby's data can be read, as bytes from the beginning."""
        text = "SELECT pg_wal_lsn_diff(coalesce(pg_last_wal_replay_lsn(), '0/0'), '0/0')"
        return int(self.ask(text, database="postgres")[0][0])

    def lag(self) -> float | None:
        """Seconds that a standby's last replayed transaction is old, 0 when it has replayed all that it received from a
        primary that still streams to it (an idle primary makes nobody late); None: nothing was replayed yet."""
        text = (
            "SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
            " AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming') THEN 0"
            " ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END"
        )
        rows = self.ask(text, database="postgres")
        return None if rows[0][0] is None else float(rows[0][0])

    def detached(self) -> bool:
        """Does it take WAL from nobody, and will it after a restart? (A promoted server does not either.)"""
        rows = self.ask(
            "SELECT NOT pg_is_in_recovery() OR ((SELECT count(*) FROM pg_stat_wal_receiver) = 0 AND current_setting('primary_conninfo') = '')",
            database="postgres",
        )
        return bool(rows[0][0])

    def follow(self, source: Server | None) -> None:
        """Stream from `source` from now on; None: from nobody."""
        self._set("primary_conninfo", source.conninfo(self.name) if source else "")

    def conninfo(self, application: str) -> str:
        """How a standby named `application` reaches this server."""
        parts = urlsplit(self.dsn)
        password = f" password={parts.password}" if parts.password else ""
        return f"host={parts.hostname} port={parts.port or 5432} user={parts.username or 'postgres'}{password} application_name={application}"

    def promote(self, seconds: int = 60) -> None:
        """pg_promote, and the checkpoint without which pg_rewind could not use this server as its source."""
        if not self.in_recovery():
            return
        if not self.ask(
            "SELECT pg_promote(true, %s)", (seconds,), database="postgres", seconds=seconds + 5.0
        )[0][0]:
            raise Failed(
                f"{self.name} was not promoted within {seconds} s",
                "nobody takes writes",
                f"psql {self.dsn} -c 'SELECT pg_promote()'",
                retry=True,
            )
        self.ask("CHECKPOINT", database="postgres", seconds=60)

    def standbys(self) -> dict[str, str]:
        """Application name -> sync_state of the standbys that stream from it."""
        rows = self.ask(
            "SELECT application_name, sync_state FROM pg_stat_replication WHERE state = 'streaming'",
            database="postgres",
        )
        return {str(name): str(state) for name, state in rows}

    def synchronous(self, names: Sequence[str]) -> None:
        """Wait for one of these standbys (by name) at each commit; empty: for none."""
        self._set(
            "synchronous_standby_names", f"ANY 1 ({', '.join(_quoted(n) for n in names)})" if names else ""
        )

    def read_only(self, on: bool) -> None:
        """Refuse writes of new transactions (on), and end the sessions that could still hold one open."""
        self._set("default_transaction_read_only", "on" if on else "off")
        if on:
            self.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
                database="postgres",
            )

    def refuses_writes(self) -> bool:
        """Are writes of new transactions refused?"""
        rows = self.ask(
            "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'",
            database="postgres",
        )
        return bool(rows[0][0])

    def write(self) -> None:
        """A committed write of the tool's own. Raises when it is not taken."""
        self.ask("CREATE TABLE IF NOT EXISTS dr_probe (at timestamptz NOT NULL)")
        self.ask("INSERT INTO dr_probe VALUES (now())")

    def wait(self, holds: Mapping[str, str], seconds: float) -> bool:
        """Wait until all these standbys stream, with these sync states ("" = any)."""
        deadline = time.monotonic() + seconds
        while True:
            now = self.standbys()
            if all(name in now and (not state or now[name] == state) for name, state in holds.items()):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)

    def _set(self, name: str, value: str) -> None:
        # ALTER SYSTEM takes no parameters, so the literal is composed by the driver.
        self.ask(
            sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)),
            database="postgres",
        )
        self.ask("SELECT pg_reload_conf()", database="postgres")


def newest_primary(servers: Iterable[Server]) -> Server | None:
    """The server that takes writes: of several that say so, the one promoted last (an old one may have come back)."""
    found = [
        (server.timeline(), server.name, server)
        for server in servers
        if server.reachable() and not server.in_recovery()
    ]
    return max(found, key=lambda one: one[:2])[2] if found else None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
