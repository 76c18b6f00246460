"""Brings changes of the table into Cosmos DB: converted, compared with what is there, written under its ETag (SYNC-3).

A write never goes over a newer one: each document says when its item was written (``$.at``, microseconds), and one that
Azure's side wrote itself (no ``$``) counts as written at its ``_ts``. So the same changes may come twice, late, or from
two runs at once, and the end is the same.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from clouds.sync.cosmos import Container, GuardError, among
from recovery.errors import DrError
from recovery.sync.exported import BadExportError, Change, digest
from recovery.sync.ids import Keys, document_id
from recovery.sync.items import MAX_DOCUMENT_BYTES, MINE, NotAnItem, to_document

BATCH = 100
TRIES = 6
_LOOK = 'SELECT c.id, c._etag, c._ts, c["$"] AS mine FROM c WHERE c.id IN'


@dataclass
class Imported:
    """What an import did. problems: items that could not be brought, with the reason; never their content.
    unwritten: those of them that may be brought by another try. mostly_new: the last batch was (the way of writing follows it)."""

    read: int = 0
    created: int = 0
    replaced: int = 0
    deleted: int = 0
    same: int = 0
    overtaken: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0
    mostly_new: bool = True

    unwritten: int = 0

    def problem(self, text: str, *, lasting: bool = False) -> None:
        """Count one; keep the first thousand in words. lasting: no run will ever bring this item (too large, no item)."""
        self.problem_count += 1
        self.unwritten += not lasting
        if len(self.problems) < 1000:
            self.problems.append(text)

    def add(self, other: Imported) -> None:
        """What another part of the same import did, added to this."""
        for name, count in vars(other).items():
            if type(count) is int:  # mostly_new is no count
                setattr(self, name, getattr(self, name) + count)
        self.problems += other.problems[: max(0, 1000 - len(self.problems))]


@dataclass(frozen=True)
class Ready:
    """One change as a document. body None: to be deleted."""

    id: str
    partition: Any
    at: int
    body: bytes | None
    digest: str = ""
    latest: int = 0


@dataclass(frozen=True)
class Batch:
    """Documents that are written together. upto: lines of the file that are converted by then (0: not a file)."""

    ready: list[Ready]
    upto: int = 0


def ready(change: Change, keys: Keys) -> Ready:
    """A change in Cosmos DB's terms. Raises NotAnItem for what no document can hold."""
    if change.item is None:
        bare = to_document(change.keys, keys)
        return Ready(
            document_id(change.keys, keys), bare[keys.partition], change.at, None, latest=change.latest
        )
    document = to_document(change.item, keys)
    made = digest(document)
    document[MINE] = {**document.get(MINE, {}), "at": change.at, "digest": made}
    body = orjson.dumps(document)
    if len(body) > MAX_DOCUMENT_BYTES:
        raise NotAnItem(
            f"item {document['id'][:80]}: {len(body)} bytes as a document, Cosmos DB takes {MAX_DOCUMENT_BYTES}"
        )
    return Ready(document["id"], document[keys.partition], change.at, body, made, change.latest)


async def bring(
    changes: Iterable[Change], into: Container, keys: Keys, done: Imported, *,
    fence: Callable[[], None], on_batch: Callable[[], None] = lambda: None, together: int = 8,
) -> None:  # fmt: skip
    """Bring changes, batches of 100 keys, `together` batches at once; the fence is asked before each.

    Within one call a key may come again only later in the iterable; its newest change wins whatever the order.
    """
    await send(_batches(changes, keys, done), into, done, fence=fence, on_batch=on_batch, together=together)


async def send(
    batches: Iterator[Batch], into: Container, done: Imported, *,
    fence: Callable[[], None], on_batch: Callable[[], None] = lambda: None,
    on_mark: Callable[[int], Awaitable[None]] | None = None, together: int = 8,
) -> None:  # fmt: skip
    """The same for documents that are converted already. on_mark: told up to which line everything is written.

    Raises Stopped by the fence, DrError, and BadExportError for a line that is none.
    """
    taking, marks, numbers = asyncio.Lock(), InOrder(on_mark), itertools.count()

    async def worker() -> None:
        while True:
            async with taking:
                batch = await asyncio.to_thread(next, batches, None)
                number = next(numbers)
            if batch is None:
                return
            await asyncio.to_thread(fence)
            await write(batch.ready, into, done)
            await marks.finished(number, batch.upto, done)
            on_batch()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(together):
                group.create_task(worker())
    except ExceptionGroup as several:  # the first that a person can read; the others were stopped by it
        for one in several.exceptions:
            if isinstance(one, (DrError, BadExportError)):
                raise one from several
        raise


