"""A small real HTTP server that answers from a table: what the ARM client meets, without a cloud."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from clouds.azure.arm import Arm, Patience
from clouds.endpoints import Endpoints


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. body: JSON-shaped, or text or bytes as they are. hang_up: close the connection instead."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


def error(status: int, code: str, **headers: str) -> Answer:
    """An error as ARM writes it."""
    return Answer(status, {"error": {"code": code, "message": f"{code}!"}}, headers)


class Cloud:
    """Answers by `METHOD path` (without the query): a list is played once each, its last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.seen: list[str] = []
        self.url = ""
        self.slept: list[float] = []

    def on(self, request: str, *answers: Answer) -> None:
        """Answer `request` (``GET /subscriptions/s``) with these, in order."""
        self.answers[request.lower()] = list(answers)

    def arm(self, **patience: float) -> Arm:
        """A client for this cloud that notes its pauses instead of sleeping."""
        endpoints = Endpoints(name="test", arm_url=self.url, arm_token="token", scale=10)
        allowed: dict[str, Any] = {"attempts": 3, "timeout": 5.0, **patience}
        return Arm(endpoints, patience=Patience(**allowed), sleep=self.slept.append)

    def answer(self, request: str) -> Answer:
        self.seen.append(request)
        queue = self.answers.get(request.lower())
        if not queue:
            return error(404, "ResourceNotFound")
        return queue.pop(0) if len(queue) > 1 else queue[0]


@contextmanager
def cloud() -> Iterator[Cloud]:
    """A running Cloud on a free loopback port."""
    served = Cloud()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = served.answer(f"{self.command} {self.path.partition('?')[0]}")
            if answer.hang_up:
                self.close_connection = True
                self.connection.close()
                return
            payload = b""
            if isinstance(answer.body, bytes):
                payload = answer.body
            elif answer.body is not None:
                text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
                payload = text.replace("{url}", served.url).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name.replace("_", "-"), value.replace("{url}", served.url))
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = reply  # noqa: N815 (http.server's names)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client closed before its answer was read to the end
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    worker = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    worker.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        worker.join()
