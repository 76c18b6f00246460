"""RDS in front of moto: a promotion takes its time and is a real one (pg_promote on the server behind the replica)."""

from __future__ import annotations

import asyncio
import re
import urllib.parse
from collections.abc import Callable

import aiohttp
from aiohttp import web

from localcloud.durations import Clock
from recovery.errors import DrError

_SOURCE = re.compile(rb"<ReadReplicaSourceDBInstanceIdentifier>[^<]*</ReadReplicaSourceDBInstanceIdentifier>")

_INSTANCE = re.compile(
    rb"<DBInstance>(?:(?!</DBInstance>).)*?<DBInstanceIdentifier>([^<]+)</DBInstanceIdentifier>.*?</DBInstance>",
    re.S,
)


class Rds:
    """The door that boto3's ``rds`` client is pointed at. promote: identifier -> True once the server behind it is
    a primary. made: starts the server behind a new read replica. power: stops and starts it. moto's own are of nothing."""

    def __init__(
        self, moto: str, clock: Clock, promote: Callable[[str], bool], made: Callable[[str], None]
    ) -> None:
        self.moto, self.clock, self.promote, self.made = moto, clock, promote, made
        self.power: Callable[[str, bool], None] = lambda identifier, on: None
        self.port_of: Callable[[str], int] = lambda identifier: 5432
        self.under_way: set[str] = set()
        self.promoted: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.Response:
        """One call of RDS's query API."""
        body = await request.read()
        form = urllib.parse.parse_qs(body.decode())
        action = form.get("Action", [""])[0]
        identifier = form.get("DBInstanceIdentifier", [""])[0]
        if action == "PromoteReadReplica" and identifier in self.under_way:
            return _refused("InvalidDBInstanceState", f"{identifier} is being modified")
        if action == "PromoteReadReplica" and identifier in self.promoted:
            return _refused("InvalidDBInstanceState", f"{identifier} is not a read replica")
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.moto}/", data=body, headers=headers) as answer,
        ):
            content, status, kind = await answer.read(), answer.status, answer.content_type
        if action == "PromoteReadReplica" and status == 200:
            self.under_way.add(identifier)
            task = asyncio.create_task(self._promotion(identifier))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if action == "CreateDBInstanceReadReplica" and status == 200:
            try:
                await asyncio.to_thread(self.made, identifier)
            except DrError:  # a copy that broke off on a busy machine: RDS begins it anew by itself
                await asyncio.to_thread(self.made, identifier)
        if action in ("StopDBInstance", "StartDBInstance") and status == 200:
            await asyncio.to_thread(self.power, identifier, action == "StartDBInstance")
        content = _INSTANCE.sub(self._endpoint, content)
        if identifier in self.promoted:  # moto goes on to name its source
            content = _SOURCE.sub(b"", content)
        if identifier in self.under_way:
            content = content.replace(b"<DBInstanceStatus>available<", b"<DBInstanceStatus>modifying<")
        return web.Response(body=content, status=status, content_type=kind)

    def _endpoint(self, match: re.Match[bytes]) -> bytes:
        """The instance's own address: where the server behind it really answers."""
        port = self.port_of(match[1].decode())
        where = f"<Endpoint><Address>127.0.0.1</Address><Port>{port}</Port></Endpoint>"
        return re.sub(rb"<Endpoint>.*?</Endpoint>", where.encode(), match[0], count=1, flags=re.S)

    async def _promotion(self, identifier: str) -> None:
        await self.clock.sleep("database promotion")
        while not await asyncio.to_thread(self.promote, identifier):
            await asyncio.sleep(0.2)
        self.promoted.append(identifier)
        self.under_way.discard(identifier)


def _refused(code: str, message: str) -> web.Response:
    text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    return web.Response(text=text, status=400, content_type="text/xml")
