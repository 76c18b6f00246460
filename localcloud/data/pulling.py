"""Put Blob From URL and Put Block From URL, which Azurite 3.37 does not have, in front of it.

The door fetches the bytes and hands them to Azurite as a Put Blob or Put Block, so the blob, its guard and its MD5 are
Azurite's own. Modelled: the size limits, ``x-ms-source-range``, ``x-ms-source-content-md5`` (a mismatch is refused), and
what the service says of a source that refuses: the source's status with CannotVerifyCopySource. Not modelled: sources
that need an Authorization, ``x-ms-source-if-*``, properties copied from the source, requests signed with the account
key (the signature covers headers that are rewritten here: a SAS is needed). Sources other than loopback are refused.
Reference: https://learn.microsoft.com/rest/api/storageservices/put-blob-from-url
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator

from aiohttp import ClientError, ClientResponse, ClientSession, web
from multidict import CIMultiDict
from yarl import URL

from localcloud.data import proxy

WHOLE = 5000 * 1024 * 1024
BLOCK = 4000 * 1024 * 1024
_SOURCE = "x-ms-copy-source"


class PullError(Exception):
    """The service's refusal. source: the source's own status, 0 where it did not come to that."""

    def __init__(self, status: int, code: str, message: str, source: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.source = status, code, source


def asked(request: web.BaseRequest) -> bool:
    """True for the two operations; Copy Blob (no type, no block) is Azurite's own."""
    if request.method != "PUT" or _SOURCE not in request.headers:
        return False
    return request.query.get("comp") == "block" or "x-ms-blob-type" in request.headers


async def fetch(client: ClientSession, request: web.BaseRequest) -> ClientResponse:
    """The source's answer, its body still to be read. Raises PullError."""
    url = URL(request.headers[_SOURCE], encoded=True)
    if url.scheme not in ("http", "https") or not _loopback(url.host):
        raise PullError(400, "InvalidHeaderValue", "the local cloud fetches from loopback alone")
    wanted = request.headers.get("x-ms-source-range")
    headers = {"Range": wanted} if wanted else {}
    try:
        answer = await client.get(url, headers=headers, allow_redirects=False)
    except (ClientError, OSError) as error:
        raise PullError(400, "CannotVerifyCopySource", f"the source does not answer: {error}") from error
    if answer.status != (206 if wanted else 200):
        status = answer.status
        answer.release()
        raise PullError(
            status if 400 <= status < 500 else 500,
            "CannotVerifyCopySource",
            f"the source answered {status}",
            status,
        )
    most = BLOCK if request.query.get("comp") == "block" else WHOLE
    if (answer.content_length or 0) > most:
        answer.release()
        raise PullError(413, "RequestBodyTooLarge", f"the source has more than {most} bytes")
    return answer


def headers_of(request: web.BaseRequest, answer: ClientResponse) -> CIMultiDict[str]:
    """The request as Azurite knows it: the source's length, the MD5 that the source's bytes must have."""
    kept = proxy.request_headers(request)
    md5 = kept.get("x-ms-source-content-md5")
    for name in list(kept):
        if name.lower().startswith(("x-ms-copy-source", "x-ms-source-")):
            kept.popall(name, None)
    kept["Content-Length"] = str(answer.content_length or 0)
    kept.setdefault("Content-Type", "application/octet-stream")
    if md5:
        kept["Content-MD5"] = md5
    return kept


async def body(answer: ClientResponse) -> AsyncIterator[bytes]:
    """The source's bytes, as they come."""
    async with answer:
        async for piece in answer.content.iter_chunked(proxy.CHUNK):
            yield piece


def _loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"
