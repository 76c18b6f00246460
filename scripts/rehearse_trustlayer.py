"""`make rehearse-trustlayer`: the five levels one after another on the local parts, under a client; report."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scripts.command import run

ROOT = Path(__file__).parent.parent


def main(argv: Sequence[str]) -> int:
    """The verb."""
    return run(command, argv, "rehearse-trustlayer")


def command(
    out: Annotated[Path, typer.Option(help="Where report.html and report.json go.")] = ROOT
    / "out"
    / "trustlayer",
    scale: Annotated[float, typer.Option(help="Simulated seconds of slow operations a real second.")] = 60.0,
    percentile: Annotated[str, typer.Option(help="Column of the duration table: median or p95.")] = "p95",
    keep: Annotated[bool, typer.Option(help="Keep the local site's folder.")] = False,
) -> int:
    """Rehearse levels 1 to 5 of site trustlayer, and the ways back from 2 to 4, on real local parts; write the report.

    Exit codes: 0 everything holds, 1 it does not.
    """
    from localcloud.trustlayer.start import start
    from recovery.trustlayer.report import Rehearsal, render
    from scripts.trustlayer.story import Story

    began, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="dr-trustlayer-"))
    print(f"starting two clusters, four databases and AWS in {folder}", flush=True)
    os.environ["DR_HOME"] = str(folder / "home")  # outbox and journals of this rehearsal alone
    with start(folder, scale, percentile) as site:
        print(f"ready after {time.monotonic() - began:.1f} s", flush=True)
        story = Story(site, folder)
        levels = story.tell()
    rehearsal = Rehearsal(
        datetime.now(UTC).isoformat(timespec="seconds"), scale, percentile, story.parts, tuple(levels),
        time.monotonic() - began, len(story.client.wrong), tuple(story.two_primaries), story.told(),
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(rehearsal.to_json(), indent=1))
    (out / "report.html").write_text(render(rehearsal))
    if not keep:
        subprocess.run(["rm", "-rf", "--", str(folder)], check=False)  # noqa: S603, S607  files of the database's user too
    print(f"{out / 'report.html'}\n{rehearsal.sentence}")
    return 0 if rehearsal.holds else 1


if __name__ == "__main__":
    import sys

    from recovery.errors import DrError

    try:
        sys.exit(main(sys.argv[1:]))
    except DrError as error:
        print(error, file=sys.stderr)
        sys.exit(int(error.exit_code))
