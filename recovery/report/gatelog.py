"""The gates' own log (JSON lines, DR_GATE_LOG) read back as records: who waited, from when to when, and what was seen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from recovery.model import Json
from recovery.report.model import GateRecord

WAITERS = ("HealthGate", "ReturnGate", "DrainGate")
"""The gates that hold traffic or capacity back. The other two kinds bring something about; they are not waits."""


def _text(seen: Json) -> str:
    return seen if isinstance(seen, str) else json.dumps(seen, ensure_ascii=False, sort_keys=True)


def gate_records(lines: Iterable[str], started: datetime) -> list[GateRecord]:
    """One record for every time a waiting gate passed or refused, in order of its end.

    started: the moment that the report counts from. A line that cannot be read (a run killed in mid-write) is left
    out: the log is evidence of what it holds, never of what it does not.
    """
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
            at = (datetime.fromisoformat(entry["time"]) - started).total_seconds()
            gate, event = str(entry["gate"]), str(entry["event"])
        except (ValueError, KeyError, TypeError):
            continue
        if gate not in WAITERS or event not in ("passed", "refused") or at < 0:
            continue
        waited = float(entry.get("waited") or 0.0)
        seen = _text(entry.get("seen", ""))
        found.append(GateRecord(gate, max(0.0, at - waited), at, event, seen, event == "passed"))
    return sorted(found, key=lambda g: g.end)
