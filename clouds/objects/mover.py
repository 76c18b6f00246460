"""Moves objects as the march says, many at once, in bounded memory, each proven, under a fence (SYNC-1, SYNC-2, BACK-2).

Order of safety: nothing is written without its guard (the target is still what was listed), nothing is deleted before
the march has ended without an error, and the fence is asked before each batch: when the journal's direction or epoch
has changed, the run stops where it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field

from clouds.objects.carriers import Carry, pulled, streamed
from clouds.objects.model import ChangedError, Guard, ObjectError, Store
from recovery.sync.evidence import Proof, compare
from recovery.sync.march import Entry, Line, Sign, Tally, march
from recovery.sync.policies import MAX_DELETE_PERCENT, Act, Deletions, Policy, acts

BATCH = 500
"""Verdicts between two looks at the fence."""
WORKERS = 32
TRIES = 4
PAUSE = 0.2
"""Seconds before the second try; three times as long before each next."""


@dataclass
class Progress:
    """What a progress bar and a run record show. bytes: of objects copied; seconds: of the whole run.
    pulled: of those copied, how many the target fetched itself.

    overtaken: the target holds a later write. vanished: deleted in the source after it was listed (a later change,
    for the next run). proven: the listings could not say that it is equal, a closer look could.
    diverged: keys that the target alone has or changed, written there while the source was live. conflicts: keys written on both
    sides; the target's version was put aside before it was overwritten. carried: key -> the source's ETag, on the way back.
    """

    tally: Tally = field(default_factory=Tally)
    copied: int = 0
    copied_bytes: int = 0
    pulled: int = 0
    deleted: int = 0
    overtaken: int = 0
    vanished: int = 0
    proven: int = 0
    diverged: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    carried: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    error_count: int = 0
    refused: str = ""
    would: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def error(self, text: str) -> None:
        """Count an error; keep the first thousand in words (a run against a dead cloud has a million)."""
        self.error_count += 1
        if len(self.errors) < 1000:
            self.errors.append(text)

    @property
    def complete(self) -> bool:
        """Everything in the source was judged and carried: the only state that may be called success."""
        return not self.error_count and not self.refused


Fence = Callable[[], None]
"""Raises recovery.errors.Stopped when this process may no longer write."""


Keep = Callable[[str, Entry], Awaitable[bool]]
"""Puts aside what is about to be overwritten when that is a write of the target's own; True when it was one."""


@dataclass(frozen=True)
class _Run:
    source: Store
    target: Store
    policy: Policy
    progress: Progress
    keep: Keep | None
    carry: Carry


async def move(
    source: Store, target: Store, policy: Policy, *,
    fence: Fence, keep: Keep | None = None, max_delete: int = MAX_DELETE_PERCENT, dry_run: bool = False, workers: int = WORKERS,
    only: Callable[[], tuple[Iterable[Entry], Iterable[Entry]]] | None = None, carry: Carry = streamed,
    on_change: Callable[[Progress], None] = lambda _p: None, clock: Callable[[], float] = time.monotonic,
) -> Progress:  # fmt: skip
    """One run from source to target. `only` gives other listings than the whole (a change-driven run).

    `keep` is shown each object that is about to be overwritten. `carry`: how bytes travel (clouds.objects.carriers).

    Raises Stopped by the fence; every other trouble is counted in the Progress, and a run with any is not complete.
    """
    progress, started = Progress(), clock()
    deletions = Deletions(max_delete)
    left, right = only() if only else (source.listing(), target.listing())
    verdicts = acts(march(left, right), policy, progress.tally, deletions)
    run = _Run(source, target, policy, progress, keep, carry)
    try:
        async for batch in _batches(verdicts):
            if not dry_run:
                fence()
            await _batch(batch, run, dry_run=dry_run, workers=workers)
            progress.seconds = clock() - started
            on_change(progress)
    except ObjectError as exc:  # a listing that cannot be read: the rest was not judged
        progress.error(f"listing: {exc}")
    release = deletions.release(progress.tally, errors=progress.error_count)
    progress.refused = release.refused
    if dry_run:
        progress.would += [f"- {key}" for key in release.keys[:1000]]
    else:
        await _delete(release.keys, deletions_of(target, release.keys), target, progress, fence, workers)
    progress.seconds = clock() - started
    on_change(progress)
    return progress


