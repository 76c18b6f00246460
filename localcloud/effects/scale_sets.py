"""Scale sets: capacity N is N real API processes; each boots for its (scaled) while before it runs."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud import processes
from localcloud.bus import Body, Bus, ResourceChanged
from localcloud.durations import Clock

TYPE = "microsoft.compute/virtualmachinescalesets"


@dataclass
class Instance:
    """One VM. state: creating, running, stopping, failed. port: loopback port of its API, None before it runs."""

    scale_set: str
    number: int
    address: str
    state: str = "creating"
    port: int | None = None
    process: asyncio.subprocess.Process | None = None
    in_flight: int = 0
    vm_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class ScaleSets:
    """Keeps as many processes as each scale set's capacity says."""

    def __init__(self, bus: Bus, clock: Clock, logs: Path) -> None:
        self._bus, self._clock, self._logs = bus, clock, logs
        self._sets: dict[str, dict[int, Instance]] = {}
        self._ids: dict[str, str] = {}
        self._next: dict[str, int] = {}
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        self.images: Callable[[str], Mapping[str, str]] = lambda scale_set: {}
        """What an instance's environment says of where images are kept; set by the server."""
        self.drain_seconds: dict[str, float] = {}
        """Real seconds that a gateway lets connections drain, by scale set id; set by the balancer."""
        bus.subscribe(self._changed)

    async def _changed(self, event: ResourceChanged) -> None:
        if event.arm_type != TYPE:
            return
        key = event.id.lower()
        self._ids[key] = event.id
        wanted = int(event.new["sku"]["capacity"]) if event.new else 0
        self.resize(key, wanted, event.new)

    def resize(self, key: str, wanted: int, body: Body | None) -> None:
        """Start or stop instances, in the background, until there are `wanted`. The newest go first."""
        have = self._sets.setdefault(key, {})
        live = [i for i in have.values() if i.state != "stopping"]
        for instance in sorted(live, key=lambda i: -i.number)[: max(0, len(live) - wanted)]:
            instance.state = "stopping"
            self._run(key, self._stop(instance))
        for _ in range(wanted - len(live)):
            number = self._next.get(key, 0)
            self._next[key] = number + 1
            have[number] = Instance(key, number, self._address(body, number))
            self._run(key, self._boot(have[number]))

    def _run(self, key: str, work: object) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.setdefault(key, set()).add(task)
        task.add_done_callback(self._tasks[key].discard)

    async def settle(self, key: str) -> None:
        """Wait until every instance has booted or gone. (An operation's end waits for its instances.)"""
        while tasks := self._tasks.get(key.lower()):
            await asyncio.wait(set(tasks))

    async def _boot(self, instance: Instance) -> None:
        await self._clock.sleep("instance boot")
        if instance.state != "creating":
            return
        log = self._logs / f"api-{instance.scale_set.rsplit('/', 1)[-1]}-{instance.number}.log"
        # -S -E: the process needs the standard library alone, so it starts in a few hundredths of a second.
        command = [
            sys.executable,
            "-S",
            "-E",
            str(Path(__file__).with_name("api_process.py")),
            str(instance.number),
        ]
        instance.process = await processes.spawn(
            command, log=log, pipe=True, env={**os.environ, **self.images(instance.scale_set)}
        )
        if instance.process.stdout is None:
            raise AssertionError("a pipe was asked for")
        line = await instance.process.stdout.readline()
        if not line:
            instance.state = "failed" if instance.state == "creating" else instance.state
            return
        if instance.state != "creating":  # scaled in while it started: nobody else knows this process yet
            await processes.end(instance.process)
            return
        instance.port, instance.state = int(line), "running"

    async def _stop(self, instance: Instance) -> None:
        limit = self.drain_seconds.get(instance.scale_set, self._clock.seconds("instance drain"))
        deadline = self._clock.now() + limit
        while instance.in_flight and self._clock.now() < deadline:
            await asyncio.sleep(0.02)
        if instance.process is not None:
            await processes.end(instance.process)
        self._sets[instance.scale_set].pop(instance.number, None)

    def _address(self, body: Body | None, number: int) -> str:
        """A private address from the subnet that the scale set's first interface names."""
        base = ipaddress.ip_network("10.0.0.0/24")
        with contextlib.suppress(KeyError, IndexError, TypeError, ValueError):
            nic = (body or {})["properties"]["virtualMachineProfile"]["networkProfile"][
                "networkInterfaceConfigurations"
            ][0]
            subnet = nic["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"]
            vnet, _, name = str(subnet).rpartition("/subnets/")
            for item in (self._bus.lookup(vnet) or {})["properties"]["subnets"]:
                if item["name"].lower() == name.lower():
                    props = item["properties"]
                    base = ipaddress.ip_network(props.get("addressPrefix") or props["addressPrefixes"][0])
        return str(base[4 + number % (base.num_addresses - 5)])

    def instances(self, scale_set: str) -> list[Instance]:
        """The instances of a scale set, oldest first; stopping ones included."""
        return list(self._sets.get(scale_set.lower(), {}).values())

    def everything(self) -> Iterator[tuple[str, Instance]]:
        """(scale set id, instance) of all."""
        for key, have in self._sets.items():
            for instance in have.values():
                yield self._ids[key], instance

    def order(self, number: int, wish: str, scale_set: str = "") -> int:
        """Make instances `failing`, `healthy` or `killed` from outside (for rehearsals). Returns how many obeyed."""
        signals = {"failing": signal.SIGUSR1, "healthy": signal.SIGUSR2, "killed": signal.SIGKILL}
        done = 0
        for name, instance in self.everything():
            if number in (-1, instance.number) and scale_set.lower() in name.lower() and instance.process:
                instance.process.send_signal(signals[wish])
                if wish == "killed":
                    instance.state = "failed"
                done += 1
        return done

    async def stop(self) -> None:
        """End every process."""
        for tasks in self._tasks.values():
            for task in list(tasks):
                task.cancel()
        running = [i.process for _, i in self.everything() if i.process]
        await asyncio.gather(*(processes.end(p, 0.5) for p in running))
