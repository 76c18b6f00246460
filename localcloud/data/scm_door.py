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
            asked = {d.id: d for d in self._known()}
            if self._app.latest:
                asked["latest"] = self._app.latest
            if wanted not in asked:
                return _answer(404, {"error": f"no deployment {wanted}"})
            return _answer(200, self._view(asked[wanted]))
        if request.method == "GET" and path == "/api/deployments":
            return _answer(200, [self._view(d) for d in self._known()])
        return web.Response(status=404)

    def _known(self) -> list[Deployment]:
        """The deployment that runs and the last one pushed."""
        found = [d for d in (self._app.deployment, self._app.latest) if d]
        return found[:1] if len(found) == 2 and found[0] is found[1] else found

    def _view(self, found: Deployment) -> dict[str, object]:
        return {
            **asdict(found),
            "complete": True,
            "active": found is self._app.deployment,
            "is_readonly": True,
        }

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
            query = request.query
            done = await self._app.deploy(
                Path(archive.name),
                query.get("message", ""),
                query.get("Deployer") or query.get("deployer", ""),
            )
        if done.status == 3:
            return _answer(400, {"error": done.status_text, "id": done.id})
        return _answer(202, done.id)
