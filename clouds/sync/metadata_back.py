"""Cosmos DB back to DynamoDB for what changed since the cutover (BACK-2)."""

from __future__ import annotations

from collections.abc import Callable

from clouds.sync.outcome import Outcome
from clouds.sync.world import SyncWorld


def run(
    world: SyncWorld,
    *,
    fence: Callable[[], None],
    cutover: float | None,
    dry_run: bool,
    on_change: Callable[[int, str], None],
) -> Outcome:
    """Not yet."""
    raise NotImplementedError
