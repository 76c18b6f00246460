"""Name servers that misbehave on demand, and registrars that delegate elsewhere (door "dns" of the faults, `/_local/delegations`)."""

from __future__ import annotations

import asyncio

from aiohttp import web

from localcloud.control import Control
from localcloud.dns.names import Answer, Names
from localcloud.dns.server import Answering


class Misbehaviour:
    """Stands between a name server's answers and who asks."""

    def __init__(self, control: Control, names: Names) -> None:
        self._control, self._names = control, names

    def of(self, who: str, answering: Answering) -> Answering:
        """`answering` with the faults that were asked for: silence, SERVFAIL, or another answer (a list of values)."""

        async def answer(name: str, kind: str) -> Answer:
            fault = self._control.fault("dns", who, f"{kind} {name}")
            if fault is None:
                return await answering(name, kind)
            await asyncio.sleep(fault.timeout or fault.latency)
            return self._names.instead(name, kind, fault.body)

        return answer

    async def delegations(self, request: web.Request) -> web.StreamResponse:
        """PUT zone -> name servers that the parent names; null: the zone's own again."""
        for zone, servers in (await request.json()).items():
            self._names.delegations.pop(zone.rstrip(".").lower(), None)
            if servers is not None:
                self._names.delegations[zone.rstrip(".").lower()] = list(servers)
        return web.json_response(self._names.delegations)
