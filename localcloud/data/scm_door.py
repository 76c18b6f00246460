"""The deployment door of a function app, as Flex Consumption's scm site is asked: publish a zip, ask how it went."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

import orjson
from aiohttp import web

from localcloud.data import proxy
from localcloud.data.function_host import Deployment, FunctionApp
from localcloud.data.packages import MAX_ZIP_BYTES


def _answer(status: int, body: object) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


def _deployment(found: Deployment) -> dict[str, object]:
    return {**asdict(found), "complete": True, "active": found.status == 4, "is_readonly": True}


class ScmDoor:
    """``POST /api/publish`` and ``GET /api/deployments/{latest|id}``."""

    def __init__(self, app: FunctionApp, folder: Path) -> None:
        self._app = app
        self._folder = folder

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        path = request.path.rstrip("/")
        if request.method == "POST" and path == "/api/publish":
            return await self._publish(request)
        if request.method == "GET" and path.startswith("/api/deployments/"):
            wanted = path.rpartition("/")[2]
            found = self._app.deployment
            if found is None or wanted not in ("latest", found.id):
                return _answer(404, {"error": f"no deployment {wanted}"})
            return _answer(200, _deployment(found))
        if request.method == "GET" and path == "/api/deployments":
            return _answer(200, [_deployment(self._app.deployment)] if self._app.deployment else [])
        return web.Response(status=404)

    async def _publish(self, request: web.BaseRequest) -> web.Response:
        kind = request.query.get("type", "zip")
        if kind != "zip":
            return _answer(400, {"error": f"type {kind!r} is not taken, only zip"})
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".zip") as archive:
            size = 0
            async for piece in request.content.iter_chunked(proxy.CHUNK):
                size += len(piece)
                if size > MAX_ZIP_BYTES:
                    return _answer(413, {"error": f"a package may have {MAX_ZIP_BYTES} bytes"})
                archive.write(piece)
            archive.flush()
            done = await self._app.deploy(Path(archive.name), request.query.get("message", ""))
        if done.status == 3:
            return _answer(400, {"error": done.status_text, "id": done.id})
        return _answer(202, done.id)
