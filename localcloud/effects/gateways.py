"""Gateways: which backends there are, what the probes saw, how many requests came, what ARM is told about it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from localcloud.arm.defaults.gateway import pool_members
from localcloud.bus import Bus, ResourceChanged
from localcloud.durations import Clock
from localcloud.effects.routing import Table, Target, accepts, probe_host
from localcloud.effects.scale_sets import Instance, ScaleSets

TYPE = "microsoft.network/applicationgateways"
_LEAST_TIMEOUT = 2.0  # real seconds: a scaled probe timeout must not fail a healthy process on a busy machine


@dataclass
class Member:
    """One server of a pool. address: as Azure shows it; host and port: where it really is (port None: nowhere yet)."""

    address: str
    host: str
    port: int | None
    instance: Instance | None = None
    ip_configuration: str | None = None


@dataclass
class Health:
    """What the probes of one member say. failures: consecutive."""

    state: str = "Unknown"
    log: str = "The probe has not answered yet."
    failures: int = 0
    due: float = 0.0


@dataclass
class Gateway:
    """One running gateway."""

    id: str
    table: Table
    health: dict[tuple[str, str, str], Health] = field(default_factory=dict)
    requests: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=1_000_000))
    task: asyncio.Task[None] | None = None
    turn: int = 0


class Gateways:
    """All gateways; probes run in the background."""

    def __init__(self, bus: Bus, clock: Clock, scale_sets: ScaleSets) -> None:
        self._bus, self._clock, self._scale_sets = bus, clock, scale_sets
        self.by_id: dict[str, Gateway] = {}
        self._session: aiohttp.ClientSession | None = None
        bus.subscribe(self._changed)

    async def _changed(self, event: ResourceChanged) -> None:
        if event.arm_type != TYPE:
            return
        key = event.id.lower()
        if event.new is None:
            gone = self.by_id.pop(key, None)
            if gone and gone.task:
                gone.task.cancel()
            return
        table = Table(event.new)
        gateway = self.by_id.get(key)
        if gateway is None:
            gateway = self.by_id[key] = Gateway(event.id, table)
            gateway.task = asyncio.get_running_loop().create_task(self._probe_for_ever(gateway))
        gateway.table = table

    def on(self, address: str) -> Gateway | None:
        """The gateway that listens on a public address."""
        for gateway in self.by_id.values():
            for address_id in gateway.table.addresses():
                body = self._bus.lookup(address_id)
                if body and body["properties"].get("ipAddress") == address:
                    return gateway
        return None

    def members(self, target: Target) -> list[Member]:
        """The servers of a pool now: its fixed addresses, and the instances of scale sets that join it."""
        pool = target.pool
        wanted = int(target.settings["properties"].get("port") or 80)
        found: list[Member] = []
        for entry in pool["properties"].get("backendAddresses") or []:
            address = str(entry.get("fqdn") or entry.get("ipAddress") or "")
            host, _, port = address.partition(":")
            if address:
                found.append(Member(address, host, int(port) if port.isdigit() else wanted))
        sets = [dict(b) for b in self._bus.bodies("Microsoft.Compute/virtualMachineScaleSets")]
        for scale_set in pool_members(str(pool["id"]), sets):
            drain = target.settings["properties"].get("connectionDraining") or {}
            if drain.get("enabled"):
                self._scale_sets.drain_seconds[scale_set.lower()] = self._clock.real(
                    float(drain["drainTimeoutInSec"])
                )
            for instance in self._scale_sets.instances(scale_set):
                if instance.state != "stopping":
                    nic = f"{scale_set}/virtualMachines/{instance.number}/networkInterfaces/nic/ipConfigurations/ip"
                    port_now = instance.port if instance.state == "running" else None
                    found.append(Member(instance.address, "127.0.0.1", port_now, instance, nic))
        return found

    def health(self, gateway: Gateway, target: Target, member: Member) -> Health:
        """The probe's record of a member."""
        instance = str(member.instance.vm_id) if member.instance else ""
        key = (str(target.pool["id"]), str(target.settings["id"]), member.address + instance)
        return gateway.health.setdefault(key, Health())

    def pick(self, gateway: Gateway, target: Target) -> list[Member]:
        """Healthy members, the next in turn first."""
        healthy = [
            m for m in self.members(target) if m.port and self.health(gateway, target, m).state == "Healthy"
        ]
        gateway.turn += 1
        at = gateway.turn % len(healthy) if healthy else 0
        return healthy[at:] + healthy[:at]

    async def _probe_for_ever(self, gateway: Gateway) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True), auto_decompress=False
            )
        while True:
            now = self._clock.now()
            due = [
                self._probe(gateway, target, member)
                for target in gateway.table.targets()
                for member in self.members(target)
                if self.health(gateway, target, member).due <= now
            ]
            if due:
                await asyncio.gather(*due)
            await asyncio.sleep(0.05)

    async def _probe(self, gateway: Gateway, target: Target, member: Member) -> None:
        props = target.probe.get("properties") or {}
        record = self.health(gateway, target, member)
        interval = self._clock.real(float(props.get("interval") or 30))
        # A server that is not there yet is looked at again soon, or a scaled boot would be seen late.
        record.due = self._clock.now() + (max(0.1, interval) if member.port else 0.1)
        good, log = await self._ask(target, member, props)
        if good:
            record.state, record.log, record.failures = "Healthy", log, 0
            return
        record.failures += 1
        if record.state != "Healthy" or record.failures >= int(props.get("unhealthyThreshold") or 3):
            record.state, record.log = "Unhealthy", log

    async def _ask(self, target: Target, member: Member, props: Mapping[str, Any]) -> tuple[bool, str]:
        if member.port is None or self._session is None:
            return False, "Cannot connect to the backend server: nothing listens there."
        url = f"http://{member.host}:{member.port}{props.get('path') or '/'}"
        limit = aiohttp.ClientTimeout(
            total=max(_LEAST_TIMEOUT, self._clock.real(float(props.get("timeout") or 30)))
        )
        host = probe_host(target, member.address)
        try:
            async with self._session.get(
                url, headers={"Host": host}, timeout=limit, allow_redirects=False
            ) as response:
                text = (await response.content.read(65_536)).decode(errors="replace")
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            return False, f"Cannot connect to the backend server: {type(exc).__name__}."
        wanted = str((props.get("match") or {}).get("body") or "")
        if not accepts(target, status):
            return False, f"Received invalid status code: {status}."
        if wanted and wanted not in text:
            return False, "The response body does not match the probe's."
        return True, f"Success. Received {status} status code"

    def report(self, gateway_id: str) -> dict[str, Any]:
        """The answer of ``backendhealth`` (2024-05-01): pools, settings, servers."""
        gateway = self.by_id.get(gateway_id.lower())
        pools: dict[str, dict[str, Any]] = {}
        for target in gateway.table.targets() if gateway else []:
            servers: list[dict[str, Any]] = []
            for member in self.members(target):
                health = self.health(gateway, target, member) if gateway else Health()
                server: dict[str, Any] = {
                    "address": member.address,
                    "health": health.state,
                    "healthProbeLog": health.log,
                }
                if member.ip_configuration:
                    server["ipConfiguration"] = {"id": member.ip_configuration}
                servers.append(server)
            pool = pools.setdefault(
                str(target.pool["id"]),
                {"backendAddressPool": {"id": target.pool["id"]}, "backendHttpSettingsCollection": []},
            )
            pool["backendHttpSettingsCollection"].append(
                {"backendHttpSettings": {"id": target.settings["id"]}, "servers": servers}
            )
        return {"backendAddressPools": list(pools.values())}

    def count(self, gateway_id: str, start: float, end: float, *, failed: bool = False) -> list[float]:
        """Times of the client requests in [start, end), Unix seconds; failed: only those answered 5xx or 4xx."""
        gateway = self.by_id.get(gateway_id.lower())
        every = gateway.requests if gateway else ()
        return [t for t, status in every if start <= t < end and (not failed or status >= 400)]

    def record(self, gateway: Gateway, status: int) -> None:
        """Count one client request."""
        gateway.requests.append((time.time(), status))

    async def stop(self) -> None:
        """End the probes."""
        for gateway in self.by_id.values():
            if gateway.task:
                gateway.task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await gateway.task
        if self._session is not None:
            await self._session.close()
