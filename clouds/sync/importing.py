"""Brings changes of the table into Cosmos DB: converted, compared with what is there, written under its ETag (SYNC-3).

A write never goes over a newer one: each document says when its item was written (``$.at``, microseconds), and one that
Azure's side wrote itself (no ``$``) counts as written at its ``_ts``. So the same changes may come twice, late, or from
two runs at once, and the end is the same.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from clouds.sync.cosmos import Container, GuardError
from recovery.errors import DrError
from recovery.sync.exported import Change, digest
from recovery.sync.ids import Keys, document_id
from recovery.sync.items import MAX_DOCUMENT_BYTES, MINE, NotAnItem, to_document

BATCH = 100
TRIES = 6
_LOOK = 'SELECT c.id, c._etag, c._ts, c["$"] AS mine FROM c WHERE ARRAY_CONTAINS(@ids, c.id)'


@dataclass
class Imported:
    """What an import did. problems: items that could not be brought, with the reason; never their content."""

    read: int = 0
    created: int = 0
    replaced: int = 0
    deleted: int = 0
    same: int = 0
    overtaken: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    def problem(self, text: str) -> None:
        """Count one; keep the first thousand in words."""
        self.problem_count += 1
        if len(self.problems) < 1000:
            self.problems.append(text)


@dataclass(frozen=True)
class Ready:
    """One change as a document. body None: to be deleted."""

    id: str
    partition: Any
    at: int
    body: bytes | None
    digest: str = ""
    latest: int = 0


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
    batches = _batches(changes, keys, done)
    lock = asyncio.Lock()

    async def worker() -> None:
        while True:
            async with lock:
                batch = await asyncio.to_thread(next, batches, None)
            if batch is None:
                return
            await asyncio.to_thread(fence)
            await _batch(batch, into, done)
            on_batch()

    async with asyncio.TaskGroup() as group:
        for _ in range(together):
            group.create_task(worker())


def _batches(changes: Iterable[Change], keys: Keys, done: Imported) -> Iterator[list[Ready]]:
    for chunk in itertools.batched(changes, BATCH) if hasattr(itertools, "batched") else _chunks(changes):
        newest: dict[str, Ready] = {}
        for change in chunk:
            done.read += 1
            try:
                one = ready(change, keys)
            except (NotAnItem, KeyError, ValueError) as exc:
                done.problem(str(exc)[:300])
                continue
            if one.id not in newest or newest[one.id].at <= one.at:
                newest[one.id] = one
        yield list(newest.values())


def _chunks(changes: Iterable[Change]) -> Iterator[tuple[Change, ...]]:
    iterator = iter(changes)
    while chunk := tuple(itertools.islice(iterator, BATCH)):
        yield chunk


async def _batch(batch: list[Ready], into: Container, done: Imported) -> None:
    if not batch:
        return
    there: dict[str, Mapping[str, Any]] = {}
    async for found in into.query(_LOOK, [{"name": "@ids", "value": [one.id for one in batch]}]):
        there[found["id"]] = found
    await asyncio.gather(*(_one(one, there.get(one.id), into, done) for one in batch))


async def _one(one: Ready, there: Mapping[str, Any] | None, into: Container, done: Imported) -> None:
    for _ in range(TRIES):
        try:
            await _write(one, there, into, done)
            return
        except GuardError:  # someone wrote it meanwhile: look at what is there now
            there = None
            async for found in into.query(_LOOK, [{"name": "@ids", "value": [one.id]}]):
                there = found
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
