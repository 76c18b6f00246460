"""A loopback HTTP server with a table of answers: what the gates ask is real HTTP, only the service is small."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from clouds.azure.arm import Arm, Patience
from clouds.endpoints import Endpoints
from clouds.gates.log import GateLog
from clouds.gates.world import World

Answer = tuple[int, Any]


@dataclass
class Service:
    """answers: (method, path, lower case, without query) -> (status, body) or a function of the request's body."""

    url: str = ""
    port: int = 0
    answers: dict[tuple[str, str], Answer | Callable[[bytes], Answer]] = field(default_factory=dict)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)

    def on(self, method: str, path: str, status: int, body: Any = None) -> None:
        self.answers[method, path.lower()] = (status, body)

    def calls(self, method: str, part: str = "") -> list[str]:
        return [p for m, p, _ in self.requests if m == method and part.lower() in p.lower()]


@pytest.fixture
def service() -> Iterator[Service]:
    """The server, on a free loopback port."""
    held = Service()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(urlsplit(self.path).path).lower()
            held.requests.append((self.command, self.path, body))
            found = held.answers.get(
                (self.command, path), (404, {"error": {"code": "ResourceNotFound", "message": path}})
            )
            status, reply = found(body) if callable(found) else found
            data = b"" if reply is None else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 (the names that http.server looks for)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.port = server.server_address[1]
    held.url = f"http://127.0.0.1:{held.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield held
    server.shutdown()
    server.server_close()
    thread.join(5)


@dataclass
class Clock:
    """Real seconds that pass only by sleeping. later: what happens at a moment."""

    time: float = 0.0
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        for entry in [e for e in self.later if e[0] <= self.time]:
            self.later.remove(entry)
            entry[1]()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(service: Service, clock: Clock, tmp_path: Path) -> Iterator[World]:
    """The gates' world on the small service, at scale 1, with a clock that only sleeping moves."""
    endpoints = Endpoints(
        name="test", arm_url=service.url, arm_token="t", edge={"192.0.2.10": f"127.0.0.1:{service.port}"}
    )
    arm = Arm(endpoints, patience=Patience(attempts=2, backoff=0.01, timeout=5), sleep=lambda _: None)
    log = GateLog(tmp_path / "gates.log")
    yield World(endpoints, arm, log, clock.now, lambda: 1_800_000_000.0 + clock.time, clock.sleep, tmp_path)
    arm.close()


@pytest.fixture
def events(world: World) -> Callable[[], list[str]]:
    """The events in the gate log so far."""

    def read() -> list[str]:
        lines = world.log.path.read_text().splitlines() if world.log.path.exists() else []
        return [json.loads(line)["event"] for line in lines]

    return read
