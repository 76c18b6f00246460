"""The gates' own log is the evidence of who waited."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from recovery.report.gatelog import gate_records

START = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)


def line(second: int, gate: str, event: str, **more: object) -> str:
    when = f"2026-11-22T04:00:{second:02d}.500+00:00"
    return json.dumps({"time": when, "gate": gate, "event": event, "seen": "2 of 2 healthy", **more})


def test_a_wait_runs_from_its_first_look_to_its_passing() -> None:
    """In each alternation the right gate waited, its own log shows it."""
    log = [
        line(3, "HealthGate", "observed"),
        line(4, "HealthGate", "waiting", waited=1),
        line(9, "HealthGate", "passed", waited=6.0),
    ]
    (record,) = gate_records(log, START)
    assert (record.gate, record.start, record.end, record.passed) == ("HealthGate", 3.5, 9.5, True)


def test_a_refusal_is_kept_as_one() -> None:
    (record,) = gate_records([line(5, "ReturnGate", "refused", waited=2)], START)
    assert not record.passed


def test_a_broken_line_and_an_earlier_run_are_left_out() -> None:
    log = [
        "{half a li",
        "[]",
        '{"gate": "DrainGate"}',
        line(5, "DrainGate", "passed").replace("04:00", "03:59"),
    ]
    assert gate_records(log, START) == []
