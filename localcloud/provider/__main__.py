"""``python -m localcloud.provider --endpoints FILE --port-file F``: serve until SIGTERM or an orphan."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

from clouds.endpoints import load
from localcloud.provider import start


def main() -> None:
    """Serve, write the port to the port file when ready, wait."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.provider")
    parser.add_argument("--endpoints", required=True, help="the local cloud's endpoints.json")
    parser.add_argument("--port-file", required=True, type=Path, help="where to write the port")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: a free one)")
    args = parser.parse_args()
    served = start(load({"DR_ENDPOINTS": args.endpoints}), args.port)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    partial = args.port_file.with_suffix(".partial")
    partial.write_text(f"{served.port}\n")
    partial.replace(args.port_file)
    parent = os.getppid()
    while not done.wait(1.0) and os.getppid() == parent:
        pass  # an orphan ends by itself: nothing of a local cloud stays behind
    served.stop()


if __name__ == "__main__":
    main()
