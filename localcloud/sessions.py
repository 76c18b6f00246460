"""Signing in as somebody: endpoints, environment and served provider of a principal that is not the Owner."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from localcloud import processes
from localcloud.arm.identities import Principal

if TYPE_CHECKING:
    from localcloud.arm.door import Door
    from localcloud.arm.permits import Permits
    from localcloud.control import Control

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Server(Protocol):
    """The part of localcloud.server that a session needs."""

    state: Path
    door: Door
    control: Control
    permits: Permits | None
    attach: str

    def endpoints(self) -> dict[str, Any]: ...
    def environment(self, endpoints: str = ..., attach: str = ...) -> str: ...
    def write(self, name: str, text: str) -> None: ...

    async def serve_provider(self, endpoints: Path) -> tuple[asyncio.subprocess.Process, str]: ...


class Sessions:
    """Everybody who is signed in. A session's files are endpoints-NAME.json and env-NAME in the state folder."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._providers: dict[str, tuple[asyncio.subprocess.Process, str]] = {}

    async def sign_in(self, name: str, object_id: str = "", kind: str = "User") -> tuple[Principal, str]:
        """The principal and its environment (shell assignments). Again is the same session."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"a name is lower-case letters, digits and hyphens, at most 40 (found {name!r})")
        server = self._server
        principal, token = server.door.identities.sign_in(name, object_id, kind)
        file = f"endpoints-{name}.json"
        server.write(file, json.dumps({**server.endpoints(), "arm_token": token}, indent=1))
        if server.attach and name not in self._providers:
            self._providers[name] = await server.serve_provider(server.state / file)
        attach = self._providers[name][1] if name in self._providers else ""
        text = server.environment(file, attach) + f"DR_OBJECT_ID={shlex.quote(principal.object_id)}\n"
        server.write(f"env-{name}", text)
        return principal, text

    def add_controls(self) -> None:
        """`POST sessions`, `GET actions`."""

        async def sessions(request: web.Request) -> web.StreamResponse:
            given = await request.json()
            principal, text = await self.sign_in(
                str(given["name"]), str(given.get("objectId", "")), str(given.get("kind", "User"))
            )
            pairs = (line.partition("=") for line in text.splitlines())
            environment = {key: "".join(shlex.split(value)) for key, _, value in pairs}
            return web.json_response({"objectId": principal.object_id, "environment": environment})

        async def actions(request: web.Request) -> web.StreamResponse:
            permits = self._server.permits
            if permits is None:
                return web.json_response({"enforced": False, "used": [], "refused": []})
            if request.method == "DELETE":
                permits.used.clear()
                permits.refused.clear()
            shown = {
                kind: [{"who": who, "action": action, "times": n} for (who, action), n in counts.items()]
                for kind, counts in (("used", permits.used), ("refused", permits.refused))
            }
            return web.json_response({"enforced": True, **shown})

        self._server.control.route("POST", "sessions", sessions)
        self._server.control.route("GET", "actions", actions)
        self._server.control.route("DELETE", "actions", actions)

    async def stop(self) -> None:
        """End the providers."""
        for process, _ in self._providers.values():
            await processes.end(process, 1.0)
