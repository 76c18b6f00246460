"""The static site of a storage account (``$web``) at the root of a port of its own; Azurite does not serve it."""

from __future__ import annotations

from urllib.parse import unquote

from aiohttp import web

from localcloud.data.storage import Page, StaticWebsite, Storage


class SiteDoor:
    """GET and HEAD of one account's ``$web``, with index and error document as its service properties say."""

    def __init__(self, storage: Storage, account: str) -> None:
        self._storage = storage
        self._account = account
        self._settings: StaticWebsite | None = None

    def forget_settings(self) -> None:
        """The service properties were written: read them again at the next request."""
        self._settings = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.method not in ("GET", "HEAD"):
            return web.Response(
                status=405, headers={"Allow": "GET, HEAD"}, text="a static site is read only\n"
            )
        if self._settings is None:
            self._settings = await self._storage.website(self._account)
        settings = self._settings
        if not settings.enabled:
            return web.Response(status=404, text="The requested content does not exist.\n")
        path = unquote(request.raw_path.partition("?")[0]).lstrip("/")
        if not path or path.endswith("/"):
            path += settings.index_document
        page = await self._storage.page(self._account, path) if path and not path.endswith("/") else None
        if page is not None:
            if request.headers.get("If-None-Match") == page.etag:
                return web.Response(status=304, headers={"ETag": page.etag})
            return await _send(request, page, 200)
        if settings.error_document:
            page = await self._storage.page(self._account, settings.error_document)
            if page is not None:
                return await _send(request, page, 404)
        return web.Response(status=404, text="The requested content does not exist.\n")


async def _send(request: web.BaseRequest, page: Page, status: int) -> web.StreamResponse:
    headers = {
        "Content-Type": page.content_type,
        "ETag": page.etag,
        "Last-Modified": page.last_modified,
        "Content-Length": str(page.size),
    }
    if page.cache_control:
        headers["Cache-Control"] = page.cache_control
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    if request.method == "GET":
        async for piece in page.body:
            await response.write(piece)
    await response.write_eof()
    return response
