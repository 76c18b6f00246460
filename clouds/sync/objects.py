"""The object flows (site, uploads) of one site, each way: run, prove, list what the other side accepted meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from clouds.objects.blob import BlobStore
from clouds.objects.carriers import Way, choose, streamed
from clouds.objects.model import ObjectError, Store
from clouds.objects.mover import Keep, Progress, move
from clouds.objects.s3 import S3Store
from clouds.sync.carried import Carried
from clouds.sync.common import Common
from clouds.sync.outcome import Outcome, Proof
from clouds.sync.world import SITE, UPLOADS, SyncWorld
from recovery.errors import Unobserved
from recovery.journal.direction import Direction
from recovery.sync import policies
from recovery.sync.evidence import Fingerprint, compare
from recovery.sync.evidence import Proof as Verdict
from recovery.sync.march import Entry, Line, Sign, march
from recovery.sync.policies import Returning
from recovery.sync.versions import Versions

FLOWS = ("site", "uploads")
NEWEST = 10  # SYNC-2
LOOKED = 100_000
"""Objects that a proof looks at one by one, at most, where the listings prove nothing."""
HEADS = 32
"""Requests at a time where objects are looked at one by one."""
ASIDE = "conflicts"
"""Prefix in the export bucket under which AWS's version of a conflicting object is kept."""


@asynccontextmanager
async def stores(world: SyncWorld, flow: str) -> AsyncIterator[tuple[S3Store, BlobStore]]:
    """Both sides of a flow, closed afterwards."""
    names = world.source
    bucket = world.bucket(names.siteBucket if flow == "site" else names.uploadsBucket)
    container = world.blobs(SITE if flow == "site" else UPLOADS)
    try:
        yield bucket, container
    finally:
        await bucket.close()
        await container.close()


async def run(
    world: SyncWorld, flow: str, *, reverse: bool, fence: Callable[[], None], cutover: float | None,
    max_delete: int, dry_run: bool, on_change: Callable[[Progress], None], newest: int = NEWEST, way: Way = Way.AUTO,
) -> Outcome:  # fmt: skip
    """Carry one flow and prove it. way: how bytes travel. Raises Stopped by the fence, Failed where the way asked for does
    not exist; all other trouble is in the Outcome."""
    began, clock = datetime.now(UTC), time.monotonic()
    async with stores(world, flow) as (bucket, container):
        source: Store = container if reverse else bucket
        target: Store = bucket if reverse else container
        common = Common(world.journal, flow)
        before = Carried(world.journal, flow, cutover or 0.0) if reverse else None
        back = returning(flow, cutover, before.versions, common.load()) if before else None
        progress = await move(
            source, target, back or (policies.SITE if flow == "site" else policies.UPLOADS), fence=fence,
            max_delete=max_delete, dry_run=dry_run, on_change=on_change, keep=_aside(world, bucket, began, back) if back else None,
            carry=streamed if dry_run else await choose(source, target, way),
        )  # fmt: skip
        if before is not None and not dry_run:
            before.versions |= progress.carried
            before.save()
        outcome = of_progress(flow, reverse, progress, began)
        outcome.dry_run = dry_run
        if not dry_run:
            both = Versions()
            outcome.proofs.append(
                await prove(
                    world, flow, source, target, cut=began, newest=newest, apart=progress.diverged, both=both
                )
            )
            if not reverse and "unobserved" not in outcome.proofs[-1].notes:
                common.store(both)
            outcome.data_age_seconds = round(datetime.now(UTC).timestamp() - began.timestamp(), 3)
    outcome.seconds = round(time.monotonic() - clock, 3)
    return outcome


def returning(flow: str, cutover: float | None, carried: Mapping[str, str], common: Versions) -> Returning:
    """The way back: SYNC-1 deletes what is obsolete, SYNC-2 never, and neither what AWS alone accepted."""
    base = policies.SITE if flow == "site" else policies.UPLOADS
    return Returning(f"{base.name}, back", base.replace, base.delete, cutover or 0.0, common, carried)


