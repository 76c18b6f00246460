"""Cosmos DB back to DynamoDB for what changed since the cutover (BACK-2); what AWS accepted meanwhile is never dropped.

Three versions are compared for each key: the common one (the chain of exports at the last proven cut), Azure's now and
AWS's now. Azure was the origin, so its version goes in; where AWS's is not the common one either, that is a conflict:
AWS's version is kept beside the journal first, and both are reported. Every write names the version it replaces.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from clouds.azure.data_plane import writing
from clouds.sync import metadata
from clouds.sync.carried import Carried
from clouds.sync.chain import Chain, ChainBlob, state
from clouds.sync.exports import Exports
from clouds.sync.outcome import Outcome, Proof
from clouds.sync.table import GuardError, Table
from clouds.sync.world import SyncWorld
from recovery.errors import Stopped
from recovery.sync.exported import Change, Manifest, change, digest
from recovery.sync.ids import Keys, document_id
from recovery.sync.items import Item, NotAnItem, to_document, to_item

PAGE = 100
MARGIN = 5.0
"""Seconds before the cutover from which on documents are looked at: ``_ts`` has whole seconds of another clock."""
MAX_DELETE_PERCENT = 10


@dataclass
class _Back:
    """One run. common: id -> digest at the last cut."""

    world: SyncWorld
    table: Table
    common: Mapping[str, str]
    fence: Callable[[], None]
    dry_run: bool
    outcome: Outcome
    started: str
    carried: Carried
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("sourceKeys", "same", "written", "deleted", "errors"), 0)
    )

    @property
    def keys(self) -> Keys:
        """The table's keys."""
        return self.world.keys

    def error(self, text: str) -> None:
        self.counts["errors"] += 1
        if len(self.outcome.errors) < 1000:
            self.outcome.errors.append(text)


def run(
    world: SyncWorld,
    *,
    fence: Callable[[], None],
    cutover: float | None,
    dry_run: bool,
    on_change: Callable[[int, str], None],
) -> Outcome:
    """Carry back and prove it. Raises Stopped when there was no cutover, or the common state is not known."""
    began, clock = datetime.now(UTC), time.monotonic()
    outcome = Outcome("metadata", "reverse", started=began.isoformat(timespec="seconds"), dry_run=dry_run)
    if cutover is None:
        raise Stopped(
            "there was no cutover: the direction has not left forward",
            "what changed since is not known",
            "dr sync direction",
        )
    chain, made = ChainBlob(world.journal).load(), metadata.exports(world)
    common = state(made, chain, world.keys, lambda one: digest(to_document(one.item or {}, world.keys)))
    table = Table(world.aws("dynamodb"), world.source.table, world.keys)
    back = _Back(
        world,
        table,
        common,
        fence,
        dry_run,
        outcome,
        f"{began:%Y%m%dT%H%M%SZ}",
        Carried(world.journal, "metadata", cutover),
    )
    # What AWS took in after the last cut, and no import carried, Azure never had: it is looked for from there, not from the
    # cutover, for a disaster comes before it (the RPO's gap).
    since = min(cutover, chain.cut or cutover)
    present = asyncio.run(_changed(back, cutover, since, on_change))
    _deleted(back, chain, present)
    if not dry_run:
        back.carried.save()
    outcome.counts = back.counts
    if not dry_run:
        outcome.divergence = divergence(world, made, chain, since, common, present)
        outcome.proofs.append(
            _proof(world, made, {one.split(" ")[0] for one in outcome.divergence}, began.timestamp())
        )
    outcome.seconds = round(time.monotonic() - clock, 3)
    return outcome


async def _changed(
    back: _Back, cutover: float, since: float, on_change: Callable[[int, str], None]
) -> dict[str, str]:
    """Carry what changed since the cutover; returns every id that Cosmos DB has, with its digest where it was written after
    `since` (what the continuous sync brought between the last cut and the cutover is AWS's own: read, and not carried)."""
    into = metadata.container(back.world)
    present: dict[str, str] = {}
    page: list[dict[str, Any]] = []
    try:
        async for found in into.query("SELECT c.id FROM c"):
            present[found["id"]] = ""
        query = 'SELECT * FROM c WHERE c._ts >= @since AND NOT IS_DEFINED(c["drTest"])'
        async for document in into.query(query, [{"name": "@since", "value": int(since - MARGIN)}]):
            present[document["id"]] = digest(document)
            if document["_ts"] < int(cutover - MARGIN):
                continue
            page.append(document)
            if len(page) >= PAGE:
                await asyncio.to_thread(_carry, back, page)
                on_change(back.counts["sourceKeys"], f"{back.counts['written']} written")
                page = []
        if page:
            await asyncio.to_thread(_carry, back, page)
    finally:
        await into.close()
    return present


def _carry(back: _Back, documents: Sequence[Mapping[str, Any]]) -> None:
    if not back.dry_run:
        back.fence()
    wanted: list[tuple[str, Item]] = []
    for document in documents:
        back.counts["sourceKeys"] += 1
        try:
            item = to_item(document)
            wanted.append((document_id(item, back.keys), item))
        except (NotAnItem, KeyError, ValueError) as exc:
            back.error(f"{document['id']}: {str(exc)[:200]}")
    there = {document_id(item, back.keys): item for item in back.table.read([item for _, item in wanted])}
    for id, item in wanted:
        _one(back, id, item, there.get(id))


