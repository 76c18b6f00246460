"""The small footprint on a local cloud, with an engine over it: what the tests of this folder share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clouds.azure.arm import Arm
from clouds.direct_engine import DirectEngine
from clouds.endpoints import load
from recovery.arm.catalogue import CATALOGUE
from recovery.engine import DIALS_ONLY, Event
from recovery.model import Action, Desired
from tests.clouds.small_footprint import footprint

BUILD = DIALS_ONLY | {Action.CREATE}


class World:
    """One engine over a desired state that a test may change, the ARM behind it, and what was told."""

    def __init__(self, environ: Mapping[str, str], root: Path) -> None:
        self.wanted: dict[str, list[Desired]] = {m: footprint(m) for m in ("standby", "active")}
        self.told: list[Event] = []
        self.engine = DirectEngine(
            root, environ=environ, desired=lambda _root, stack, _env: self.wanted[stack]
        )
        self.arm = Arm(load(environ))
        self.root = root

    def up(
        self, stack: str, allow: frozenset[Action] = DIALS_ONLY, exclude: tuple[str, ...] = ()
    ) -> list[str]:
        """The names of what was changed."""
        plan = self.engine.up(stack, allow=allow, exclude=exclude, on_event=self.told.append)
        return [s.name for s in plan.changes]

    def one(self, name: str, stack: str = "standby") -> Desired:
        return next(d for d in self.wanted[stack] if d.options["name"] == name)

    def body(self, name: str) -> dict[str, Any]:
        found = self.one(name)
        return self.arm.get(found.id, CATALOGUE[found.type].api_version)

    def put(self, name: str, body: dict[str, Any]) -> None:
        found = self.one(name)
        self.arm.put(found.id, body, CATALOGUE[found.type].api_version)
