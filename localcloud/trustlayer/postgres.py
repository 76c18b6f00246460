"""PostgreSQL instances on loopback: a primary, replicas by pg_basebackup, and what a rehearsal does to them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from localcloud.ports import free_port
from localcloud.processes import die_with_parent
from localcloud.trustlayer.binaries import postgres_bin, server_user
from recovery.errors import Failed

USER, DATABASE = "postgres", "trustlayer"
START_SECONDS = 60.0


def dsn(port: int, database: str = DATABASE) -> str:
    """The connection string of the instance that answers at this port of loopback."""
    return f"postgresql://{USER}@127.0.0.1:{port}/{database}"


@dataclass
class Instance:
    """One server. name: of the instance and of its replication slot's application. folder: its data."""

    name: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Its own log."""
        return self.folder.parent / f"{self.name}.log"

    @property
    def alive(self) -> bool:
        """Whether the postmaster exists."""
        return self.process is not None and self.process.poll() is None

    def create(self) -> None:
        """An empty server with a database of the site's name and schema."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        _give(self.folder.parent)
        run(
            [
                "initdb",
                "-D",
                str(self.folder),
                "-U",
                USER,
                "-A",
                "trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
            ]
        )
        self._settings({})
        hba = self.folder / "pg_hba.conf"
        hba.write_text(f"{hba.read_text()}\nhost replication {USER} 127.0.0.1/32 trust\n")

    def clone(self, source_port: int) -> None:
        """A replica of the server at `source_port`, which streams from there when it is started."""
        shutil.rmtree(self.folder, ignore_errors=True)
        run(
            [
                "pg_basebackup",
                "-h",
                "127.0.0.1",
                "-p",
                str(source_port),
                "-U",
                USER,
                "-D",
                str(self.folder),
                "-X",
                "stream",
                "-c",
                "fast",
                "--no-sync",
            ]
        )
        self.follow(source_port)

    def follow(self, source_port: int) -> None:
        """Be a standby of the server at `source_port` from the next start on."""
        (self.folder / "standby.signal").touch()
        _give(self.folder / "standby.signal")
        self._settings(
            {
                "primary_conninfo": f"host=127.0.0.1 port={source_port} user={USER} application_name={self.name}"
            }
        )

    def rewind(self, source_port: int) -> None:
        """Bring a former primary back onto the line of the server at `source_port`, as its standby (pg_rewind).

        Two traps: a killed server must have recovered once before (pg_rewind does that in single-user mode), and
        the source needs a checkpoint after its promotion, which `clouds.postgres` asks for.
        """
        run(
            [
                "pg_rewind",
                "-D",
                str(self.folder),
                f"--source-server={dsn(source_port, 'postgres')}",
                "--no-sync",
            ]
        )
        self.follow(source_port)

    def rejoin(self, source: str, generation: str) -> None:
        """What the image's entrypoint does before the server starts: where the deployment names another primary to
        follow, pg_rewind against it, else a new copy of it. Once a generation: the mark lies beside the data."""
        mark = self.folder.parent / f"{self.name}.followed"
        told = f"{source} {generation}"
        if not source or (mark.exists() and mark.read_text() == told):
            return
        port = urlsplit(source).port or 5432
        try:
            self.rewind(port)
        except Failed:
            self.clone(port)
        mark.write_text(told)

    def start(self) -> None:
        """Start it and wait until it answers. Raises Failed with the end of its log."""
        if self.alive:
            return
        (self.folder / "postmaster.pid").unlink(
            missing_ok=True
        )  # of a killed server; we know that it is dead
        parent = os.getpid()
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(  # noqa: S603
                [postgres_bin() / "postgres", "-D", str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, user=server_user(), process_group=0,
                preexec_fn=lambda: die_with_parent(parent),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.alive:
            if self.sql("SELECT 1") is not None:
                return
            time.sleep(0.05)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
        self.kill()
        raise Failed(f"{self.name} did not start:\n{tail}", "the site has no database", f"less {self.log}")

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its children: a crash. Returns when nothing of it is left."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # Backends are sessions of their own: they end by themselves once the postmaster is gone (within a second).
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and self.sql("SELECT 1") is not None:
            time.sleep(0.05)

    def stop(self) -> None:
        """A fast shutdown, as a planned switch needs it: standbys get everything first."""
        if self.process is None or not self.alive:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def sql(self, text: str, database: str = "postgres") -> str | None:
        """What psql answers to one statement, unaligned; None when the server does not answer."""
        psql = str(postgres_bin() / "psql")
        command = [psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, dsn(self.port, database)]
        env = {**os.environ, "PGCONNECT_TIMEOUT": "2"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)  # noqa: S603
        return done.stdout.strip() if done.returncode == 0 else None

    def _settings(self, more: dict[str, str]) -> None:
        """Settings of our own in a file that the server's includes; what ALTER SYSTEM wrote is forgotten."""
        values = {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": "", "wal_level": "replica",
            "hot_standby": "on", "max_wal_senders": "10", "wal_keep_size": "512MB", "wal_log_hints": "on",
            "max_connections": "60", "shared_buffers": "16MB", "cluster_name": self.name, "wal_receiver_timeout": "5s",
            "wal_sender_timeout": "5s", "wal_retrieve_retry_interval": "500ms", "synchronous_commit": "remote_apply",
            # Killed processes lose nothing without fsync; only a crash of the machine would, and then all this is gone.
            "fsync": "off", "full_page_writes": "on", "autovacuum": "off", "restart_after_crash": "off", **more,
        }  # fmt: skip
        auto = self.folder / "postgresql.auto.conf"
        auto.write_text("".join(f"{key} = '{value}'\n" for key, value in values.items()))
        _give(auto)


def run(command: Sequence[str]) -> None:
    """One of PostgreSQL's own programs, as the server's user. Raises Failed with its last words."""
    done = subprocess.run(  # noqa: S603
        [str(postgres_bin() / command[0]), *command[1:]],
        user=server_user(),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if done.returncode:
        said = "\n".join(done.stderr.splitlines()[-5:])
        raise Failed(
            f"{command[0]} ended {done.returncode}: {said}",
            "the local database is not as it should be",
            "look at the server's log",
        )


def _give(path: Path) -> None:
    """Let the server's user own it, where that is not us."""
    user = server_user()
    if user is not None:
        shutil.chown(path, user)
