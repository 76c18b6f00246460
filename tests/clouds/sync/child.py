"""`python -m tests.clouds.sync.child ROOT NAME`: one run of uploads and metadata in a process that may be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from clouds.sync import metadata, objects
from clouds.sync.direction import Directions
from clouds.sync.world import SyncWorld
from recovery.journal.direction import Direction
from tests.clouds.sync.site import declare


def main(root: Path, name: str) -> int:
    world = SyncWorld(root, "standby", os.environ, declared=declare(name))
    fence = Directions(world.journal).fence(Direction.FORWARD)
    print("running", flush=True)
    moved = asyncio.run(objects.run(
        world, "uploads", reverse=False, fence=fence, cutover=None, max_delete=10, dry_run=False, on_change=lambda _p: None
    ))  # fmt: skip
    brought = metadata.run(
        world, reverse=False, fence=fence, cutover=None, dry_run=False, on_change=lambda _n, _s: None
    )
    print(moved.code, brought.code, moved.errors, brought.errors, flush=True)
    return max(moved.code, brought.code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
