"""All effects of a run in one table, with what does not apply to it left out by name."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from clouds.azure.blobs import Blobs
from clouds.notify import channels
from clouds.runbook import drill
from clouds.runbook.azure_effects import AzureEffects, Up
from clouds.runbook.books import BookEffects, HandOver, Precheck, without_primary
from clouds.runbook.calls import Handler
from clouds.runbook.checks import CheckEffects
from clouds.runbook.fence import SyncFence
from clouds.runbook.footprint import JOURNAL, Footprint
from clouds.runbook.inbox import BlobPlace, FolderPlace, Place
from clouds.runbook.messages import MessageEffects
from clouds.runbook.primary_effects import PrimaryEffects
from clouds.runbook.runs import Begun
from recovery.errors import DrError

SYNC = "clouds.sync.runbook"
PRIMARY_SYNC = frozenset({
    "sync.run", "sync.prove", "sync.until_empty", "sync.delta_empty", "divergence.list", "primary.reconcile",
})  # fmt: skip
"""Effects of the sync that need the primary. Reading is enough for some, but none of them without it."""
DRILL_READS = frozenset({"sync.run", "sync.prove"})
"""Of these, what a drill does all the same: forward, they read the primary and write to Azure. No export is asked for."""


def sync_effects(root: Path, environ: Mapping[str, str] = os.environ) -> dict[str, Handler]:
    """The data side's effects: those over the sync's functions, and `clouds.sync.runbook`'s where that is there."""
    from clouds.runbook.data_effects import effects as over_the_sync

    found = over_the_sync(root, environ)
    if importlib.util.find_spec(SYNC) is not None:
        module: Any = importlib.import_module(SYNC)
        found |= module.effects(root, environ)
    return found


def fence(footprint: Footprint) -> SyncFence:
    """The fence in the journal container. Raises recovery.errors where it cannot be reached."""
    from clouds.objects.container import container_client
    from clouds.sync.direction import Directions

    body = footprint.body(footprint.named("storage-journal"))
    return SyncFence(Directions(container_client(body, JOURNAL, footprint.endpoints)))


def effects(
    footprint: Footprint,
    begun: Begun,
    up: Up,
    *,
    hand_over: HandOver,
    precheck: Precheck,
    gateway_up: Callable[[str], None] | None = None,
) -> dict[str, Handler]:
    """The table of this run. up: see `AzureEffects`; hand_over: of Pulumi's checkpoint."""
    azure = AzureEffects(footprint, up, gateway_up)
    books = BookEffects(fence(footprint), precheck, hand_over, lambda stack, say: _whole(up, stack, say))
    sync = sync_effects(footprint.root, footprint.environ)
    messages = MessageEffects(
        begun, lambda audience: channels(footprint.root, audience, footprint.environ), footprint.world.now
    )
    writing = {kind: handler for kind, handler in sync.items() if kind.startswith(("freeze.", "triggers."))}
    asking = {kind: handler for kind, handler in sync.items() if kind in PRIMARY_SYNC}
    rest = {kind: handler for kind, handler in sync.items() if kind not in {**writing, **asking}}
    if begun.primary_gone:
        gone = dict.fromkeys([*writing, *PRIMARY_SYNC], writing["freeze.is"])
        writing, asking = (
            without_primary({k: v for k, v in gone.items() if k in writing}, begun.person),
            without_primary({k: v for k, v in gone.items() if k in PRIMARY_SYNC}, begun.person),
        )
    if begun.drill:
        writing = drill.without(writing)
        asking = {
            kind: handler for kind, handler in drill.without(asking).items() if kind not in DRILL_READS
        } | {kind: handler for kind, handler in asking.items() if kind in DRILL_READS}
    books.freezer = writing.get("freeze.apply")
    table = {
        **azure.table(), **books.table(), **CheckEffects(footprint, azure).table(), **PrimaryEffects(footprint).table(),
        **messages.table(), **rest, **writing, **asking,
    }  # fmt: skip
    if begun.drill:
        table["closing.record"] = drill.closing(
            azure.engine_up,
            {
                "capacity": (azure.capacity_is, {"mode": "standby"}),
                "converter": (azure.converter_is, {"muted": True}),
                "drift": (azure.drift_none, {"stack": "standby"}),
            },
            books.closing,
        )
    return table


def _whole(up: Up, stack: str, say: Callable[[str], None]) -> None:
    up(stack, [], say)


def places(footprint: Footprint, folder: Path, account: str = "") -> list[Place]:
    """Where words are left and looked for: this machine's folder, and the journal container where it is reachable."""
    found: list[Place] = [FolderPlace(folder)]
    with suppress(DrError):
        found.append(BlobPlace(journal_blobs(footprint), JOURNAL, account))
    return found


def journal_blobs(footprint: Footprint) -> Blobs:
    """The account that holds the journal container. Raises recovery.errors."""
    return footprint.blobs("storage-journal")
