"""What the gates saw, as JSON lines in DR_GATE_LOG: the evidence that the right gate waited.

One line: {"time": ISO 8601 UTC, "gate": kind, "event": observed | waiting | passed | refused, "seen": text or
object, "waited": real seconds so far}. Several processes append to the same file (a provider process each),
so a line is one write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from recovery.model import Json


def log_path(environ: Mapping[str, str] = os.environ) -> Path:
    """DR_GATE_LOG, else `gates.log` in DR_HOME (default `.dr`)."""
    named = environ.get("DR_GATE_LOG")
    return Path(named) if named else Path(environ.get("DR_HOME") or ".dr") / "gates.log"


class GateLog:
    """Appends to one file. A log that cannot be written never stops a failover; it is said once on stderr."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._failed = False

    def write(self, gate: str, event: str, seen: Json, **more: Json) -> None:
        """One line. Never raises."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "gate": gate,
            "event": event,
            "seen": seen,
            **more,
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as out:
                out.write(json.dumps(line, ensure_ascii=False, default=str).encode() + b"\n")
        except OSError as error:
            if not self._failed:
                self._failed = True
                os.write(2, f"gate log {self.path}: {error}\n".encode())