def _one(back: _Back, id: str, item: Item, there: Item | None) -> None:
    ours, theirs = _digest(item, back.keys), _digest(there, back.keys) if there else ""
    # Azure did not change it, or not since it was carried: what AWS has is as good or newer.
    if ours in (theirs, back.common.get(id), back.carried.versions.get(id)):
        if ours == theirs and ours != back.common.get(id):
            back.carried.versions[id] = ours
        back.counts["same"] += 1
        return
    if back.dry_run:
        back.outcome.would.append(f"{'*' if there else '+'} {id}")
        return
    if theirs not in (back.common.get(id, ""), back.carried.versions.get(id)):
        _aside(back, id, ours=item, theirs=there)
    try:
        back.table.put(item, there)
        back.carried.versions[id] = ours
        back.counts["written"] += 1
    except GuardError:
        back.error(f"{id}: AWS wrote it at this moment; run the same command again")


def _deleted(back: _Back, chain: Chain, present: Mapping[str, str]) -> None:
    """What both sides had at the last cut and Azure no longer has was deleted there."""
    gone = [id for id in back.common if id not in present]
    if not gone:
        return
    if chain.proven < (chain.cut or 0.0):
        back.outcome.refused = (
            f"not deleting {len(gone)} items in AWS: it was never proven that Azure had them"
        )
        return
    if len(gone) * 100 > MAX_DELETE_PERCENT * len(back.common):
        back.outcome.refused = (
            f"not deleting {len(gone)} of {len(back.common)} items in AWS: more than {MAX_DELETE_PERCENT} %"
        )
        return
    held = state(metadata.exports(back.world), chain, back.keys, lambda one: one.keys)
    for start in range(0, len(gone), PAGE):
        if not back.dry_run:
            back.fence()
        for item in back.table.read([held[id] for id in gone[start : start + PAGE]]):
            id = document_id(item, back.keys)
            if back.dry_run:
                back.outcome.would.append(f"- {id}")
                continue
            if _digest(item, back.keys) != back.common[id]:
                _aside(back, id, ours=None, theirs=item)
                continue  # written in AWS since: a deletion does not take that away
            try:
                back.table.delete(item)
                back.counts["deleted"] += 1
            except GuardError:
                back.error(f"{id}: AWS wrote it at this moment; run the same command again")


def _aside(back: _Back, id: str, *, ours: Item | None, theirs: Item | None) -> None:
    """Keep both versions of a conflict, write-once, before anything is overwritten."""
    name = f"conflicts/{back.started}/{id}.json"
    data = json.dumps({"id": id, "azure": ours, "aws": theirs}, indent=1, default=str).encode()
    with writing(f"keeping both versions of {id}"):
        back.world.journal.get_blob_client(name).upload_blob(
            data, overwrite=True
        )  # a second try keeps the same
    back.outcome.conflicts.append(
        f"{id} ({'deleted' if theirs is None else 'written'} in AWS, {'deleted' if ours is None else 'written'} in Azure; {name})"
    )


def _digest(item: Item, keys: Keys) -> str:
    return digest(to_document(item, keys))


def divergence(
    world: SyncWorld,
    made: Exports,
    chain: Chain,
    since: float,
    common: Mapping[str, str],
    present: Mapping[str, str],
) -> list[str]:
    """Writes that AWS accepted since then and that Azure does not have: an incremental export says which. since: the last cut
    that was carried, or the cutover, whichever came first.

    Listed, never carried and never dropped: the next forward run brings them, by their time.
    """
    until = int(time.time()) + 1
    time.sleep(
        max(0.0, until - time.time())
    )  # windows end in the past: what was written in this second counts too
    found: dict[str, str] = {}
    for window in metadata.plan_since(chain, int(since), until):
        for one in _changes(made, made.make(window), world.keys):
            id = document_id(one.keys, world.keys)
            now = _digest(one.item, world.keys) if one.item is not None else None
            known = now in (common.get(id, ""), present.get(id)) if now else id not in present
            if one.at > since * 1e6 and not known:
                when = datetime.fromtimestamp(one.at / 1e6, UTC)
                found[id] = (
                    f"{id} ({_named(one.keys)}, {'written' if now else 'deleted'} {when:%Y-%m-%dT%H:%M:%SZ})"
                )
    return [found[id] for id in sorted(found)]


def _named(keys: Item) -> str:
    """A key as the table's people know it: an id may be a hash."""
    return " ".join(f"{name} {next(iter(typed.values()))}" for name, typed in keys.items())


def _changes(made: Exports, of: Manifest, keys: Keys) -> Iterator[Change]:
    names = (keys.partition,) if keys.sort is None else (keys.partition, keys.sort)
    for one in of.files:
        for line in made.lines(of, one):
            yield change(line, of, names)


def _proof(world: SyncWorld, made: Exports, diverged: set[str], carried: float) -> Proof:
    """A full export of the table now against the documents now: every id, a sample's content.

    diverged: what AWS alone has. It is reported by itself, for it is not Azure's to have. carried: when the documents were
    begun to be read; what Azure took in since is the next run's.
    """
    of = made.make(None)
    proof = Proof("metadata", datetime.fromtimestamp(of.until, UTC).isoformat(timespec="seconds"))
    expected = {
        document_id(item, world.keys): _digest(item, world.keys)
        for one in _changes(made, of, world.keys)
        if (item := one.item) is not None
    }

    expected = {id: held for id, held in expected.items() if id not in diverged}

    async def compare() -> None:
        into = metadata.container(world)
        try:
            await metadata.compare(into, expected, proof, of.until, metadata.SHARE, diverged, carried)
        finally:
            await into.close()

    asyncio.run(compare())
    return proof