class InOrder:
    """Pieces end in any order; a checkpoint may name only what is written with all that comes before it.

    on_mark: told up to which line that is. Nothing is said once something could not be written.
    """

    def __init__(self, on_mark: Callable[[int], Awaitable[None]] | None) -> None:
        self._say, self._marking = on_mark, asyncio.Lock()
        self._finished: dict[int, int] = {}
        self._low = 0

    async def finished(self, number: int, upto: int, done: Imported) -> None:
        """The piece of this number, counted from 0, ends at line `upto` and is written."""
        self._finished[number] = upto
        async with self._marking:
            said = 0
            while self._low in self._finished:
                said = self._finished.pop(self._low)
                self._low += 1
            if said and self._say is not None and not done.unwritten:
                await self._say(said)


def _batches(changes: Iterable[Change], keys: Keys, done: Imported) -> Iterator[Batch]:
    for chunk in itertools.batched(changes, BATCH) if hasattr(itertools, "batched") else _chunks(changes):
        newest: dict[str, Ready] = {}
        for change in chunk:
            done.read += 1
            try:
                one = ready(change, keys)
            except (NotAnItem, KeyError, ValueError) as exc:
                done.problem(str(exc)[:300], lasting=True)
                continue
            if one.id not in newest or newest[one.id].at <= one.at:
                newest[one.id] = one
        yield Batch(list(newest.values()))


def _chunks(changes: Iterable[Change]) -> Iterator[tuple[Change, ...]]:
    iterator = iter(changes)
    while chunk := tuple(itertools.islice(iterator, BATCH)):
        yield chunk


async def write(batch: list[Ready], into: Container, done: Imported) -> None:
    """One batch. Look what is there, then write; while most turn out to be new, write first and look only where something was."""
    if not batch:
        return
    before = done.created
    rest = batch
    if done.mostly_new:
        refused = await asyncio.gather(*(_create(one, into, done) for one in batch))
        rest = [one for one in refused if one is not None]
    if rest:
        there = await _look([one.id for one in rest], into)
        await asyncio.gather(*(_one(one, there.get(one.id), into, done) for one in rest))
    done.mostly_new = 2 * (done.created - before) >= len(batch)


async def _create(one: Ready, into: Container, done: Imported) -> Ready | None:
    """Create it; the change itself where that is not for it, or something stands there already."""
    if one.body is None:
        return one
    try:
        await _write(one, None, into, done)
    except GuardError:
        return one
    except DrError as error:
        done.problem(f"{one.id}: {error.summary}")
    return None


async def _look(ids: Sequence[str], into: Container) -> dict[str, Mapping[str, Any]]:
    """What stands under these ids."""
    return {found["id"]: found async for found in into.query(*among(_LOOK, ids))}


async def _one(one: Ready, there: Mapping[str, Any] | None, into: Container, done: Imported) -> None:
    for _ in range(TRIES):
        try:
            await _write(one, there, into, done)
            return
        except GuardError:  # someone wrote it meanwhile: look at what is there now
            there = (await _look([one.id], into)).get(one.id)
        except DrError as error:
            done.problem(f"{one.id}: {error.summary}")
            return
    done.problem(f"{one.id}: kept changing while it was written")


async def _write(one: Ready, there: Mapping[str, Any] | None, into: Container, done: Imported) -> None:
    if there is None:
        if one.body is None:
            done.same += 1
            return
        await into.create(one.partition, one.body)
        done.created += 1
        done.bytes += len(one.body)
        return
    mine = there.get("mine") or {}
    at = int(mine.get("at") or int(there["_ts"]) * 1_000_000)
    if at > one.latest:
        done.overtaken += 1
    elif one.body is None:
        await into.delete(one.id, one.partition, there["_etag"])
        done.deleted += 1
    elif mine.get("digest") == one.digest:
        done.same += 1
    else:
        await into.replace(one.id, one.partition, one.body, there["_etag"])
        done.replaced += 1
        done.bytes += len(one.body)
