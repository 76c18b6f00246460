"""Pulumi's own lock on a stack, as its self-managed backends keep it (pkg/backend/diy/lock.go, CLI 3.260).

On this machine's disk the lock's file says whose it is; in a bucket the CLI is asked, and its own words are read.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clouds.azure.lease import process_started
from clouds.pulumi_cli import PulumiCli
from recovery.errors import Unobserved
from recovery.ownership import Life, Owner
from recovery.pulumi_events import plain


@dataclass(frozen=True)
class PulumiLock:
    """Who took the lock: process, host, person, when."""

    pid: int
    host: str
    person: str
    taken: str

    def owner(self) -> Owner:
        """This lock as a witness. A process that began after the lock was taken is another one."""
        what = f"Pulumi's lock, process {self.pid} on {self.host}"
        if self.host != socket.gethostname():
            return Owner(what, Life.ELSEWHERE, "another host")
        if process_started(self.pid) is None or _younger(self.pid, self.taken):
            return Owner(what, Life.DEAD, f"process {self.pid} is gone")
        return Owner(what, Life.ALIVE, f"process {self.pid} is running")


def backend_folder(url: str) -> Path | None:
    """The folder of a ``file://`` backend, whatever parameters follow it; None for every other kind."""
    if not url.startswith("file://"):
        return None
    parts = urlsplit(url)
    return Path(unquote(f"{parts.netloc}{parts.path}").replace("~", str(Path.home()), 1))


def read_locks(stack: str, project: str, environ: Mapping[str, str] = os.environ) -> list[PulumiLock] | None:
    """The locks on a stack of a ``file://`` backend; None where the backend is another (nobody can look)."""
    folder = backend_folder(environ.get("PULUMI_BACKEND_URL", ""))
    if folder is None:
        return None
    locks = []
    for path in sorted((folder / ".pulumi/locks/organization" / project / stack).glob("*.json")):
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            continue  # given back, or being written, this very moment
        locks.append(
            PulumiLock(
                int(found["pid"]), str(found["hostname"]), str(found["username"]), str(found["timestamp"])
            )
        )
    return locks


_CREATED_BY = re.compile(
    r"created by (?P<person>[^@\s]*)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<taken>\S+)"
)


def ask_locks(cli: PulumiCli, stack: str) -> list[PulumiLock]:
    """The locks on a stack of any backend, in the CLI's words: a refresh of a resource that does not exist takes the
    lock first, and has nothing to do when it gets it.

    Raises Unobserved when the CLI says neither, or names a lock but not its owner.
    """
    nobody = f"urn:pulumi:{stack}::standby::nothing::nobody"
    done = cli.attempt("refresh", "--yes", "--skip-preview", "--target", nobody, "-s", stack)
    said = plain(done.out + done.err)
    if "currently locked" not in said and "update is currently in progress" not in said:
        if done.code and "no resource named" not in said and "could not be found" not in said:
            raise Unobserved(
                f"whether stack {stack} is locked cannot be said: {said.strip().splitlines()[-1:] or 'no answer'}",
                "a lock taken from a living run ruins both",
                f"pulumi refresh -s {stack} --preview-only    (does the backend answer?)",
            )
        return []
    found = [
        PulumiLock(int(one["pid"]), one["host"], one["person"], one["taken"])
        for one in _CREATED_BY.finditer(said)
    ]
    if not found:
        raise Unobserved(
            f"stack {stack} is locked, and the backend does not say by whom",
            "only an owner who can be named can be proven dead",
            f"look who runs it (Pulumi Cloud shows it); if it is dead: pulumi cancel -s {stack}, then dr resume",
        )
    return found


def _younger(pid: int, taken: str) -> bool:
    """Did process `pid` begin after the lock was taken (so that it only inherited the number)?"""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        boot = next(
            float(line.split()[1])
            for line in Path("/proc/stat").read_text().splitlines()
            if line[:5] == "btime"
        )
        began = boot + ticks / os.sysconf("SC_CLK_TCK")
        return began > datetime.fromisoformat(taken[:19] + _zone(taken)).timestamp() + 2
    except (OSError, ValueError, StopIteration):
        return False  # not to be told: then it counts as the owner, and is alive


def _zone(taken: str) -> str:
    """The zone of a Go timestamp (``2026-11-22T04:05:35.123456789Z``), whose fraction Python does not take."""
    rest = taken[19:].lstrip(".0123456789")
    return "+00:00" if rest in ("", "Z") else rest
