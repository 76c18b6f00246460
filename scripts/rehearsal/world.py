"""What the story needs from the world: the same functions that the verbs use, wired to one local cloud."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clouds.azure.arm import Arm
from clouds.endpoints import Endpoints
from recovery.engine import Event
from recovery.model import Desired, Finding, Plan
from recovery.report.model import Part


@dataclass(frozen=True)
class Checked:
    """One drift check. unknown findings are among findings; complete False says that there is at least one."""

    findings: tuple[Finding, ...]
    compared: int
    complete: bool


@dataclass(frozen=True)
class Converted:
    """A photograph as the converter left it: its bytes out of the documents, and how many documents held them."""

    data: bytes
    documents: int


class World(Protocol):
    """One cloud with one engine on it. Everything may raise recovery.errors."""

    endpoints: Endpoints
    arm: Arm
    engine_name: str
    root: Path

    def aside(self) -> AbstractContextManager[object]:
        """What is said on stderr meanwhile is shown beside the step under way."""
        ...

    def durations(self, percentile: str) -> None:
        """How long slow operations take from here on: median, p95, or instant (the build, at full scale)."""
        ...

    def parts(self) -> list[Part]:
        """What runs, with versions."""
        ...

    def desired(self, stack: str) -> Sequence[Desired]:
        """What the program declares for a stack."""
        ...

    def build(self, on_event: Callable[[Event], None]) -> Plan:
        """The first up of standby, where nothing exists yet."""
        ...

    def certify(self) -> None:
        """A certificate that clients trust, in place of the one that signs itself."""
        ...

    def up(self, stack: str, on_event: Callable[[Event], None], create: bool = False) -> Plan:
        """Bring the footprint to a stack's mode, hand-over included. create: missing resources may be made again."""
        ...

    def drift(self, stack: str) -> Checked:
        """Compare with reality."""
        ...

    def delete(self, id: str) -> None:
        """Carry out the fixing command of an unmanaged resource."""
        ...

    def upload(self, name: str, data: bytes) -> None:
        """Put a photograph into the uploads container."""
        ...

    def converted(self, name: str) -> Converted | None:
        """The photograph out of the converter's documents; None while they are absent or incomplete."""
        ...

    def dials(self) -> dict[str, Callable[[], float | None]]:
        """Readings of the dials as they are now, by the name that the report shows."""
        ...
