"""What the probes look through: the declared footprint, its live bodies, clients in a hurry, a clock, an engine's preview."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from clouds.azure.arm import ArmError
from clouds.gates.world import World, version
from clouds.runbook.footprint import Footprint
from clouds.sync.world import SyncWorld
from recovery.model import Desired, Json, Plan
from recovery.readiness.model import UnseenError

HURRY_SECONDS = 10.0
"""Real seconds for one look at Resource Manager, a second try included."""

Preview = Callable[[str], Plan]


class ReadyWorld:
    """One run's view. stack: whose mode is expected. preview: an engine's, by stack. now: gives UTC.

    Bodies are read once a run and shared. Safe to use from several threads. Raises what its parts raise.
    """

    def __init__(
        self,
        root: Path,
        run: str,
        stack: str = "standby",
        environ: Mapping[str, str] = os.environ,
        *,
        preview: Preview | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.root, self.run, self.stack, self.environ = root, run, stack, environ
        self.preview, self.now = preview, now
        self.at = Footprint(root, environ)
        self.at.world = World.connect(hurry=HURRY_SECONDS, environ=environ, root=root)
        self.endpoints = self.at.endpoints
        self._bodies: dict[str, dict[str, Json]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Run the program for both modes (once; then it comes from the cache): a probe's limit is not for that."""
        for stack in ("standby", "active"):
            self.at.desired(stack)

    @property
    def arm(self) -> World:
        """The world in a hurry (its `.arm`, `.clock`, `.sleep`)."""
        return self.at.world

    @cached_property
    def sync(self) -> SyncWorld:
        """The data's world, over the same declared resources."""
        return SyncWorld(self.root, self.stack, self.environ, declared=self.at.desired("standby"))

    def body(self, one: Desired) -> dict[str, Json]:
        """A live body, read once. Raises ArmError."""
        with self._lock:
            lock = self._locks.setdefault(one.id, threading.Lock())
        with lock:
            if one.id not in self._bodies:
                self._bodies[one.id] = self.at.body(one)
            return self._bodies[one.id]

    def named(self, name: str) -> dict[str, Json]:
        """A live body by the resource's name in the program."""
        return self.body(self.at.named(name))

    def get(self, id: str, token: str) -> dict[str, Json]:
        """A body by id, with the API version of a type. Raises ArmError."""
        return self.at.world.arm.get(id, version(token))

    def gateway_address(self) -> str:
        """The gateway's public address. Raises UnseenError."""
        from clouds.gates.edge import read_gateway

        found, why = read_gateway(self.at.world.arm, str(self.at.props("ReturnGate")["gatewayPublicIpId"]))
        if found is None or not found.address:
            raise UnseenError(f"the gateway's public address: {why or 'it has none yet'}")
        return found.address

    def wait(self, simulated: float, least: float) -> float:
        """Sleep that many simulated seconds, at least `least` real ones; returns the simulated seconds slept."""
        world = self.at.world
        real = max(least, world.real(simulated))
        world.sleep(real)
        return real * self.endpoints.scale

    def close(self) -> None:
        """Close what this run opened. Resource Manager's client is the process's own."""
        if "sync" in self.__dict__:
            self.sync.close()


def missing(error: BaseException) -> bool:
    """Does the service itself say that a declared resource is not there?"""
    return isinstance(error, ArmError) and error.missing
