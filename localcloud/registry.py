"""A registry's build tasks: sources are taken, the Dockerfile read, what it copies looked for; nothing is executed.

A build that names a file which is not in its context fails, as it would. The digest is the context's own SHA-256: no
layers exist here, and nothing can be pulled.
"""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import io
import secrets
import tarfile
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from localcloud.arm.door import Call, Door, Handler
from localcloud.arm.errors import bad_request, not_found
from localcloud.durations import Clock
from recovery.image import copied

Body = dict[str, Any]
PREFIX = "/_registry/sources/"
_TYPE = "microsoft.containerregistry/registries"


@dataclass
class Registries:
    """Uploaded sources by key, and the runs of each registry by its id in lower case."""

    clock: Clock
    sources: dict[str, bytes] = field(default_factory=dict)
    runs: dict[str, list[Body]] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """PUT of the sources at the URL that was given."""
        key = request.path.removeprefix(PREFIX)
        if request.method != "PUT" or key not in self.sources:
            return web.Response(status=403)
        self.sources[key] = await request.read()  # bounded by the server's client_max_size
        return web.Response(status=201)

    def built(self, image: str) -> str | None:
        """The registry (its id in lower case) of which a build made this image, by digest; None when none did."""
        for id, runs in self.runs.items():
            for run in runs:
                for made in run["properties"]["outputImages"]:
                    if image == f"{made['registry']}/{made['repository']}@{made['digest']}":
                        return id
        return None

    def handlers(self) -> dict[tuple[str, str], Handler]:
        """The addresses, for the ARM door."""

        async def place(door: Door, call: Call) -> web.Response:
            key = secrets.token_urlsafe(16)
            self.sources[key] = b""
            return web.json_response(
                {"uploadUrl": f"{call.base}{PREFIX}{key}", "relativePath": f"source/{key}"}
            )

        async def schedule(door: Door, call: Call) -> web.Response:
            owner = door.service.entry(call.path.parent or call.path)
            given = call.body or {}
            if given.get("type") != "DockerBuildRequest":
                raise bad_request(
                    f"A run of type {given.get('type')!r} is not served here; DockerBuildRequest is."
                )
            runs = self.runs.setdefault(owner.path.key, [])
            run: Body = {
                "name": f"ca{len(runs) + 1}", "id": f"{owner.path.text}/runs/ca{len(runs) + 1}",
                "properties": {"runId": f"ca{len(runs) + 1}", "status": "Queued", "outputImages": []},
            }  # fmt: skip
            runs.append(run)
            task = asyncio.get_running_loop().create_task(self._work(run, owner.path.name, given))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return web.json_response(run)

        async def shown(door: Door, call: Call) -> web.Response:
            runs = self.runs.get(door.service.entry(call.path.parent or call.path).path.key, [])
            if call.path.is_collection:
                return door.page(call, list(reversed(runs)))
            for run in runs:
                if run["name"] == call.path.name:
                    return web.json_response(run)
            raise not_found(call.path.printed, call.path.group)

        return {
            ("POST", f"{_TYPE}/listbuildsourceuploadurl"): place,
            ("POST", f"{_TYPE}/schedulerun"): schedule,
            ("GET", f"{_TYPE}/runs"): shown,
        }

    async def _work(self, run: Body, registry: str, given: Body) -> None:
        shown = run["properties"]
        await asyncio.sleep(self.clock.seconds("image build") / 10)
        shown["status"] = "Running"
        await asyncio.sleep(self.clock.seconds("image build"))
        data = self.sources.get(str(given.get("sourceLocation", "")).removeprefix("source/"), b"")
        wrong = _wrong(data, str(given.get("dockerFilePath") or "Dockerfile"))
        if wrong:
            shown.update(status="Failed", runErrorMessage=wrong)
            return
        repository, _, tag = str((given.get("imageNames") or [""])[0]).partition(":")
        image = {
            "registry": f"{registry.lower()}.azurecr.io", "repository": repository, "tag": tag,
            "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
        }  # fmt: skip
        shown.update(status="Succeeded", outputImages=[image])

    def stop(self) -> None:
        """End what runs."""
        for task in self.tasks:
            task.cancel()


def _wrong(data: bytes, dockerfile: str) -> str:
    """What is wrong with a context; "" when nothing is."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            names = [m.name for m in archive.getmembers() if m.isfile()]
            found = archive.extractfile(dockerfile) if dockerfile in names else None
            text = found.read().decode() if found else ""
    except (tarfile.TarError, OSError, EOFError) as exc:
        return f"the source cannot be unpacked: {exc}"
    if not text:
        return f"{dockerfile} is not in the source"
    for source in copied(text):
        if not any(fnmatch.fnmatch(n, source) or n.startswith(f"{source.rstrip('/')}/") for n in names):
            return f'COPY failed: file not found in build context: "{source}"'
    return ""
