"""``python -m localcloud.provider --endpoints FILE --attach-file F``: serve until SIGTERM or an orphan."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

from clouds.aws.source_live import Account
from clouds.endpoints import load
from localcloud.aws.provider import OneRegion
from localcloud.provider import others, start


def main() -> None:
    """Serve Azure and, where the cloud has it, AWS; write what an engine attaches to when ready; wait."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.provider")
    parser.add_argument("--endpoints", required=True, help="the local cloud's endpoints.json")
    parser.add_argument(
        "--attach-file", required=True, type=Path, help="where to write PULUMI_DEBUG_PROVIDERS"
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: a free one)")
    args = parser.parse_args()
    endpoints = load({"DR_ENDPOINTS": args.endpoints})
    served = [start(endpoints, args.port)]
    if endpoints.aws_url:
        served.append(others.serve({"aws": OneRegion(Account(endpoints))}))
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    partial = args.attach_file.with_suffix(".partial")
    partial.write_text(",".join(one.attach for one in served))
    partial.replace(args.attach_file)
    parent = os.getppid()
    while not done.wait(1.0) and os.getppid() == parent:
        pass  # an orphan ends by itself: nothing of a local cloud stays behind
    for one in served:
        one.stop()


if __name__ == "__main__":
    main()
