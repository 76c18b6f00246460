"""What this machine knows of its own runs: one JSON file each, written before an up begins.

``dr resume`` reads them to learn what was interrupted and to prove that nobody is still at it. No secrets, no
state: command, stack, host, processes.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from clouds.azure.lease import process_started
from recovery.model import Json


def runs_folder(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the records live: ``runs`` in DR_HOME (default ``.dr`` in the project)."""
    home = environ.get("DR_HOME")
    return (Path(home) if home else root / ".dr") / "runs"


@dataclass
class RunRecord:
    """One run. data: stack, engine, command, exclude, allow, host, pid, processStarted, started; later cli
    (pid, processStarted), ended, outcome; after a resume: resumed (when, evidence)."""

    path: Path
    data: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        folder: Path,
        *,
        stack: str,
        engine: str,
        command: Sequence[str],
        exclude: Sequence[str] = (),
        allow: Sequence[str] = (),
    ) -> RunRecord:
        """Write the record of a run that is about to change something."""
        now = datetime.now(UTC)
        folder.mkdir(parents=True, exist_ok=True)
        record = cls(folder / f"{now:%Y%m%dT%H%M%S}-{stack}-{uuid4().hex[:6]}.json")
        pid = os.getpid()
        record.data = {
            "stack": stack, "engine": engine, "command": list(command), "exclude": list(exclude),
            "allow": list(allow), "host": socket.gethostname(), "pid": pid,
            "processStarted": process_started(pid) or "", "started": now.isoformat(timespec="seconds"),
        }  # fmt: skip
        record._write()
        return record

    def cli_started(self, pid: int) -> None:
        """The engine's own process runs: it may outlive ours."""
        self.note(cli={"pid": pid, "processStarted": process_started(pid) or ""})

    def end(self, outcome: str) -> None:
        """The run has ended, well or not; `outcome` says how."""
        self.note(ended=datetime.now(UTC).isoformat(timespec="seconds"), outcome=outcome)

    def note(self, **facts: Json) -> None:
        """Add facts, and have them on disk before returning."""
        self.data.update(facts)
        self._write()

    def _write(self) -> None:
        partial = self.path.with_suffix(".partial")
        with partial.open("w") as out:
            json.dump(self.data, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(self.path)


def unfinished(folder: Path, stack: str = "") -> list[RunRecord]:
    """Runs (of `stack`) without an end, the newest first."""
    found = []
    for path in sorted(folder.glob("*.json"), reverse=True) if folder.exists() else ():
        try:
            data = json.loads(path.read_text())
        except ValueError:
            continue  # cut off before its first byte was safe: the run had not begun
        if not data.get("ended") and (not stack or data.get("stack") == stack):
            found.append(RunRecord(path, data))
    return found
