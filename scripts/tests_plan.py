"""`dr tests due | run | record | report`: the plan of DR tests (TL-8), kept in the journal of the site."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.errors import BadInput, Stopped
from recovery.exit_codes import ExitCode
from recovery.journal.chain import Kind, Record
from recovery.trustlayer.calendar import PLAN, Done, Outcome, Test, report, standing
from scripts.command import run

if TYPE_CHECKING:
    from clouds.journal_place import SharedJournal

ROOT = Path(__file__).parent.parent
RUNNABLE = {
    "backup-restore": ("scripts.backup", ["verify", "latest"]),
    "pod-failure": ("scripts.chaos", ["pod"]),
    "zone-failover": ("scripts.chaos", ["zone"]),
}
"""Tests that the tool carries out itself; the yearly activation is planned by people and recorded."""


def main(argv: Sequence[str]) -> int:
    """The verb."""
    return run(command, argv, "tests")


def command(
    what: Annotated[str, typer.Argument(help="due, run, record or report.")],
    test: Annotated[str, typer.Argument(help="run, record: " + ", ".join(t.id for t in PLAN))] = "",
    outcome: Annotated[str, typer.Option(help="record: passed, failed or aborted.")] = "",
    minutes: Annotated[float, typer.Option(help="record: how long it took.", min=0)] = 0.0,
    note: Annotated[str, typer.Option(help="record: what was found.")] = "",
) -> int:
    """Say which DR tests are due, run one, record one that was run by hand, or write the report.

    Exit codes: 0, 1 the test failed, 3 (due) something is due.

    Example: dr tests due || dr tests run pod-failure
    """
    with_journal = journal()
    today = datetime.now(UTC).date()
    runs = history(with_journal.records)
    if what == "due":
        rows = standing(runs, today)
        for row in rows:
            word = (
                "failing"
                if row.failing
                else f"{row.late} days late"
                if row.late
                else "due"
                if row.due
                else f"on {row.on}"
            )
            print(
                f"{'!' if row.due else '='} {row.test.id}: {word} (last pass {row.last or 'never'}): {row.test.command}"
            )
        due = sum(row.due for row in rows)
        print(f"{due} of {len(rows)} tests are due.")
        return int(ExitCode.FINDING) if due else 0
    if what == "report":
        print(report(runs, today), end="")
        return 0
    if what not in ("run", "record"):
        raise BadInput(f"there is no {what!r} of tests", "nothing was done", "dr tests due")
    chosen = _test(test)
    if what == "record":
        if outcome not in set(Outcome):
            raise BadInput(
                f"--outcome is {outcome!r}",
                "a result is passed, failed or aborted",
                f"dr tests record {test} --outcome passed --minutes 30",
            )
        record(with_journal, Done(chosen.id, today, Outcome(outcome), minutes, note))
        return 0
    return _carry_out(chosen, with_journal, today)


def _carry_out(test: Test, with_journal: SharedJournal, today: date) -> int:
    import importlib

    if test.id not in RUNNABLE:
        raise BadInput(
            f"{test.id} moves users' traffic and is planned by people", "it is not run by a calendar",
            f"{test.command}, then: dr tests record {test.id} --outcome passed --minutes MINUTES",
        )  # fmt: skip
    module, argv = RUNNABLE[test.id]
    began = time.monotonic()
    outcome = Outcome.FAILED
    try:
        code = int(importlib.import_module(module).main(argv))
        outcome = Outcome.PASSED if code == 0 else Outcome.FAILED
    except (Stopped, KeyboardInterrupt):
        outcome = Outcome.ABORTED
        raise
    finally:
        record(with_journal, Done(test.id, today, outcome, (time.monotonic() - began) / 60))
    return code


def journal() -> SharedJournal:
    """The journal of tests of this machine."""
    from clouds.journal_place import SharedJournal, home

    folder = home(ROOT) / "trustlayer"
    return SharedJournal(folder / "tests.jsonl", folder / "tests-head.json")


def record(with_journal: SharedJournal, done: Done) -> None:
    """Write one run down."""
    body = {
        "what": "dr-test",
        "test": done.test,
        "day": done.day.isoformat(),
        "outcome": str(done.outcome),
        "minutes": done.minutes,
        "note": done.note,
    }
    with_journal.append(Kind.NOTE, "tests", body)
    print(f"{done.day} {done.test}: {done.outcome} after {done.minutes:.1f} min")


def history(records: Sequence[Record]) -> list[Done]:
    """All runs that were written down."""
    return [
        Done(
            str(r.body["test"]),
            date.fromisoformat(str(r.body["day"])),
            Outcome(r.body["outcome"]),
            float(r.body["minutes"]),
            str(r.body.get("note", "")),
        )
        for r in records
        if r.kind is Kind.NOTE and r.body.get("what") == "dr-test"
    ]


def _test(id: str) -> Test:
    found = next((t for t in PLAN if t.id == id), None)
    if found is None:
        raise BadInput(
            f"there is no test {id!r} in the plan",
            "a result must stand at its own test",
            f"one of {', '.join(t.id for t in PLAN)}",
        )
    return found
