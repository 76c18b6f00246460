"""A server between the sync and a cloud that breaks down as told: what `Faulty` is given happens to the next requests that match."""

from __future__ import annotations

import asyncio
import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from localcloud.data import children, proxy


@dataclass
class Fault:
    """method, path: regular expressions. times: how often. status and code: answered instead. cut: the connection ends
    after so many bytes of the answer. flip: the answer's first byte is another. spoil: the request's first byte is."""

    method: str
    path: str
    times: int = 1
    status: int = 0
    code: str = "SlowDown"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    flip: bool = False
    spoil: bool = False
    before: Any = None


class Faulty:
    """url: where it listens. faults: what is still to happen. seen: methods and paths, in order."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str]] = []
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path = request.raw_path
        self.seen.append((request.method, path))
        fault = next(
            (
                f
                for f in self.faults
                if f.times and re.search(f.method, request.method) and re.search(f.path, path)
            ),
            None,
        )
        if fault is not None:
            fault.times -= 1
            if fault.before is not None:
                await asyncio.to_thread(fault.before)
            if fault.status:
                text = f"<Error><Code>{fault.code}</Code></Error>"
                return web.Response(
                    status=fault.status, text=text, headers={"x-ms-error-code": fault.code, **fault.headers}
                )
        body = b"".join([piece async for piece in request.content.iter_chunked(1 << 18)])
        if fault is not None and fault.spoil and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        async with aiohttp.ClientSession(
            auto_decompress=False, skip_auto_headers=("Content-Type",)
        ) as client:
            from yarl import URL

            headers = CIMultiDict(proxy.request_headers(request))
            async with client.request(
                request.method,
                URL(self.upstream + path, encoded=True),
                headers=headers,
                data=io.BytesIO(body) if body else None,
            ) as answer:
                data = await answer.read()
                if fault is not None and fault.flip and data:
                    data = bytes([data[0] ^ 1]) + data[1:]
                out = web.StreamResponse(status=answer.status, headers=proxy.response_headers(answer))
                if request.method != "HEAD":
                    out.headers["Content-Length"] = str(len(data))
                await out.prepare(request)
                if fault is not None and fault.cut is not None:
                    await out.write(data[: fault.cut])
                    assert request.transport is not None
                    request.transport.abort()
                    return out
                if request.method != "HEAD":
                    await out.write(data)
                await out.write_eof()
                return out


@contextmanager
def faulty(upstream: str) -> Iterator[Faulty]:
    """One, in a thread of its own."""
    made = Faulty(upstream)
    sock = children.listen()
    made.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    loop = asyncio.new_event_loop()
    runner = loop.run_until_complete(proxy.serve(made.handle, sock))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield made
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
