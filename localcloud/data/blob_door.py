"""The door in front of Azurite's blob service: passes through, knows which accounts exist, reports what changed.

Path style: ``http://127.0.0.1:PORT/<account>/<container>/<blob>``. Azurite checks the signatures; its path-style
string-to-sign has no host in it, so a request signed for the door is valid behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote
from xml.sax.saxutils import escape

from aiohttp import ClientResponse, ClientSession, web

from localcloud.data import proxy, pulling

_ERROR = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
)


@dataclass(frozen=True)
class BlobChange:
    """A blob was written or deleted through the door. quoted: the name as it stood in the path."""

    account: str
    container: str
    quoted: str
    api: str
    etag: str
    content_type: str
    length: int | None
    blob_type: str
    request_id: str
    client_request_id: str

    @property
    def blob(self) -> str:
        """The blob's name, decoded."""
        return unquote(self.quoted)

    @property
    def deleted(self) -> bool:
        """True for a deletion."""
        return self.api == "DeleteBlob"


def split(raw_path: str) -> tuple[str, str, str]:
    """(account, container, quoted blob name) of a raw path; "" where a part is absent.

    A blob directly below the account is in ``$root``, but nothing here writes there: the part is a container.
    """
    path = raw_path.partition("?")[0].lstrip("/")
    account, _, rest = path.partition("/")
    container, _, blob = rest.partition("/")
    return unquote(account), unquote(container), blob


def change_of(request: web.BaseRequest) -> str | None:
    """Event Grid's name of the operation that would change a blob's existence or content, or None."""
    query, headers = request.query, request.headers
    if "restype" in query or not split(request.raw_path)[2]:
        return None
    comp = query.get("comp")
    if request.method == "PUT":
        if comp == "blocklist":
            return "PutBlockList"
        if comp is None:
            if "x-ms-copy-source" in headers and "x-ms-blob-type" not in headers:
                return "CopyBlob"
            return "PutBlob"
    if request.method == "DELETE" and comp is None and "snapshot" not in query:
        return "DeleteBlob"
    return None


class BlobDoor:
    """Forwards to Azurite and tells `changed` about blobs, `configured` about service properties."""

    def __init__(
        self,
        client: ClientSession,
        azurite: str,
        exists: Callable[[str], bool],
        changed: Callable[[BlobChange], Awaitable[None]],
        configured: Callable[[str], Awaitable[None]],
        kept: Callable[[str, str], bool] = lambda account, container: False,
        there: Callable[[str, str, str], Awaitable[bool]] | None = None,
    ) -> None:
        """kept: whether an immutability policy holds what lies in a container. there: whether a blob exists."""
        self._kept, self._there = kept, there
        self._client = client
        self._azurite = azurite
        self._exists = exists
        self._changed = changed
        self._configured = configured
        self.pulled_bytes = 0
        """Bytes that were fetched from sources on callers' behalf."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        account, container, quoted = split(request.raw_path)
        if not self._exists(account):
            # Azure has no such host name at all; the nearest that http can say.
            return web.Response(
                status=404,
                text=_ERROR.format(code="ResourceNotFound", message=f"no storage account {account} in ARM"),
                content_type="application/xml",
                headers={"x-ms-error-code": "ResourceNotFound"},
            )
        api = change_of(request)
        held = api is not None and self._there is not None and self._kept(account, container)
        # What is new may be written, and an append blob may grow (that is no such change).
        if held and self._there is not None and await self._there(account, container, unquote(quoted)):
            return web.Response(
                status=409,
                text=_ERROR.format(
                    code="BlobImmutableDueToPolicy",
                    message="This operation is not permitted as the blob is immutable due to a policy.",
                ),
                content_type="application/xml",
                headers={"x-ms-error-code": "BlobImmutableDueToPolicy"},
            )
        try:
            response, answer = await self._forward(request)
        except pulling.PullError as refused:
            return _refusal(refused)
        if answer.status >= 300:
            return response
        if request.method == "PUT" and request.query.get("comp") == "properties" and not container:
            await self._configured(account)
        if api:
            headers = request.headers
            whole = (
                api == "PutBlob"
                and headers.get("x-ms-blob-type") == "BlockBlob"
                and "x-ms-copy-source" not in headers
            )
            change = BlobChange(
                account, container, quoted, api, answer.headers.get("ETag", ""),
                headers.get("x-ms-blob-content-type") or headers.get("Content-Type") or "application/octet-stream",
                request.content_length if whole else None,
                headers.get("x-ms-blob-type", "BlockBlob"), answer.headers.get("x-ms-request-id", ""),
                headers.get("x-ms-client-request-id", ""),
            )  # fmt: skip
            # The caller has its answer already; an event that cannot be sent is no reason to break the connection.
            await asyncio.shield(self._changed(change))
        return response

    async def _forward(self, request: web.BaseRequest) -> tuple[web.StreamResponse, ClientResponse]:
        if not pulling.asked(request):
            return await proxy.forward(self._client, request, self._azurite)
        source = await pulling.fetch(self._client, request)
        self.pulled_bytes += source.content_length or 0
        return await proxy.send(
            self._client,
            request,
            self._azurite,
            pulling.headers_of(request, source),
            pulling.body(source),
        )


def _refusal(refused: pulling.PullError) -> web.Response:
    headers = {"x-ms-error-code": refused.code}
    if refused.source:
        headers["x-ms-copy-source-status-code"] = str(refused.source)
    return web.Response(
        status=refused.status,
        text=_ERROR.format(code=refused.code, message=escape(str(refused))),
        content_type="application/xml",
        headers=headers,
    )
