"""Is anything that a rehearsal started still running? Every process below it carries a mark in its environment."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from uuid import uuid4

MARK = "DR_REHEARSAL"


def mark() -> str:
    """Mark this process's environment, and so that of all it will start; returns the mark."""
    own = uuid4().hex
    os.environ[MARK] = own
    return own


def running(own: str) -> dict[int, str]:
    """pid -> command of every other process with this mark. Empty where there is no /proc to look at."""
    wanted = f"{MARK}={own}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        if pid == os.getpid():
            continue
        try:
            if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":  # a zombie is over; its parent has only not looked yet
                found[pid] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                )
        except OSError:
            continue  # it ended while we looked, or belongs to someone else
    return found


def end(own: str, patience: float = 5.0) -> tuple[str, ...]:
    """Wait for marked processes to end by themselves, then end them; returns what outlived even that.

    patience: real seconds before each stronger means (wait, SIGTERM, SIGKILL).
    """
    for means in (None, signal.SIGTERM, signal.SIGKILL):
        for pid in running(own) if means else ():
            try:
                os.kill(pid, means or signal.SIGTERM)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience
        while running(own) and time.monotonic() < deadline:
            time.sleep(0.05)
    return tuple(f"{command} (process {pid})" for pid, command in running(own).items())
