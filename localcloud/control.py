"""The local cloud's own controls under `/_local/`: faults, latency, the request log, and what the parts register.

Every part (ARM, edge, primary, data plane) asks `Control` for a fault before it answers and records what it answered.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from localcloud.durations import AS_OF, TABLE, Clock

Json = Any
Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Fault:
    """Something that goes wrong on demand.

    door: "arm", "edge", "primary", "blob", "web", "cosmos", "scm", "dns" ("" = any; for dns, method is the server
    and path is "KIND NAME"). method: HTTP verb ("" = any). path: regular
    expression searched in path and query, case ignored. times: how often (None = until removed).
    status/code/message/retry_after/body: the answer given. latency: real seconds before the answer (without
    `status` the request then goes on normally). timeout: real seconds of silence, then the connection is cut.
    drop: the connection is cut at once. after: the request takes effect first, only its answer is lost.
    operation: "Failed", "Canceled" or "stuck": how the long-running operation that it starts ends.
    """

    path: str
    door: str = ""
    method: str = ""
    times: int | None = None
    status: int | None = None
    code: str = "InjectedFault"
    message: str = "a fault that was asked for"
    retry_after: float | None = None
    body: Json = None
    latency: float = 0.0
    timeout: float | None = None
    drop: bool = False
    after: bool = False
    operation: str | None = None
    id: int = 0

    def matches(self, door: str, method: str, path: str) -> bool:
        """Whether this request is meant."""
        return (
            self.times != 0
            and self.door in ("", door)
            and self.method.upper() in ("", method.upper())
            and re.search(self.path, path, re.IGNORECASE) is not None
        )

    def headers(self) -> dict[str, str]:
        """Retry-After as given, in real seconds."""
        return {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}

    def answer(self) -> web.Response:
        """The answer in ARM's error shape, or the body given."""
        if isinstance(self.body, str):  # something that is no JSON
            return web.Response(text=self.body, status=self.status or 200, headers=self.headers())
        body = self.body if self.body is not None else {"error": {"code": self.code, "message": self.message}}
        return web.json_response(body, status=self.status or 500, headers=self.headers())


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


class Cut(Exception):  # noqa: N818  it is no error: a connection that shall be cut
    """The connection shall be cut without an answer."""


