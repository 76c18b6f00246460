"""The edge: two loopback ports for each public address of the pool, behind which the gateway's routes are served.

`ports[ADDRESS]` stands for 443 (without TLS: plain http, routed as if it had come over it) and
`ports["ADDRESS:80"]` for 80.
"""

from __future__ import annotations

import time

import aiohttp
from aiohttp import web

from localcloud.arm.errors import ArmError
from localcloud.control import Control, Cut
from localcloud.effects.gateways import Gateway, Gateways, Member
from localcloud.effects.routing import Redirect, Target, backend_host

POOL = ("203.0.113.10", "203.0.113.11", "203.0.113.12", "203.0.113.13")
"""Documentation addresses (RFC 5737) that public IP addresses are given."""
_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "host",
    }
)  # RFC 9110, 7.6.1
_LEAST_TIMEOUT = 5.0


class Edge:
    """Listens for the whole pool from the start; an address without a gateway cuts every connection."""

    def __init__(self, control: Control, gateways: Gateways) -> None:
        self._control, self._gateways = control, gateways
        self.ports: dict[str, int] = {}
        self._taken: dict[str, str] = {}
        self._runners: list[web.ServerRunner] = []
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Bind a free port for each address."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        for address in POOL:
            self.ports[address] = await self._listen(address, None)
            self.ports[f"{address}:80"] = await self._listen(address, False)

    async def _listen(self, address: str, secure: bool | None) -> int:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._serve(address, request, secure)

        runner = web.ServerRunner(web.Server(handle, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._runners.append(runner)
        return int(runner.addresses[0][1])

    def allocate(self, resource: str) -> str:
        """A free address of the pool for a public IP address. Raises what ARM raises when there is none."""
        for address in POOL:
            if self._taken.setdefault(address, resource) == resource:
                return address
        raise ArmError(
            400, "PublicIPCountLimitReached", f"Cannot create more than {len(POOL)} public IP addresses here."
        )

    def release(self, resource: str) -> None:
        """Give the address of a deleted resource back."""
        self._taken = {a: r for a, r in self._taken.items() if r != resource}

    async def _serve(self, address: str, request: web.BaseRequest, secure: bool | None) -> web.StreamResponse:
        started, status, backend = time.monotonic(), 0, ""
        gateway = self._gateways.on(address)
        fault = self._control.fault("edge", request.method, request.path_qs)
        try:
            if gateway is None or (fault and fault.drop):
                raise Cut
            if fault and fault.status:
                status = fault.status
                return fault.answer()
            response, backend = await self._forward(gateway, request, secure)
            status = response.status
            return response
        except Cut:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)  # never arrives: the connection is cut
        finally:
            if gateway is not None:
                self._gateways.record(gateway, status)
            taken = time.monotonic() - started
            self._control.record(
                "edge",
                request.method,
                request.path_qs,
                status,
                taken,
                request.host,
                address=address,
                backend=backend,
            )

    async def _forward(
        self, gateway: Gateway, request: web.BaseRequest, secure: bool | None
    ) -> tuple[web.StreamResponse, str]:
        host = (request.host or "").partition(":")[0]
        target = gateway.table.route(host, request.path_qs, secure=secure)
        if target is None:
            return web.Response(
                status=404, text="404 Not Found: no listener of the gateway takes this host\n"
            ), ""
        if isinstance(target, Redirect):
            return web.Response(status=target.status, headers={"Location": target.url}), ""
        payload = await request.read() if request.body_exists else None
        for member in self._gateways.pick(gateway, target)[:2]:
            try:
                return await self._proxy(request, payload, target, member), member.address
            except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError):
                continue  # it went between the probe and the request: the next one, as v2 gateways do
            except TimeoutError:
                return web.Response(status=504, text="504 Gateway Time-out\n"), member.address
            except (aiohttp.ClientError, OSError):
                break
        return web.Response(status=502, text="502 Bad Gateway: no healthy backend\n"), ""

    async def _proxy(
        self, request: web.BaseRequest, payload: bytes | None, target: Target, member: Member
    ) -> web.StreamResponse:
        if self._session is None:
            raise Cut
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in _HOP]
        headers.append(("Host", backend_host(target, member.address) or request.host or ""))
        headers += [("X-Forwarded-For", request.remote or ""), ("X-Original-Host", request.host or "")]
        limit = max(
            _LEAST_TIMEOUT,
            self._control.clock.real(float(target.settings["properties"].get("requestTimeout") or 30)),
        )
        if member.instance:
            member.instance.in_flight += 1
        try:
            async with self._session.request(
                request.method,
                f"http://{member.host}:{member.port}{request.raw_path}",
                headers=headers,
                data=payload,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=limit),
            ) as answer:
                response = web.StreamResponse(status=answer.status, reason=answer.reason)
                for key, value in answer.headers.items():
                    if key.lower() not in _HOP:
                        response.headers.add(key, value)
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        finally:
            if member.instance:
                member.instance.in_flight -= 1

    async def stop(self) -> None:
        """Close the ports."""
        for runner in self._runners:
            await runner.cleanup()
        if self._session is not None:
            await self._session.close()
