"""The proofs alone (ACT-2, BACK-2): each flow compared at this moment's cut, and what AWS accepted since the cutover."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from clouds.objects.model import Store
from clouds.sync import metadata, objects
from clouds.sync.chain import ChainBlob
from clouds.sync.direction import Directions
from clouds.sync.outcome import Outcome, Proof
from clouds.sync.world import SyncWorld


def run(
    world: SyncWorld, flows: Sequence[str], *, reverse: bool, newest: int = objects.NEWEST
) -> list[Outcome]:
    """One Outcome a flow, with a proof each."""
    cutover = Directions(world.journal).cutover()
    return [_one(world, flow, reverse, cutover, newest) for flow in flows]


def _one(world: SyncWorld, flow: str, reverse: bool, cutover: float | None, newest: int) -> Outcome:
    cut = datetime.now(UTC)
    outcome = Outcome(flow, "reverse" if reverse else "forward", started=cut.isoformat(timespec="seconds"))

    if flow == "metadata":
        outcome.proofs.append(_metadata(world))
        outcome.seconds = round((datetime.now(UTC) - cut).total_seconds(), 3)
        return outcome

    async def compare() -> None:
        async with objects.stores(world, flow) as (bucket, container):
            source: Store = container if reverse else bucket
            target: Store = bucket if reverse else container
            outcome.proofs.append(await objects.prove(world, flow, source, target, cut=cut, newest=newest))

    asyncio.run(compare())
    if cutover is not None:
        outcome.divergence = objects.divergence(world, flow, cutover)
    outcome.seconds = round((datetime.now(UTC) - cut).total_seconds(), 3)
    return outcome


def _metadata(world: SyncWorld) -> Proof:
    """At the cut of the last import: no export is made, so nothing is written anywhere."""
    return asyncio.run(metadata.prove(world, ChainBlob(world.journal).load(), metadata.exports(world)))