def of_progress(flow: str, reverse: bool, progress: Progress, began: datetime) -> Outcome:
    """The mover's figures as an Outcome."""
    tally = progress.tally
    return Outcome(
        flow, str(Direction.REVERSE if reverse else Direction.FORWARD), started=began.isoformat(timespec="seconds"),
        counts={
            "same": tally.signs[Sign.SAME], "changed": tally.signs[Sign.CHANGED], "added": tally.signs[Sign.ADDED],
            "extra": tally.signs[Sign.EXTRA], "copied": progress.copied, "copiedBytes": progress.copied_bytes,
            "pulled": progress.pulled,
            "deleted": progress.deleted, "overtaken": progress.overtaken, "vanished": progress.vanished,
            "provenByLooking": progress.proven, "errors": progress.error_count,
            "sourceKeys": tally.source_keys, "sourceBytes": tally.source_bytes,
        },
        errors=progress.errors, refused=progress.refused, would=progress.would,
        divergence=progress.diverged, conflicts=progress.conflicts,
    )  # fmt: skip


def _aside(world: SyncWorld, bucket: S3Store, began: datetime, policy: Returning) -> Keep:
    """Keeps AWS's own version of an object that both sides wrote (BACK-2: both versions kept)."""

    async def keep(key: str, there: Entry) -> bool:
        if there.print.source_etag or not policy.alone(there):
            return False  # our own copy, or what both sides had
        place = f"{ASIDE}/{began:%Y%m%dT%H%M%SZ}/{bucket.bucket}/{key}"
        await bucket.put_aside(key, there.print.etag, world.source.exportBucket, place)
        return True

    return keep


# -- proofs ------------------------------------------------------------------------------------------------------


async def prove(
    world: SyncWorld, flow: str, source: Store, target: Store, *, cut: datetime, newest: int = NEWEST,
    apart: Sequence[str] = (), both: Versions | None = None,
) -> Proof:  # fmt: skip
    """SYNC-1: counts, bytes and every page. SYNC-2: the newest objects' bytes; all others by what is known of them.

    What the source wrote after the cut is counted apart, and so are the keys that are reported as diverged (`apart`). One
    way for uploads: what is in the target alone is no matter. both: takes in the source's version of every key that was seen
    equal; only complete where the proof is not unobserved.
    """
    both = Versions() if both is None else both
    proof = Proof(flow, cut.isoformat(timespec="seconds"))
    try:
        last, totals, unproven = await asyncio.to_thread(
            _compare, source, target, proof, cut.timestamp(), newest, frozenset(apart), both
        )
        for line in unproven:  # where the listings prove nothing (multipart on the way back), the headers may
            ours, theirs = await source.look(line.key), await target.look(line.key)
            if ours and theirs and compare(ours.print, theirs.print).proof is Verdict.EQUAL:
                proof.equal += 1
                both.add(line.key, ours.print.etag)
            else:
                _differs(proof, line)
        proof.notes |= totals
        if flow == "uploads":
            await _by_content(source, target, last, proof)
        elif isinstance(target, BlobStore):
            pages = [e.key async for e in _aiter(target.listing()) if e.key.endswith((".html", ".htm"))]
            proof.notes |= await _pages(world.site_url, pages)
    except ObjectError as exc:
        proof.notes["unobserved"] = str(exc)
        return proof
    same = flow == "uploads" or (totals["sourceCount"], totals["sourceBytes"]) == (
        totals["targetCount"],
        totals["targetBytes"],
    )
    notes = proof.notes
    if not proof.population:
        notes["empty"] = "the source is empty at the cut: nothing is proven of nothing"
    proof.holds = (
        proof.equal == proof.compared == proof.population > 0 and same
        and not notes.get("pagesFailed") and notes.get("newestEqual", 0) == notes.get("newestCompared", 0)
    )  # fmt: skip
    return proof


def _compare(
    source: Store, target: Store, proof: Proof, cut: float, newest: int, apart: frozenset[str], both: Versions
) -> tuple[list[Entry], dict[str, int], list[Line]]:
    last: list[tuple[float, str, Entry]] = []
    unproven: list[Line] = []
    totals = dict.fromkeys(("sourceCount", "sourceBytes", "targetCount", "targetBytes"), 0)
    for line in march(source.listing(), target.listing()):
        ours, theirs = line.source, line.target
        if ours is not None and line.sign is Sign.SAME:
            both.add(line.key, ours.print.etag)  # whenever it was written: it is on both sides
        if (
            line.key in apart or ((ours or theirs or _NOTHING).written or 0.0) > cut + 1
        ):  # S3 says whole seconds
            proof.later += 1
            continue
        if theirs is not None:
            totals["targetCount"] += 1
            totals["targetBytes"] += theirs.print.size
        if ours is None:
            continue
        totals["sourceCount"] += 1
        totals["sourceBytes"] += ours.print.size
        if line.sign is Sign.SAME or (ours.written or 0.0) < int(cut):
            heapq.heappush(last, (ours.written or 0.0, ours.key, ours))
        if len(last) > newest:
            heapq.heappop(last)
        proof.population += 1
        proof.compared += 1
        if line.sign is Sign.SAME:
            proof.equal += 1
        elif (ours.written or 0.0) >= int(cut):
            # Both services say whole seconds: what differs and was written in the cut's own second may be older or
            # younger than the cut. It is the next run's to carry, and no proof's.
            proof.later += 1
            proof.population -= 1
            proof.compared -= 1
        elif line.sign is Sign.CHANGED and line.proof is Verdict.UNPROVEN and len(unproven) < LOOKED:
            unproven.append(line)
        else:
            _differs(proof, line)
    return [entry for _, _, entry in sorted(last, key=lambda held: held[:2])], totals, unproven


