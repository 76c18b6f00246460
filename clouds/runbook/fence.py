"""The data's direction as a run reads and turns it: the fence that every sync obeys (clouds.sync.direction)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from recovery.journal.direction import Direction, Standing


class Turns(Protocol):
    """The part of `clouds.sync.direction.Directions` that is used."""

    def read(self) -> Standing: ...

    def turn(self, to: Direction, who: str, why: str, *, settled: bool = ...) -> Standing: ...

    def cutover(self) -> float | None: ...


class SyncFence:
    """Over the record of turns in the journal container."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def is_now(self) -> Direction:
        """What holds now. Raises Stopped when it cannot be believed."""
        from recovery.errors import Stopped

        found = self._turns.read()
        if found.fault:
            raise Stopped(
                f"the direction of the data cannot be believed: {found.fault}",
                "a sync in the wrong direction overwrites the side that is live",
                'dr sync direction off --settle --why "..."',
            )
        return found.direction

    def turn(self, to: Direction, who: str, why: str) -> int:
        """Turn it and return the epoch."""
        return self._turns.turn(to, who, why).epoch

    def since(self) -> datetime | None:
        """When it last left forward: the cut for divergence."""
        at = self._turns.cutover()
        return None if at is None else datetime.fromtimestamp(at).astimezone()
