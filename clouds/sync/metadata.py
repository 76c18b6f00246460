"""The metadata flow: DynamoDB to Cosmos DB by exports (SYNC-3); the way back is `clouds.sync.metadata_back`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime

from clouds.objects.container import container_client
from clouds.sync.chain import LONGEST, Chain, ChainBlob, Link, counted, damaged, state
from clouds.sync.converting import batches
from clouds.sync.cosmos import AHEAD, Container, among
from clouds.sync.exports import Exports
from clouds.sync.importing import Imported, send
from clouds.sync.outcome import Outcome, Proof
from clouds.sync.sending import Into, Senders
from clouds.sync.world import STAGING, SyncWorld
from recovery.errors import DrError
from recovery.sync.budget import Budget
from recovery.sync.exported import BadExportError, digest
from recovery.sync.items import MINE, to_document
from recovery.sync.windows import windows

SHARE = 10
"""Percent of the documents whose content is read and hashed for a proof."""

MARK = 2_000
"""Lines of a file between two checkpoints within it."""

Figures = Callable[[int, str], None]


def target(world: SyncWorld) -> Into:
    """Where the documents go, and the RU/s that they may use now."""
    endpoint, database, name = world.cosmos
    path = f"dbs/{database}/colls/{name}"
    return Into(endpoint, path, world.endpoints.cosmos_key, world.throughput() * AHEAD)


def container(world: SyncWorld) -> Container:
    """The documents, with the budget that the container has now. Must be called in a running event loop."""
    return target(world).open()


def exports(world: SyncWorld) -> Exports:
    """The table's exports."""
    staging = container_client(world.body("storage-uploads"), STAGING, world.endpoints)
    names = world.source
    return Exports(world.aws("dynamodb"), world.aws("s3"), names.table, names.exportBucket, staging)


def run(
    world: SyncWorld,
    *,
    reverse: bool,
    fence: Callable[[], None],
    cutover: float | None,
    dry_run: bool,
    on_change: Figures,
    exporting: bool = True,
) -> Outcome:
    """Carry the table and prove it. Raises DrError where the run could not go on; it goes on there the next time.

    exporting False: no export is asked for, so nothing is written to AWS (an export writes into its bucket). What was
    exported and staged already is brought in, and proven at its own cut; `data_age_seconds` says how old that is.
    """
    if reverse:
        from clouds.sync import metadata_back

        return metadata_back.run(world, fence=fence, cutover=cutover, dry_run=dry_run, on_change=on_change)
    began, clock = datetime.now(UTC), time.monotonic()
    outcome = Outcome("metadata", "forward", started=began.isoformat(timespec="seconds"), dry_run=dry_run)
    blob = ChainBlob(world.journal)
    chain, made = blob.load(), exports(world)
    # Windows end on whole seconds, in the past: the next one, so that nothing written before this run is left out.
    planned: list[tuple[int, int]] | None = []
    if exporting:
        until = int(began.timestamp()) + 1
        time.sleep(max(0.0, until - time.time()))
        planned = plan(chain, until)
    if dry_run:
        outcome.would = [f"go on with export {link.export}" for link in chain.open]
        outcome.would += (
            ["a full export"]
            if planned is None
            else [f"an incremental export of {_words(w)}" for w in planned]
        )
        return outcome
    _stage(blob, chain, made, planned, fence)
    done, spent = asyncio.run(_import(world, blob, chain, made, fence, on_change))
    outcome.counts = {
        "sourceKeys": done.read, "created": done.created, "replaced": done.replaced, "deleted": done.deleted,
        "same": done.same, "overtaken": done.overtaken, "copiedBytes": done.bytes, "errors": done.problem_count,
        "requestUnits": int(spent.spent), "requests": spent.requests, "throttled": spent.throttled,
    }  # fmt: skip
    outcome.errors = done.problems
    outcome.proofs.append(asyncio.run(prove(world, chain, made, SHARE)))
    if outcome.proofs[0].holds and chain.cut is not None:
        chain.proven = chain.cut
        blob.store(chain)
    outcome.data_age_seconds = (
        round(datetime.now(UTC).timestamp() - (chain.cut or 0.0), 3) if chain.cut else None
    )
    outcome.seconds = round(time.monotonic() - clock, 3)
    return outcome


def stage(world: SyncWorld, fence: Callable[[], None]) -> Chain:
    """Export what was written since the last export and stage it; its import is another's (`clouds.sync.spread`).

    Raises Stopped by the fence, DrError. Returns the chain as it stands then.
    """
    blob = ChainBlob(world.journal)
    chain, until = blob.load(), int(time.time()) + 1
    time.sleep(max(0.0, until - time.time()))
    _stage(blob, chain, exports(world), plan(chain, until), fence)
    return chain


def plan(chain: Chain, now: int) -> list[tuple[int, int]] | None:
    """The windows to export; None for a full export (the first, a chain grown too long, or a cut out of reach)."""
    last = max((link.until for link in chain.links), default=None)
    if last is None or sum(not link.full for link in chain.links) >= LONGEST:
        return None
    with suppress(ValueError):
        return windows(int(last), now)
    return None


def plan_since(chain: Chain, since: int, now: int) -> list[tuple[int, int]]:
    """Windows that cover what was written since then (the chain is asked for nothing but that there is one)."""
    return windows(since, now) if chain.links else []


def _words(window: tuple[int, int]) -> str:
    return " to ".join(datetime.fromtimestamp(t, UTC).isoformat(timespec="seconds") for t in window)


