"""`python -m tests.clouds.sync.verb ROOT NAME VERB...`: `dr VERB` upon a test's site, in a process that may be stopped."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from clouds.sync.world import SyncWorld
from scripts import cli
from scripts.syncing import carry, follow
from tests.clouds.sync.site import declare


def main(root: Path, name: str, argv: list[str]) -> int:
    def opened() -> SyncWorld:
        return SyncWorld(root, "standby", os.environ, declared=declare(name))

    carry.opened = follow.opened = opened  # a test's site is declared by hand; a project's by its program
    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