_NOTHING = Entry("", Fingerprint(0))


def _differs(proof: Proof, line: Line) -> None:
    if len(proof.differing) < 100:
        proof.differing.append(str(line))


async def _by_content(source: Store, target: Store, entries: Iterable[Entry], proof: Proof) -> None:
    """Read the newest objects on both sides and compare SHA-256: no listing is believed here."""
    compared = equal = 0
    for entry in entries:
        compared += 1
        try:
            if await digest(source, entry.key) == await digest(target, entry.key):
                equal += 1
                continue
            now = await source.look(entry.key)
            if now is None or now.print.etag != entry.print.etag:
                compared -= 1  # written again after it was listed: the next run's
                proof.later += 1
        except ObjectError as exc:
            proof.differing.append(str(exc))
    proof.notes |= {"newestCompared": compared, "newestEqual": equal}


async def digest(store: Store, key: str) -> str:
    """SHA-256 of an object's bytes as they are now."""
    found = hashlib.sha256()
    async for block in (await store.open(key, "")).body:
        found.update(block)
    return found.hexdigest()


async def _pages(base: str, pages: list[str]) -> dict[str, int | list[str]]:
    from urllib.parse import quote

    import aiohttp

    failed: list[str] = []
    gate = asyncio.Semaphore(16)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:

        async def one(page: str) -> None:
            async with gate:
                try:
                    async with session.get(base.rstrip("/") + "/" + quote(page)) as answer:
                        status = str(answer.status)
                except (aiohttp.ClientError, TimeoutError, OSError) as exc:
                    status = type(exc).__name__
                if status != "200":
                    failed.append(f"{page}: {status}")

        await asyncio.gather(*(one(p) for p in pages))
    return {"pages": len(pages), "pagesFailed": len(failed), "pagesFailedFirst": sorted(failed)[:20]}


async def _aiter(entries: Iterator[Entry]) -> AsyncIterator[Entry]:
    for entry in await asyncio.to_thread(list, entries):
        yield entry


def divergence(world: SyncWorld, flow: str, since: float) -> list[str]:
    """What AWS accepted and Azure never had: `key (time)`, without our own copies. since: the cutover; what was written
    before it and after the last full run counts too, where Azure has something else.

    Raises Unobserved: an AWS that cannot be asked has not accepted nothing.
    """
    try:
        common = Common(world.journal, flow).load()
        return asyncio.run(_accepted(world, flow, returning(flow, since, {}, common)))
    except ObjectError as error:
        raise Unobserved(
            f"whether AWS accepted writes to the {flow} since the cutover is not known: {error}",
            "what it took in is in no copy until a reverse run has seen it",
            "dr sync verify    (again, when AWS answers)", retry=True,
        ) from error  # fmt: skip


async def _accepted(world: SyncWorld, flow: str, policy: Returning) -> list[str]:
    found: list[str] = []
    async with stores(world, flow) as (bucket, container):
        written = await asyncio.to_thread(lambda: [one for one in bucket.listing() if policy.alone(one)])
        gate = asyncio.Semaphore(HEADS)

        async def one(entry: Entry) -> None:
            async with gate:  # a listing does not show the note that a reverse run leaves on its copies
                seen = await bucket.look(entry.key)
                if seen is None or seen.print.source_etag:
                    return
                there = await container.look(entry.key)
            if there is None or compare(seen.print, there.print).proof is not Verdict.EQUAL:
                when = datetime.fromtimestamp(seen.written or 0, UTC)
                found.append(f"{entry.key} ({when:%Y-%m-%dT%H:%M:%SZ})")

        await asyncio.gather(*(one(entry) for entry in written))
    return sorted(found)
