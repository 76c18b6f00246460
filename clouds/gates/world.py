"""What a gate needs of the world: endpoints, Resource Manager, a clock, a sleep and its log. All
replaceable."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from clouds.endpoints import Endpoints, load
from clouds.gates.log import GateLog, log_path
from recovery.arm.catalogue import CATALOGUE
from recovery.gates import UNKNOWN, Seen
from recovery.model import Json

T = TypeVar("T")

POLL_SECONDS = 5.0
"""Simulated seconds between two looks of a waiting gate."""

LEAST_POLL = 0.1
"""Real seconds: a local cloud is not asked more often than this, whatever the scale."""

LEAST_LIMIT = 30.0
"""Real seconds: local processes start in real time, so a scaled limit is never shorter than this."""


class ArmPort(Protocol):
    """The part of `clouds.azure.arm.Arm` that gates use."""

    def get(self, id: str, api_version: str) -> dict[str, Json]: ...
    def list(self, path: str, api_version: str) -> list[dict[str, Json]]: ...
    def put(self, id: str, body: dict[str, Json], api_version: str) -> dict[str, Json]: ...
    def post(
        self, id: str, body: dict[str, Json] | None, api_version: str, *, idempotent: bool = False
    ) -> dict[str, Json]: ...


def version(token: str) -> str:
    """The API version of a type in the catalogue, by Pulumi token without the `azure-native:` prefix."""
    return CATALOGUE[f"azure-native:{token}"].api_version


_arms: dict[tuple[str, str | None, float | None], Any] = {}
_arms_lock = threading.Lock()


def _arm(endpoints: Endpoints, hurry: float | None) -> ArmPort:
    """One client per cloud and patience for the life of the process: a fresh credential costs a second or
    more."""
    from clouds.azure.arm import Arm, Patience

    key = (endpoints.arm_url, endpoints.arm_token, hurry)
    with _arms_lock:
        if key not in _arms:
            patience = Patience()
            if hurry is not None:
                real = endpoints.scale  # Patience counts simulated seconds; a hurried look has real ones
                patience = Patience(
                    attempts=2, backoff=0.2 * real, longest=1.0 * real, operation=hurry * real, poll=0.3 *
                    real, timeout=hurry,
                )  # fmt: skip
            _arms[key] = Arm(endpoints, patience=patience)
        found: ArmPort = _arms[key]
        return found


@dataclass
class World:
    """clock: monotonic real seconds; now: Unix time; sleep: real seconds. stretch: how much longer than usual a single
    question (to a resolver, to a site) may take."""

    endpoints: Endpoints
    arm: ArmPort
    log: GateLog
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    root: Path = field(default_factory=Path.cwd)
    stretch: float = 1.0

    @classmethod
    def connect(
        cls, hurry: float | None = None, environ: Mapping[str, str] = os.environ, root: Path | None = None
    ) -> World:
        """The cloud that the environment names. hurry: real seconds for a whole look; None: the service's own
        patience. root: the project (default: the folder with Pulumi.yaml at or above the current one)."""
        endpoints = load(environ)
        log = GateLog(log_path(environ))
        return cls(endpoints, _arm(endpoints, hurry), log, root=root or _project_root())

    def real(self, simulated: float) -> float:
        """Simulated seconds as real ones."""
        return simulated / self.endpoints.scale

    def limit(self, simulated: float) -> float:
        """A waiting limit in real seconds."""
        scaled = self.real(simulated)
        return scaled if self.endpoints.scale <= 1 else max(scaled, min(simulated, LEAST_LIMIT))

    def pause(self, simulated: float) -> None:
        """Sleep between two looks."""
        self.sleep(max(LEAST_POLL, self.real(simulated)))


def _project_root() -> Path:
    """The folder with Pulumi.yaml at or above the working directory (dynamic providers run in the
    program's)."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").exists():
            return folder
    return here


def within(seconds: float, look: Callable[[], T]) -> T:
    """`look()`, or TimeoutError after `seconds` real ones. What it raises is raised here.

    The thread is a daemon: one that hangs in the network must not keep the process from ending.
    """
    done = threading.Event()
    result: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(look())
        except BaseException as error:  # noqa: BLE001 (carried to the caller's thread and raised there)
            failure.append(error)
        finally:
            done.set()

    threading.Thread(target=run, daemon=True, name="gate-look").start()
    if not done.wait(seconds):
        raise TimeoutError(f"nothing was seen within {seconds:g} s")
    if failure:
        raise failure[0]
    return result[0]


def wait_for(
    world: World, gate: str, want: str, limit: float, look: Callable[[], Seen], never: str = ""
) -> tuple[Seen, float]:
    """Look until `want` is observed or `limit` simulated seconds are over; each new sight is logged.

    never: what no waiting mends; seen, it ends the wait at once.

    Returns the last sight and the real seconds waited: the caller refuses when it is not what was wanted.
    """
    started = world.clock()
    deadline = started + world.limit(limit)
    last: Seen | None = None
    while True:
        seen = look()
        waited = world.clock() - started
        if seen.observed == want:
            world.log.write(gate, "observed", seen.detail, observed=seen.observed)
            world.log.write(gate, "passed", seen.detail, waited=round(waited, 3))
            return seen, waited
        if seen != last:
            world.log.write(gate, "observed", seen.detail, observed=seen.observed)
            last = seen
        if world.clock() >= deadline or seen.observed == never:
            world.log.write(gate, "refused", seen.detail, waited=round(waited, 3), observed=seen.observed)
            return seen, waited
        world.log.write(gate, "waiting", seen.detail, waited=round(waited, 3), observed=seen.observed)
        world.pause(POLL_SECONDS)


def unknown(error: Exception) -> Seen:
    """An observation that failed, with its reason."""
    return Seen(UNKNOWN, str(error) or type(error).__name__)