@dataclass
class Control:
    """State of the controls. token: the bearer token that ARM and `/_local` want."""

    token: str
    clock: Clock = field(default_factory=Clock)
    faults: list[Fault] = field(default_factory=list)
    read_latency: float = 0.0
    data_latency: float = 0.0
    write_latency: float = 0.0
    log: deque[dict[str, Json]] = field(default_factory=lambda: deque(maxlen=50_000))
    routes: dict[tuple[str, str], Route] = field(default_factory=dict)
    status: dict[str, Callable[[], Json]] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def fault(self, door: str, method: str, path: str) -> Fault | None:
        """The first fault that matches, its count taken down."""
        for fault in self.faults:
            if fault.matches(door, method, path):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    async def delay(self, method: str) -> None:
        """The global latency of reads (GET, HEAD) or writes, in real seconds."""
        seconds = self.read_latency if method in ("GET", "HEAD") else self.write_latency
        if seconds:
            await asyncio.sleep(seconds)

    async def data_door(self, door: str, request: web.BaseRequest, serve: Any) -> web.StreamResponse:
        """Serve a request at a door of the data plane: its own latency, and faults. Not recorded: there are too many."""
        if self.data_latency:
            await asyncio.sleep(self.data_latency)
        fault = self.fault(door, request.method, request.path_qs)
        try:
            response: web.StreamResponse = await (
                self._with(fault, request, serve) if fault else serve(request)
            )
        except Cut:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)  # never arrives: the connection is cut
        return response

    async def guard(self, door: str, request: web.Request, serve: Route) -> web.StreamResponse:
        """Serve a request at a door: latency, faults, then `serve`; recorded. Cut connections end in Cut."""
        started = time.monotonic()
        status = 0
        try:
            await self.delay(request.method)
            fault = self.fault(door, request.method, request.path_qs)
            response = await self._with(fault, request, serve) if fault else await serve(request)
            status = response.status
            return response
        except Cut:
            if request.transport is not None:
                request.transport.abort()
            raise
        finally:
            self.record(
                door, request.method, request.path_qs, status, time.monotonic() - started, request.host
            )

    async def _with(self, fault: Fault, request: Any, serve: Any) -> web.StreamResponse:
        if fault.operation:
            request["operation_fault"] = fault.operation
        if fault.after:
            await serve(request)
        if fault.latency:
            await asyncio.sleep(fault.latency)
        if fault.timeout is not None:
            await asyncio.sleep(fault.timeout)
            raise Cut
        if fault.drop:
            raise Cut
        response: web.StreamResponse = fault.answer() if fault.status else await serve(request)
        return response

    def record(
        self, door: str, method: str, path: str, status: int, seconds: float, host: str = "", **more: Json
    ) -> None:
        """Remember one request. status 0: no answer was given."""
        self.log.append(
            {"n": next(self._numbers), "time": time.time(), "door": door, "method": method, "path": path,
             "host": host, "status": status, "ms": round(seconds * 1000, 1), **more}
        )  # fmt: skip

    def route(self, method: str, name: str, handler: Route) -> None:
        """Add `/_local/NAME` for a part of the cloud."""
        self.routes[method, name] = handler

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one `/_local/...` request (the token has been checked)."""
        name, _, rest = request.path.removeprefix("/_local/").strip("/").partition("/")
        request["rest"] = rest
        own, built_in = self.routes.get((request.method, name)), _BUILT_IN.get((request.method, name))
        try:
            if own is not None:
                return await own(request)
            if built_in is not None:
                return await built_in(self, request)
        except (TypeError, ValueError, KeyError, re.error) as exc:
            return _refusal(400, "BadControl", f"{type(exc).__name__}: {exc}")
        return _refusal(404, "NotFound", f"there is no control {request.method} {request.path}")

    async def _status(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({name: get() for name, get in self.status.items()})

    async def _faults(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            given = await request.json()
            if "retryAfter" in given:
                given["retry_after"] = given.pop("retryAfter")
            fault = Fault(**given, id=next(self._numbers))
            re.compile(fault.path)
            self.faults.append(fault)
            return web.json_response({"id": fault.id}, status=201)
        if request.method == "DELETE":
            rest = request["rest"]
            self.faults = [f for f in self.faults if rest and f.id != int(rest)]
            return web.Response(status=204)
        return web.json_response([vars(f) for f in self.faults])

    async def _latency(self, request: web.Request) -> web.StreamResponse:
        given: Mapping[str, float] = await request.json()
        self.read_latency = float(given.get("reads", self.read_latency))
        self.write_latency = float(given.get("writes", self.write_latency))
        self.data_latency = float(given.get("data", self.data_latency))
        return web.json_response(
            {"reads": self.read_latency, "writes": self.write_latency, "data": self.data_latency}
        )

    async def _requests(self, request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            self.log.clear()
            return web.Response(status=204)
        since, door = int(request.query.get("since", 0)), request.query.get("door", "")
        return web.json_response([e for e in self.log if e["n"] > since and door in ("", e["door"])])

    async def _durations(self, request: web.Request) -> web.StreamResponse:
        if request.method == "PUT":
            given = await request.json()
            if given["percentile"] not in ("median", "p95", "instant"):
                raise ValueError("percentile is median, p95 or instant")
            self.clock.percentile = given["percentile"]
        rows = [
            {
                "operation": r.operation,
                "median": r.median,
                "p95": r.p95,
                "source": r.source,
                "real": self.clock.seconds(r.operation),
            }
            for r in TABLE.values()
        ]
        return web.json_response(
            {"asOf": AS_OF, "scale": self.clock.scale, "percentile": self.clock.percentile, "rows": rows}
        )

    async def _shutdown(self, _request: web.Request) -> web.StreamResponse:
        self.stopping.set()
        return web.json_response({"stopping": True}, status=202)


_BUILT_IN: dict[tuple[str, str], Callable[[Control, web.Request], Awaitable[web.StreamResponse]]] = {
    ("GET", "status"): Control._status,
    ("GET", "faults"): Control._faults,
    ("POST", "faults"): Control._faults,
    ("DELETE", "faults"): Control._faults,
    ("PUT", "latency"): Control._latency,
    ("GET", "requests"): Control._requests,
    ("DELETE", "requests"): Control._requests,
    ("GET", "durations"): Control._durations,
    ("PUT", "durations"): Control._durations,
    ("POST", "shutdown"): Control._shutdown,
}
