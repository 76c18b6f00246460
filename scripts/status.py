"""`dr status`: who is live, by what evidence; who holds the lock; what ran last."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
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

    if format not in ("text", "json"):
        raise BadInput(
            f"--format {format!r} is not known (known: text, json)",
            "nothing was looked at, and nothing is guessed",
            "dr status --format json",
        )
    root = project_root()
    evidence = gather(desired(root, stack, os.environ), World.connect(hurry=READ_SECONDS))
    runs = last_runs(root)
    live = str(evidence.live)
    if format == "json":
        document = {**evidence.to_json(), "runs": runs, "verdict": SENTENCES[live]}
        print(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        print("\n".join([*lines(evidence), *run_lines(runs), SENTENCES[live]]))
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


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(status, argv, "status")