def deletions_of(target: Store, keys: Iterable[str]) -> dict[str, str]:
    """The ETags under which keys may be deleted, listed again just before: what changed meanwhile is not deleted."""
    wanted = set(keys)
    return {e.key: e.print.etag for e in target.listing() if e.key in wanted} if wanted else {}


async def _delete(
    keys: Iterable[str], etags: dict[str, str], target: Store, progress: Progress, fence: Fence, workers: int
) -> None:
    gate = asyncio.Semaphore(workers)

    async def one(key: str) -> None:
        async with gate:
            if key in etags:
                gone = await _tried(progress, key, lambda: target.delete(key, etags[key]))
                progress.deleted += (
                    gone  # not in one line: += would read the count before it waits, and lose the others'
                )

    listed = list(keys)
    for start in range(0, len(listed), BATCH):
        fence()
        await asyncio.gather(*(one(k) for k in listed[start : start + BATCH]))


async def _batch(batch: list[tuple[Act, Line]], run: _Run, *, dry_run: bool, workers: int) -> None:
    queue: Iterator[tuple[Act, Line]] = iter(batch)
    progress = run.progress

    async def worker() -> None:
        for act, line in queue:  # one iterator shared by all workers: each takes the next
            if act is Act.REPORT:
                if line.sign is Sign.ERROR:
                    progress.error(str(line))
                elif line.sign is Sign.EXTRA:
                    progress.diverged.append(line.key)
                else:
                    progress.overtaken += 1
            elif act is Act.COPY and dry_run:
                progress.would.append(str(line))
            elif act is Act.COPY:
                await _copy(line, run)

    await asyncio.gather(*(worker() for _ in range(workers)))


async def _copy(line: Line, run: _Run) -> None:
    """Copy one object, judged anew each time that either side turns out not to be what was listed."""
    source, target, progress = run.source, run.target, run.progress
    now, there = line.source, line.target
    assert now is not None  # noqa: S101 - for mypy: only `+` and `*` are copied
    key = now.key
    closer = there is not None and (line.proof is Proof.UNPROVEN or run.keep is not None)

    async def once() -> None:
        nonlocal now, there, closer
        if closer:
            now, there = await source.look(key), await target.look(key)
            if now is None:
                progress.vanished += 1
                return
            if there is not None and compare(now.print, there.print).proof is Proof.EQUAL:
                progress.proven += 1
                return
            if run.policy.late(Line(Sign.CHANGED, key, now, there)):
                progress.overtaken += 1
                return
            if there is not None and run.policy.theirs(Line(Sign.CHANGED, key, now, there)):
                progress.diverged.append(key)
                return
            if there is not None and run.keep is not None and await run.keep(key, there):
                progress.conflicts.append(key)
            closer = False
        assert now is not None  # noqa: S101 - as above
        try:
            size = await run.carry(source, target, now, Guard(there.print.etag if there else None))
        except ChangedError as exc:
            closer = True
            raise ObjectError(key, exc.reason, retry=True, status=412) from exc
        progress.copied += 1
        progress.copied_bytes += size
        if run.keep is not None:
            progress.carried[key] = now.print.etag
        progress.pulled += run.carry is pulled

    await _tried(progress, key, once)


async def _tried(progress: Progress, key: str, once: Callable[[], Awaitable[None]]) -> bool:
    """Try what may succeed when tried again, with growing pauses; count what did not. True when it was done."""
    for attempt in range(1, TRIES + 1):
        try:
            await once()
        except ObjectError as exc:
            if not exc.retry or attempt == TRIES:
                progress.error(str(exc))
                return False
            await asyncio.sleep(PAUSE * 3 ** (attempt - 1))
        else:
            return True
    return False


async def _batches(verdicts: Iterable[tuple[Act, Line]]) -> AsyncIterator[list[tuple[Act, Line]]]:
    """Verdicts in batches, the next one listed in a thread while this one is copied."""
    iterator = iter(verdicts)

    def take() -> list[tuple[Act, Line]]:
        found: list[tuple[Act, Line]] = []
        for act, line in iterator:
            if act is not Act.KEEP:
                found.append((act, line))
                if len(found) >= BATCH:
                    break
        return found

    ahead = asyncio.create_task(asyncio.to_thread(take))
    try:
        while batch := await ahead:
            ahead = asyncio.create_task(asyncio.to_thread(take))
            yield batch
    finally:  # stopped by the fence or Ctrl-C: the page under way is thrown away, its error too
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)
