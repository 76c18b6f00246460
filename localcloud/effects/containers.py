"""Container groups: the tool's image as a process of this very project, with the identity that the group carries.

Only `dr ...` is run, whatever the image holds; there is no image to run anything else from. What a group shows (state,
exit code, output) is the process's own.
"""

from __future__ import annotations

import asyncio
import datetime
import os
import shlex
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from localcloud import processes
from localcloud.arm.door import Call, Door, Handler
from localcloud.arm.errors import ArmError, bad_request
from localcloud.bus import Bus, ResourceChanged
from localcloud.durations import Clock

Body = dict[str, Any]
TYPE = "microsoft.containerinstance/containergroups"
_KEPT = 4 << 20
"""Bytes of output that are shown, as the service keeps them."""

Session = Callable[[str], Awaitable[str]]
"""Principal id of an identity -> the environment (shell assignments) of whoever has it."""


@dataclass
class Group:
    """One group. state: Waiting, Running, Terminated."""

    log: Path
    state: str = "Waiting"
    detail: str = "Creating"
    code: int | None = None
    started: str = ""
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = None

    def view(self) -> Body:
        """``instanceView``."""
        current: Body = {"state": self.state, "detailStatus": self.detail, "startTime": self.started}
        if self.code is not None:
            current |= {"exitCode": self.code, "finishTime": _now()}
        return {"restartCount": 0, "currentState": current}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclass
class Containers:
    """All groups by id in lower case. session: signs the group's identity in. may_pull: has it the right to the image?"""

    bus: Bus
    clock: Clock
    logs: Path
    session: Session
    may_pull: Callable[[str, str], bool]
    groups: dict[str, Group] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bus.subscribe(self._changed)

    async def _changed(self, event: ResourceChanged) -> None:
        if event.arm_type != TYPE:
            return
        key = event.id.lower()
        if event.new is None:
            await self._end(self.groups.pop(key, None))
        elif key not in self.groups:
            group = Group(self.logs / f"{key.rpartition('/')[2]}.log")
            self.groups[key] = group
            group.task = asyncio.get_running_loop().create_task(self._run(group, event.new))

    async def _run(self, group: Group, body: Mapping[str, Any]) -> None:
        await self.clock.sleep("container start")
        wanted = body["properties"]["containers"][0]["properties"]
        environment = {
            **os.environ,
            **{v["name"]: v.get("value", "") for v in wanted.get("environmentVariables") or []},
        }
        identity = next(iter((body.get("identity") or {}).get("userAssignedIdentities", {}).values()))
        for line in (await self.session(str(identity["principalId"]))).splitlines():
            name, _, value = line.partition("=")
            environment[name] = "".join(shlex.split(value))
        command = [sys.executable, "-m", "scripts.cli", *wanted["command"][1:]]
        group.process = await processes.spawn(command, log=group.log, env=environment)
        if group.process.stdin is not None:
            group.process.stdin.close()  # nobody can type there
        group.state, group.detail, group.started = "Running", "Started", _now()
        group.code = await group.process.wait()
        group.state, group.detail = "Terminated", "Completed" if group.code == 0 else "Error"

    @staticmethod
    async def _end(group: Group | None) -> None:
        if group is None:
            return
        if group.process is not None:
            await processes.end(group.process)
        if group.task is not None:
            group.task.cancel()

    def handlers(self) -> dict[tuple[str, str], Handler]:
        """The addresses, for the ARM door."""

        async def put(door: Door, call: Call) -> web.Response:
            self._check(door, call)
            return await door._resource(call)

        async def get(door: Door, call: Call) -> web.Response:
            if call.path.is_collection:
                return door._collection(call)
            entry = door.service.entry(call.path)
            body = door.service.shown(entry)
            group = self.groups.get(entry.path.key)
            if group is not None:
                body["properties"]["containers"][0]["properties"]["instanceView"] = group.view()
                body["properties"]["instanceView"] = {"state": group.state}
            return web.json_response(body)

        async def logs(door: Door, call: Call) -> web.Response:
            owner = call.path.parent.parent if call.path.parent else None
            group = self.groups.get(owner.key) if owner else None
            if group is None or not group.log.exists():
                raise ArmError(
                    404, "ContainerGroupDeploymentNotReady", "The container group has no output yet."
                )
            return web.json_response({"content": group.log.read_bytes()[-_KEPT:].decode(errors="replace")})

        async def stop(door: Door, call: Call) -> web.Response:
            group = self.groups.get(call.path.parent.key) if call.path.parent else None
            if group is not None and group.process is not None and group.process.returncode is None:
                group.process.terminate()
            return web.Response(status=204)

        return {
            ("PUT", TYPE): put, ("GET", TYPE): get, ("POST", f"{TYPE}/stop"): stop,
            ("GET", f"{TYPE}/containers/logs"): logs,
        }  # fmt: skip

    def _check(self, door: Door, call: Call) -> None:
        properties = (call.body or {}).get("properties") or {}
        container = ((properties.get("containers") or [{}])[0].get("properties")) or {}
        command = container.get("command") or []
        if command[:1] != ["dr"]:
            raise bad_request(
                f"The local cloud runs the tool alone: the command must begin with dr (found {command[:1]})."
            )
        for subnet in properties.get("subnetIds") or []:
            vnet, _, name = str(subnet.get("id")).rpartition("/subnets/")
            found = [
                s
                for s in (door.service.store.lookup(vnet) or {"properties": {"subnets": []}})["properties"][
                    "subnets"
                ]
                if s["name"] == name
            ]
            if not found or "ContainerInstance" not in str(found[0]["properties"].get("delegations")):
                raise bad_request(
                    f"The subnet {subnet.get('id')} is not delegated to Microsoft.ContainerInstance/containerGroups.",
                    "InvalidSubnetDelegation",
                )
        identities = ((call.body or {}).get("identity") or {}).get("userAssignedIdentities") or {}
        image = str(container.get("image") or "")
        for identity in identities:
            body = door.service.store.lookup(identity)
            if body is not None and not self.may_pull(str(body["properties"]["principalId"]), image):
                raise bad_request(
                    f"The image '{image}' in container group '{call.path.name}' is not accessible. Please check the image and registry credential.",
                    "InaccessibleImage",
                )

    async def stop(self) -> None:
        """End every process."""
        for group in list(self.groups.values()):
            await self._end(group)
