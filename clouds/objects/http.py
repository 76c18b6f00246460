"""The HTTP client under both stores: one pool, bounded buffers, and which failures may succeed when tried again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import aiohttp

from clouds.objects.model import ObjectError

RETRY_STATUS = frozenset({408, 429, 500, 502, 503, 504})


def session(limit: int) -> aiohttp.ClientSession:
    """One pool for all requests of a run. No overall timeout (objects are large): a silent socket ends after 60 s."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, ttl_dns_cache=60),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60),
        auto_decompress=False,  # a gzip-encoded object travels as it is stored
        skip_auto_headers=("Accept-Encoding", "User-Agent"),
        read_bufsize=1 << 19,  # the default of 64 KB stops and starts the socket four times as often
    )


class Pieces(AsyncIterator[bytes]):
    """The body as it comes. Raises ObjectError when fewer or more bytes come than were promised.

    `aclose` gives the connection back also when nothing was read (a generator that never began has no end).
    """

    def __init__(self, response: aiohttp.ClientResponse, key: str, size: int) -> None:
        self._response, self._read = response, _pieces(response, key, size)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._read)

    async def aclose(self) -> None:
        """No more is read, also where another task is still at it (it then finds the connection closed)."""
        self._response.release()
        if not getattr(self._read, "ag_running", False):
            await self._read.aclose()


async def _pieces(response: aiohttp.ClientResponse, key: str, size: int) -> AsyncGenerator[bytes, None]:
    seen = 0
    try:
        async for piece in response.content.iter_any():
            seen += len(piece)
            yield piece
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise ObjectError(
            key, f"the body broke off after {seen} of {size} bytes ({exc})", retry=True
        ) from exc
    finally:
        response.release()
    if seen != size:
        raise ObjectError(key, f"the body has {seen} bytes, {size} were promised", retry=True)


async def finish(response: aiohttp.ClientResponse) -> None:
    """Read what little is left of an answer: a connection that is let go of before its end cannot be used again."""
    try:
        await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError):
        response.close()  # its status was read; only the connection is lost


async def failure(key: str, what: str, response: aiohttp.ClientResponse) -> ObjectError:
    """The error for an unexpected status, with the service's own code (no URL: it may carry a signature)."""
    text = (await response.content.read(2048)).decode("utf-8", "replace")
    response.release()
    code = response.headers.get("x-ms-error-code") or _between(text, "<Code>", "</Code>")
    expired = response.status in (400, 403) and code in {
        "RequestTimeTooSkewed",
        "ExpiredToken",
        "AccessDenied",
        "AuthenticationFailed",
        "CannotVerifyCopySource",
    }
    # An expired signature is tried again with a fresh one; a real refusal then refuses again. The same of an MD5 that the
    # server did not find in what arrived.
    expired = expired or code in {"Md5Mismatch", "BadDigest", "InvalidMd5"}
    return ObjectError(
        key, f"{what}: {response.status} {code}".strip(),
        retry=response.status in RETRY_STATUS or expired, status=response.status,
    )  # fmt: skip


def _between(text: str, start: str, end: str) -> str:
    _, found, rest = text.partition(start)
    return rest.partition(end)[0] if found else ""
