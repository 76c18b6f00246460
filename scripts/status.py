"""`dr status`: who is live, by what evidence; who holds the lock; what ran last."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.model import Json
from scripts.command import run

if TYPE_CHECKING:
    from clouds.evidence import Evidence

SENTENCES = {
    "primary": "The primary is live: records and resolvers send the public there.",
    "azure": "Azure is live: records and resolvers send the public to the gateway.",
    "moving": "Traffic is split: records and caches do not agree yet (or a switch was left half-done).",
    "nowhere": "Nobody is live: the public names lead neither to the primary nor to the gateway.",
    "unknown": "It cannot be told who is live: not enough could be observed.",
}
SHOWN_RUNS = 5


def status(
    stack: Annotated[
        str, typer.Option("--stack", "-s", help="Whose program is asked for the names.")
    ] = "standby",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Who is live, by what evidence; the lock's holder and the last runs.

    \b
    Changes nothing. Exit code 5 when it cannot tell who is live. Examples:
      dr status
      dr status --format json | jq .live
    """
    from clouds.evidence import gather
    from clouds.gates import READ_SECONDS
    from clouds.gates.world import World
    from clouds.program import desired, project_root
    from scripts.syncing.standing import data
    from scripts.syncing.standing import lines as data_lines

    if format not in ("text", "json"):
        raise BadInput(
            f"--format {format!r} is not known (known: text, json)",
            "nothing was looked at, and nothing is guessed",
            "dr status --format json",
        )
    root = project_root()
    evidence = gather(desired(root, stack, os.environ), World.connect(hurry=READ_SECONDS))
    runs = last_runs(root)
    kept = duties(root)
    carried = data(root)
    live = str(evidence.live)
    if format == "json":
        document = {**evidence.to_json(), "runs": runs, **kept, "data": carried, "verdict": SENTENCES[live]}
        print(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        print(
            "\n".join(
                [*lines(evidence), *run_lines(runs), *data_lines(carried), *duty_lines(kept), SENTENCES[live]]
            )
        )
    return int(ExitCode.UNOBSERVED if live == "unknown" else ExitCode.CLEAN)


def lines(evidence: Evidence) -> list[str]:
    """The evidence, a line each."""
    width = max((len(i.what) for i in evidence.items), default=0)
    return [f"  {i.what:<{width}}  {i.says:<15}  {i.seen}".rstrip() for i in evidence.items]


def last_runs(root: Path) -> list[dict[str, Json]]:
    """The newest runs of this machine, newest first."""
    from clouds.run_records import runs_folder

    folder = runs_folder(root)
    found: list[dict[str, Json]] = []
    for path in sorted(folder.glob("*.json"), reverse=True)[:SHOWN_RUNS] if folder.exists() else []:
        try:
            data = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            data = {"record": path.name, "outcome": f"unknown: {error}"}
        found.append({k: data.get(k) for k in ("stack", "engine", "started", "ended", "outcome", "person")})
    return found


def run_lines(runs: Sequence[dict[str, Json]]) -> list[str]:
    """The runs, a line each."""
    return [
        f"  run {r['started']} {r['stack']} ({r['engine']}): "
        + (f"{r['outcome']}, ended {r['ended']}" if r.get("ended") else "no end is recorded (dr resume)")
        for r in runs
    ]


def duties(root: Path) -> dict[str, Json]:
    """What this machine's journal says: the runbook's run, what is owed, what is due (COMM-3: 48 h, BACK-6: 24 h)."""
    from clouds import journal_place
    from clouds.runbook.runs import runs, state_of, unfinished
    from recovery.journal.direction import overdue, standing
    from scripts.run_view import document

    checked = journal_place.read(root)
    now = standing(checked.records)
    late = {one.id for one in overdue(datetime.now(UTC), now)}
    begun = unfinished(checked.records)
    all_runs = runs(checked.records)
    newest = all_runs[-1] if all_runs else None
    asked = document(state_of(begun, checked.records)) if begun else {"asks": [], "stuck": []}
    return {
        "journal": "whole" if checked.sound else str(checked.findings[0]),
        "runbook": None
        if newest is None
        else {"run": newest.id, "ended": newest.ended, "drill": newest.drill},
        "asked": [one["step"] for one in asked["asks"]],
        "stuck": [one["step"] for one in asked["stuck"]],
        "owed": [
            {"what": one.what, "since": one.since, "blocks": one.blocks} for one in now.obligations.values()
        ],
        "deadlines": [
            {"what": one.what, "due": one.due, "met": one.met, "overdue": one.id in late}
            for one in now.deadlines.values()
        ],
    }


def duty_lines(kept: dict[str, Json]) -> list[str]:
    """The duties, a line each; nothing where there is nothing."""
    said = [] if kept["journal"] == "whole" else [f"  journal DAMAGED: {kept['journal']} (dr journal verify)"]
    newest = kept["runbook"]
    if newest is not None and not newest["ended"]:
        waits = [f"waits for {', '.join(kept['asked'])} (dr approve)"] if kept["asked"] else []
        waits += [f"stuck at {', '.join(kept['stuck'])}"] if kept["stuck"] else []
        on = "dr resume"
        if kept["stuck"]:  # what failed is not tried again by itself
            on = f"mend, then: dr resume {' '.join(f'--retry {step}' for step in kept['stuck'])}"
        said.append(
            f"  run {newest['run']} has not ended; {'; '.join(waits) or 'under way, or killed'} ({on})"
        )
    said += [f"  owed since {one['since']}: {one['what']}" for one in kept["owed"]]
    for one in kept["deadlines"]:
        if not one["met"]:
            word = "OVERDUE" if one["overdue"] else "due"
            said.append(f"  {word} {one['due']}: {one['what']} (dr report --file)")
    return said


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(status, argv, "status")