def _stage(
    blob: ChainBlob,
    chain: Chain,
    made: Exports,
    planned: list[tuple[int, int]] | None,
    fence: Callable[[], None],
) -> None:
    for window in [None] if planned is None else planned:
        fence()
        found = made.make(window)
        chain.add(Link(found.id, found.full, found.until), found.since)
        blob.store(chain)


async def _import(
    world: SyncWorld,
    blob: ChainBlob,
    chain: Chain,
    made: Exports,
    fence: Callable[[], None],
    on_change: Figures,
) -> tuple[Imported, Budget]:
    done, where = Imported(), target(world)
    alone, senders = where.open(), Senders(where)
    spent = alone.budget

    def said() -> None:
        on_change(done.read, f"{spent.spent:,.0f} RU, {spent.throttled} throttled")

    try:
        for link in chain.open:
            of = await asyncio.to_thread(made.staged, link.export)
            for index, file in enumerate(of.files[link.files :], start=link.files):

                async def mark(upto: int, link: Link = link) -> None:
                    if upto - link.lines >= MARK:
                        link.lines = upto
                        await asyncio.to_thread(blob.store, chain)

                lines = counted(made, of, file)
                try:
                    if senders.worth(file.items):
                        await senders.bring(
                            lines, of, world.keys, done, spent, fence=fence, on_batch=said, on_mark=mark, skip=link.lines
                        )  # fmt: skip
                    else:
                        ready = batches(lines, of, world.keys, done, skip=link.lines)
                        await send(ready, alone, done, fence=fence, on_mark=mark, on_batch=said)
                except BadExportError as exc:
                    raise damaged(exc) from exc
                if done.unwritten:
                    return done, spent  # the next run brings it, from the same place of the same export
                link.files, link.lines = index + 1, 0
                await asyncio.to_thread(blob.store, chain)
            link.done = True
            await asyncio.to_thread(blob.store, chain)
    finally:
        await asyncio.to_thread(senders.close)
        await alone.close()
    return done, spent


# -- the proof -----------------------------------------------------------------------------------------------------


async def prove(world: SyncWorld, chain: Chain, made: Exports, share: int = SHARE) -> Proof:
    """Counts equal and a sample's hashes equal at the chain's cut; what was written after it is counted apart."""
    cut = chain.cut or 0.0
    proof = Proof("metadata", datetime.fromtimestamp(cut, UTC).isoformat(timespec="seconds"))
    if chain.cut is None:
        proof.notes["unobserved"] = "no export has been imported yet"
        return proof
    expected = await asyncio.to_thread(
        state, made, chain, world.keys, lambda one: digest(to_document(one.item or {}, world.keys))
    )
    into = container(world)
    try:
        await compare(into, expected, proof, cut, share)
    except DrError as error:
        proof.notes["unobserved"] = error.summary
        proof.holds = False
    finally:
        await into.close()
    return proof


async def compare(
    into: Container,
    expected: dict[str, str],
    proof: Proof,
    cut: float,
    share: int,
    apart: Collection[str] = (),
    carried: float | None = None,
) -> None:
    """The documents against id -> digest. Every id is counted; of `share` percent the content is read and hashed.

    apart: ids that are reported elsewhere and not judged here. carried: epoch seconds at which the run that is proven began
    to read the documents (the way back): what was written from that second on is the next run's.
    """
    from_here = float("inf") if carried is None else int(carried)
    proof.population = len(expected)
    present: set[str] = set()
    extra = 0
    query = 'SELECT c.id, c._ts, c["$"] AS mine FROM c WHERE NOT IS_DEFINED(c["drTest"])'
    async for found in into.query(query):
        at = (found.get("mine") or {}).get("at", int(found["_ts"]) * 1_000_000)
        if found["id"] in apart:
            proof.later += 1
        elif at > cut * 1e6 + 1e6:
            proof.later += 1
            present.add(found["id"])
        elif found["id"] in expected:
            present.add(found["id"])
        elif int(found["_ts"]) >= from_here:
            proof.later += 1
        else:
            extra += 1
            _note(proof, f"- {found['id']}  (in Cosmos DB alone)")
    missing = [id for id in expected if id not in present]
    for id in missing[:50]:
        _note(proof, f"+ {id}  (not in Cosmos DB)")
    drawn = sorted(id for id in expected if _drawn(id, share)) or sorted(expected)[:1]
    proof.compared = len(drawn)
    for start in range(0, len(drawn), 100):
        asked = among("SELECT * FROM c WHERE c.id IN", drawn[start : start + 100])
        async for document in into.query(*asked):
            later = document.get(MINE, {}).get("at", 0) > cut * 1e6 + 1e6
            later = later or int(document.get("_ts", 0)) >= from_here
            if later or digest(document) == expected[document["id"]]:
                proof.equal += 1
            else:
                _note(proof, f"* {document['id']}  (content differs)")
    proof.notes |= {
        "sourceCount": len(expected),
        "targetCount": len(present) + extra,
        "missing": len(missing),
        "extra": extra,
    }
    proof.holds = bool(expected) and not missing and not extra and proof.equal == proof.compared


def _drawn(id: str, share: int) -> bool:
    """A sample that is the same in every run of one cut, and another share of the keys whatever they look like."""
    import hashlib

    return hashlib.sha256(id.encode()).digest()[0] * 100 < share * 256


def _note(proof: Proof, text: str) -> None:
    if len(proof.differing) < 100:
        proof.differing.append(text)
