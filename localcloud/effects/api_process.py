"""One instance of the image API, as a scale set's VM runs it: /health, and who answered. Standard library alone.

SIGUSR1 makes it unhealthy (503), SIGUSR2 healthy again; it ends when its standard input closes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _State:
    healthy = True
    instance = "0"
    cloud = "azure"


class Api(BaseHTTPRequestHandler):
    """Answers every GET; the body names the instance."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """/health says healthy or failing; any other path says who answered."""
        status = 200 if _State.healthy else 503
        word = "healthy" if _State.healthy else "failing"
        body: dict[str, Any] = {"status": word, "instance": _State.instance, "cloud": _State.cloud}
        if self.path.split("?")[0] != "/health":
            body["path"] = self.path
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815  likewise

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the gateway keeps the log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def _watch_parent() -> None:
    sys.stdin.buffer.read()  # blocks until the server's end of the pipe closes
    os._exit(0)


def main() -> None:
    """Serve on a free loopback port and print it."""
    _State.instance = sys.argv[1] if len(sys.argv) > 1 else "0"
    signal.signal(signal.SIGUSR1, lambda *_: setattr(_State, "healthy", False))
    signal.signal(signal.SIGUSR2, lambda *_: setattr(_State, "healthy", True))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=_watch_parent, daemon=True).start()
    server = _Server(("127.0.0.1", 0), Api)
    print(server.server_address[1], flush=True)
    server.serve_forever(poll_interval=5)


if __name__ == "__main__":
    main()
