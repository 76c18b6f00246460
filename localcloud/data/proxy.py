"""Hands a request on to a server behind a door and its answer back, streaming both ways: memory stays flat."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    web,
)
from multidict import CIMultiDict
from yarl import URL

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Guard = Callable[[str, web.BaseRequest, Handler], Awaitable[web.StreamResponse]]
"""(door, request, what serves it): where faults that were asked for happen."""


async def unguarded(_door: str, request: web.BaseRequest, serve: Handler) -> web.StreamResponse:
    """No faults: the request is served."""
    return await serve(request)


def guarded(door: str, guard: Guard, handler: Handler) -> Handler:
    """`handler` behind the guard."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await guard(door, request, handler)

    return handle


CHUNK = 256 * 1024
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
# Headers that aiohttp would add by itself; signatures cover Content-Type, so nothing may be invented.
_NOT_INVENTED = ("User-Agent", "Content-Type", "Accept", "Accept-Encoding")


def session() -> ClientSession:
    """A client for the servers behind the doors: bodies untouched, no cookies, no total time limit."""
    return ClientSession(
        connector=TCPConnector(limit=0, keepalive_timeout=30),
        auto_decompress=False,
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=10),
        skip_auto_headers=_NOT_INVENTED,
    )


def request_headers(request: web.BaseRequest) -> CIMultiDict[str]:
    """The caller's headers without those that belong to the connection. Host stays: servers build URLs from it."""
    kept = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP)
    kept.pop("Expect", None)
    return kept


def response_headers(answer: ClientResponse) -> CIMultiDict[str]:
    """The server's headers without those that belong to its connection."""
    return CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP)


async def _body(request: web.BaseRequest) -> AsyncIterator[bytes]:
    async for piece in request.content.iter_chunked(CHUNK):
        yield piece


async def forward(
    client: ClientSession, request: web.BaseRequest, base: str, extra: Mapping[str, str] | None = None
) -> tuple[web.StreamResponse, ClientResponse]:
    """Send `request` to `base` with the same raw path, stream the answer to the caller, return both.

    A server that cannot be reached is answered 503, as a front end whose back end is away would.
    """
    headers = request_headers(request)
    headers.update(extra or {})
    data = _body(request) if request.can_read_body else None
    if data is None and request.method in ("PUT", "POST", "PATCH"):
        headers.setdefault("Content-Length", "0")
    return await send(client, request, base, headers, data)


async def send(
    client: ClientSession,
    request: web.BaseRequest,
    base: str,
    headers: CIMultiDict[str],
    data: AsyncIterator[bytes] | None,
) -> tuple[web.StreamResponse, ClientResponse]:
    """The same with headers and a body of one's own."""
    url = URL(base + request.raw_path, encoded=True)
    try:
        answer = await client.request(request.method, url, headers=headers, data=data, allow_redirects=False)
    except (ClientError, OSError) as error:
        raise web.HTTPServiceUnavailable(
            text=f"the server behind this door does not answer: {error}"
        ) from error
    async with answer:
        response = web.StreamResponse(
            status=answer.status, reason=answer.reason, headers=response_headers(answer)
        )
        await response.prepare(request)
        if request.method != "HEAD":
            async for piece in answer.content.iter_chunked(CHUNK):
                await response.write(piece)
        await response.write_eof()
    return response, answer


async def serve(handler: Handler, sock: socket.socket) -> web.ServerRunner:
    """Serve every request on `sock` with one handler. The caller keeps the runner and cleans it up."""
    runner = web.ServerRunner(web.Server(handler), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, sock).start()
    return runner
