"""The primary, as the public sees it: two static addresses on the edge that answer for the API and the site."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from localcloud.aws import door
from localcloud.control import Control, Cut
from localcloud.primary_images import PrimaryImages

ADDRESSES = ("192.0.2.10", "192.0.2.11")
"""Documentation addresses (RFC 5737) that stand for the primary's static ones."""
STATES = ("up", "down", "failing", "hanging")
_SITE = "<!doctype html><title>demay</title><h1>demay</h1><p>served by the primary</p>\n"


class Primary:
    """Two servers. state of an address: up, down (connections are cut), failing (503), hanging (no answer)."""

    def __init__(
        self,
        control: Control,
        images: PrimaryImages | None = None,
        services: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._control, self._images, self._services = control, images, services
        self.states = dict.fromkeys(ADDRESSES, "up")
        self.ports: dict[str, int] = {}
        self._runners: list[web.ServerRunner] = []
        control.route("PUT", "primary", self._set)
        control.route("GET", "primary", self._get)
        control.route("PUT", "aws", self._set_whole)

    async def start(self) -> None:
        """Bind a free port for each address."""
        for address in ADDRESSES:
            runner = web.ServerRunner(
                web.Server(self._handler(address), access_log=None), shutdown_timeout=0.5
            )
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._runners.append(runner)
            self.ports[address] = int(runner.addresses[0][1])

    def _handler(self, address: str):  # type: ignore[no-untyped-def]  # aiohttp's own handler type
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            started, status = time.monotonic(), 0
            try:
                response = await self._answer(address, request)
                status = response.status
                return response
            except Cut:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=502)  # never arrives: the connection is cut
            finally:
                taken = time.monotonic() - started
                self._control.record(
                    "primary", request.method, request.path_qs, status, taken, request.host, address=address
                )

        return handle

    async def _answer(self, address: str, request: web.BaseRequest) -> web.StreamResponse:
        fault = self._control.fault("primary", request.method, request.path_qs)
        if fault:
            await asyncio.sleep(fault.timeout or fault.latency)
            if fault.drop or fault.timeout is not None:
                raise Cut
            if fault.status:
                return fault.answer()
        state = self.states[address]
        if state == "hanging":
            await asyncio.sleep(60)
        if state in ("down", "hanging"):
            raise Cut
        if state == "failing":
            return web.json_response({"status": "failing", "cloud": "primary"}, status=503)
        if request.path.startswith("/images/") and self._images is not None:
            return await self._image(request, self._images)
        if (request.host or "").lower().startswith("api.") or request.path == "/health":
            word = {"status": "healthy", "cloud": "primary"}
            return web.json_response(word if request.path == "/health" else {**word, "path": request.path})
        return web.Response(text=_SITE, content_type="text/html")

    async def _image(self, request: web.BaseRequest, images: PrimaryImages) -> web.StreamResponse:
        """PUT and GET of one image, as the API in AWS answers them."""
        name, headers = request.path.removeprefix("/images/"), {"X-Cloud": "primary"}
        if request.method == "PUT":
            kind = request.headers.get("Content-Type", "application/octet-stream")
            return web.json_response(
                {}, status=await images.put(name, await request.read(), kind), headers=headers
            )
        status, data = await images.get(name)
        return web.Response(body=data, status=status, headers=headers)

    async def _set(self, request: web.Request) -> web.StreamResponse:
        given = await request.json()
        if given["state"] not in STATES:
            raise ValueError(f"state is one of {', '.join(STATES)}")
        for address in [given["address"]] if given.get("address") else ADDRESSES:
            if address not in self.states:
                raise ValueError(f"{address} is none of the primary's addresses {ADDRESSES}")
            self.states[address] = given["state"]
        return web.json_response(self.states)

    async def _set_whole(self, request: web.Request) -> web.StreamResponse:
        """AWS as a whole, as on the day: its public addresses and its services (S3, DynamoDB, ...) together."""
        state = (await request.json())["state"]
        if state not in door.STATES:
            raise ValueError(f"state is one of {', '.join(door.STATES)}")
        if self._services is not None:
            await self._services(state)
        self.states = dict.fromkeys(ADDRESSES, state)
        return web.json_response({**self.states, "services": state})

    async def _get(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self.states)

    async def stop(self) -> None:
        """Close the ports."""
        for runner in self._runners:
            await runner.cleanup()
        if self._images is not None:
            await self._images.close()
