"""The local site's server: both regions, their wire, names, RDS, the edge and the control door, until SIGTERM.

``python -m localcloud.trustlayer.server --state DIR`` writes ``site.json`` into DIR when everything is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

from localcloud.durations import Clock
from localcloud.trustlayer.world import World


async def serve(state: Path, scale: float, percentile: str, parent: int, stacks: bool) -> None:
    """Start the site, say so, and wait for the end."""
    world = World(state, Clock(scale, percentile), stacks)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, ended.set)
    try:
        await world.start()
        fresh = state / "site.json.new"
        fresh.write_text(json.dumps(world.description(), indent=1))
        fresh.replace(state / "site.json")
        while not ended.is_set() and (not parent or os.getppid() == parent):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), 1.0)
    finally:
        await world.stop()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=60.0)
    parser.add_argument("--percentile", choices=("median", "p95"), default="median")
    parser.add_argument("--parent-pid", type=int, default=0)
    parser.add_argument(
        "--stacks", action="store_true", help="leave us-west-2 for the Pulumi stacks to build"
    )
    args = parser.parse_args()
    args.state.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(args.state.resolve(), args.scale, args.percentile, args.parent_pid, args.stacks))


if __name__ == "__main__":
    main()
