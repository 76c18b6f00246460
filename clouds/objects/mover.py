"""Moves objects as the march says, many at once, in bounded memory, each proven, under a fence (SYNC-1, SYNC-2, BACK-2).

Order of safety: nothing is written without its guard (the target is still what was listed), nothing is deleted before
the march has ended without an error, and the fence is asked before each batch: when the journal's direction or epoch
has changed, the run stops where it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field

from clouds.objects.model import ChangedError, Guard, ObjectError, Store
from recovery.sync.march import Entry, Line, Sign, Tally, march
from recovery.sync.policies import MAX_DELETE_PERCENT, Act, Deletions, Policy, acts

BATCH = 500
"""Verdicts between two looks at the fence."""
WORKERS = 32
TRIES = 4


@dataclass
class Progress:
    """What a progress bar and a run record show. bytes: of objects copied; seconds: of the whole run."""

    tally: Tally = field(default_factory=Tally)
    copied: int = 0
    copied_bytes: int = 0
    deleted: int = 0
    overtaken: int = 0
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


async def move(
    source: Store, target: Store, policy: Policy, *,
    fence: Fence, max_delete: int = MAX_DELETE_PERCENT, dry_run: bool = False, workers: int = WORKERS,
    only: Callable[[], tuple[Iterable[Entry], Iterable[Entry]]] | None = None,
    on_change: Callable[[Progress], None] = lambda _p: None, clock: Callable[[], float] = time.monotonic,
) -> Progress:  # fmt: skip
    """One run from source to target. `only` gives other listings than the whole (a change-driven run).

    Raises Stopped by the fence; every other trouble is counted in the Progress, and a run with any is not complete.
    """
    progress, started = Progress(), clock()
    deletions = Deletions(max_delete)
    left, right = only() if only else (source.listing(), target.listing())
    verdicts = acts(march(left, right), policy, progress.tally, deletions)
    try:
        async for batch in _batches(verdicts):
            if not dry_run:
                fence()
            await _batch(batch, source, target, progress, dry_run=dry_run, workers=workers)
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
                await _tried(progress, key, lambda: target.delete(key, etags[key]))
                progress.deleted += 1

    listed = list(keys)
    for start in range(0, len(listed), BATCH):
        fence()
        await asyncio.gather(*(one(k) for k in listed[start : start + BATCH]))


async def _batch(
    batch: list[tuple[Act, Line]],
    source: Store,
    target: Store,
    progress: Progress,
    *,
    dry_run: bool,
    workers: int,
) -> None:
    queue: Iterator[tuple[Act, Line]] = iter(batch)

    async def worker() -> None:
        for act, line in queue:  # one iterator shared by all workers: each takes the next
            if act is Act.REPORT:
                if line.sign is Sign.ERROR:
                    progress.error(str(line))
                else:
                    progress.overtaken += 1
            elif act is Act.COPY and dry_run:
                progress.would.append(str(line))
            elif act is Act.COPY:
                await _copy(line, source, target, progress)

    await asyncio.gather(*(worker() for _ in range(workers)))


async def _copy(line: Line, source: Store, target: Store, progress: Progress) -> None:
    entry = line.source
    assert entry is not None  # noqa: S101 - for mypy: only `+` and `*` are copied
    guard = Guard(line.target.print.etag if line.target else None)

    async def once() -> None:
        opened = await source.open(entry.key, entry.print.etag)
        md5 = await target.write(opened, guard)
        _prove(entry, opened.checksums.get("md5", ""), md5)
        progress.copied += 1
        progress.copied_bytes += opened.size

    await _tried(progress, entry.key, once)


def _prove(entry: Entry, announced: str, sent: str) -> None:
    known = announced or entry.print.checksums.get("md5", "")
    if known and known != sent:
        raise ObjectError(entry.key, f"the bytes read have md5 {sent}, the source says {known}", retry=True)


async def _tried(progress: Progress, key: str, once: Callable[[], object]) -> None:
    """Try what may succeed when tried again, with growing pauses; count what did not."""
    for attempt in range(1, TRIES + 1):
        try:
            await once()  # type: ignore[misc]
            return
        except ChangedError as exc:
            progress.error(str(exc))
            return
        except ObjectError as exc:
            if not exc.retry or attempt == TRIES:
                progress.error(str(exc))
                return
            await asyncio.sleep(0.2 * 3 ** (attempt - 1))


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
