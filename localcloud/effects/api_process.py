"""One instance of the image API, as a scale set's VM runs it: /health, who answered, and PUT and GET of images, which it
keeps in the container that IMAGES_URL (a signed URL) names. Standard library alone.

SIGUSR1 makes it unhealthy (503), SIGUSR2 healthy again; it ends when its standard input closes.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _State:
    healthy = True
    instance = "0"
    cloud = "azure"


IMAGES = "/images/"
MOST_BYTES = 8 << 20


def store(method: str, name: str, data: bytes = b"", content_type: str = "") -> tuple[int, bytes]:
    """One request to the container: (status, body); 503 where there is no container or it does not answer."""
    url = urllib.parse.urlsplit(os.environ.get("IMAGES_URL", ""))
    if not url.hostname:
        return 503, b""
    headers = {"x-ms-version": "2021-12-02"}
    if method == "PUT":
        headers |= {"x-ms-blob-type": "BlockBlob", "Content-Type": content_type}
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
    try:
        path = f"{url.path}/{urllib.parse.quote(name)}?{url.query}"
        connection.request(method, path, data if method == "PUT" else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 503, b""
    finally:
        connection.close()


class Api(BaseHTTPRequestHandler):
    """Answers every GET; the body names the instance."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """An image: 201 once the container has it."""
        length = int(self.headers.get("Content-Length") or 0)
        if not self.path.startswith(IMAGES) or not 0 < length <= MOST_BYTES:
            self.close_connection = True
            return self._send(400, b"{}", "application/json")
        data = self.rfile.read(length)
        kind = self.headers.get("Content-Type") or "application/octet-stream"
        status, _ = store("PUT", self._name(), data, kind)
        status = 201 if status == 201 and _State.healthy else 503
        return self._send(status, b"{}", "application/json")

    def _name(self) -> str:
        return urllib.parse.unquote(urllib.parse.urlsplit(self.path).path.removeprefix(IMAGES))

    def _send(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Cloud", _State.cloud)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_GET(self) -> None:
        """/health says healthy or failing; /images/NAME is that image; any other path says who answered."""
        if self.path.startswith(IMAGES):
            status, image = store("GET", self._name())
            known = status if status in (200, 404) else 503
            return self._send(known, image if known == 200 else b"", "application/octet-stream")
        status = 200 if _State.healthy else 503
        word = "healthy" if _State.healthy else "failing"
        body: dict[str, Any] = {"status": word, "instance": _State.instance, "cloud": _State.cloud}
        if self.path.split("?")[0] != "/health":
            body["path"] = self.path
        return self._send(status, json.dumps(body).encode(), "application/json")

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
