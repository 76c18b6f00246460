"""One flow, whatever it carries: what `dr sync` and the runbooks both start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clouds.sync.outcome import Outcome
    from clouds.sync.world import SyncWorld


def run(
    world: SyncWorld,
    flow: str,
    *,
    reverse: bool,
    fence: Callable[[], None],
    cutover: Any,
    max_delete: int,
    dry_run: bool,
    on_items: Callable[[int, str], None],
    on_objects: Callable[[Any], None],
    way: str = "auto",
    exporting: bool = True,
) -> Outcome:
    """Carry `flow` (metadata, site or uploads) one way. Raises Stopped by the fence, Failed, Unobserved.

    exporting: may the table be exported (which writes to AWS)? See `metadata.run`. max_delete: percent, for objects. way: how objects travel (clouds.objects.carriers.Way). on_items, on_objects: progress of documents, of objects.
    """
    if flow == "metadata":
        from clouds.sync import metadata

        return metadata.run(
            world, reverse=reverse, fence=fence, cutover=cutover, dry_run=dry_run, on_change=on_items,
            exporting=exporting,
        )  # fmt: skip
    from clouds.objects.carriers import Way
    from clouds.sync import objects

    return asyncio.run(
        objects.run(world, flow, reverse=reverse, fence=fence, cutover=cutover, max_delete=max_delete,
                    dry_run=dry_run, on_change=on_objects, way=Way(way))
    )  # fmt: skip


def let_sync_through(world: SyncWorld) -> Iterator[str]:
    """A freeze that still stands is opened for the sync's own principal, and for nobody else.

    Yields each name as it is let through; nothing happens until the iterator is run to its end.
    """
    from clouds.sync.freeze import TARGETS, freezer

    made = freezer(world)
    for name in TARGETS:
        if made.let_sync_through(name):
            yield name
