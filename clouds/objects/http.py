"""The HTTP client under both stores: one pool, bounded buffers, and which failures may succeed when tried again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp

from clouds.objects.model import BLOCK, ObjectError

RETRY_STATUS = frozenset({408, 429, 500, 502, 503, 504})


def session(limit: int) -> aiohttp.ClientSession:
    """One pool for all requests of a run. No overall timeout (objects are large): a silent socket ends after 60 s."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, ttl_dns_cache=60),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60),
        auto_decompress=False,  # a gzip-encoded object travels as it is stored
        skip_auto_headers=("Accept-Encoding", "User-Agent"),
    )


async def blocks(response: aiohttp.ClientResponse, key: str, size: int) -> AsyncIterator[bytes]:
    """The body in blocks of BLOCK bytes. Raises ObjectError when fewer or more bytes come than were promised."""
    buffer, seen = bytearray(), 0
    try:
        async for piece in response.content.iter_chunked(1 << 18):
            seen += len(piece)
            buffer += piece
            while len(buffer) >= BLOCK:
                yield bytes(buffer[:BLOCK])
                del buffer[:BLOCK]
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise ObjectError(
            key, f"the body broke off after {seen} of {size} bytes ({exc})", retry=True
        ) from exc
    finally:
        response.release()
    if seen != size:
        raise ObjectError(key, f"the body has {seen} bytes, {size} were promised", retry=True)
    if buffer:
        yield bytes(buffer)


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
    }
    # An expired signature is retried once with a fresh one; a real refusal then refuses again.
    return ObjectError(
        key, f"{what}: {response.status} {code}".strip(),
        retry=response.status in RETRY_STATUS or expired, status=response.status,
    )  # fmt: skip


def _between(text: str, start: str, end: str) -> str:
    _, found, rest = text.partition(start)
    return rest.partition(end)[0] if found else ""
