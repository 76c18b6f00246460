"""Rehearsed switches, one after the other: none leaves a finding, none grows the baseline, none leaves memory behind.

`python -m benchmarks.switches 100` runs a hundred (there and back counts as two); `make bench` runs ten. On a local cloud of its
own, by the direct engine, with the gates: what is counted after each switch is what `dr drift` would report.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.rehearsal.wiring import LocalWorld

MANY = 10
SCALE = 600.0


def main(argv: Sequence[str]) -> int:
    """Run `argv[0]` switches; 1 when one left a finding, or the baseline grew."""
    from scripts.rehearsal.recorder import Recorder
    from scripts.rehearsal.show import Show
    from scripts.rehearsal.wiring import open_world

    count = int(argv[0]) if argv else MANY
    before = dict(os.environ)
    problems: list[str] = []
    seconds: dict[str, list[float]] = {"active": [], "standby": []}
    sizes: list[int] = []
    with tempfile.TemporaryDirectory(prefix="dr-switches-") as folder:
        record = Recorder("direct", SCALE, (), Show(io.StringIO()))
        try:
            with open_world("direct", Path(folder) / "cloud", SCALE, record) as world:
                world.build(lambda event: None)
                _page(world)
                for number in range(count):
                    stack = ("active", "standby")[number % 2]
                    began = time.monotonic()
                    plan = world.up(stack, lambda event: None)
                    seconds[stack].append(time.monotonic() - began)
                    seen = world.drift(stack)
                    sizes.append(_entries(stack))
                    if seen.findings or not seen.complete:
                        named = "; ".join(
                            f"{f.verdict} {f.id.rpartition('/')[2]} {f.path}" for f in seen.findings[:3]
                        )
                        problems.append(
                            f"switch {number + 1} to {stack}: {len(seen.findings)} finding(s): {named}"
                        )
                    others = {str(s.action) for s in plan.changes} - {"~"}
                    if others:
                        problems.append(
                            f"switch {number + 1} to {stack} did more than update: {sorted(others)}"
                        )
        finally:
            os.environ.clear()
            os.environ.update(before)
    first, last = sizes[:2], sizes[-2:]
    if max(last, default=0) > max(first, default=0):
        problems.append(
            f"the baseline grew: {first} entries after the first two switches, {last} after the last two"
        )
    for stack, taken in seconds.items():
        if taken:
            print(
                f"{len(taken)} to {stack}: median {statistics.median(taken):.1f} s, last/first {taken[-1] / taken[0]:.2f}"
            )
    print(f"baseline entries after the first two: {first}, after the last two: {last}")
    for problem in problems:
        print(problem)
    print(
        f"{count} switches: {'no finding, no grown baseline' if not problems else f'{len(problems)} problem(s)'}"
    )
    return int(bool(problems))


def _page(world: LocalWorld) -> None:
    """The page that the health gate asks for. No sync brings it: no data has flowed, so none is owed on the way home."""
    from clouds.runbook.footprint import Footprint

    blobs = Footprint(world.root).blobs("storage-site")
    try:
        blobs.put("$web", "index.html", b"<h1>here</h1>", content_type="text/html")
    finally:
        blobs.close()


def _entries(stack: str) -> int:
    """How many differences the baseline accepts."""
    from clouds import baselines
    from clouds.program import project_root

    return len(baselines.load(project_root(), stack, os.environ).entries)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
