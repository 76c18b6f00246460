"""Carries changes as they happen: DynamoDB Streams and S3 events, each applied at least once, in order per key (RPO).

A checkpoint (a shard's sequence number) is kept after its changes are written, and a message is deleted after its
object is (`clouds.sync.changes`): what a kill leaves undone comes again, and every write is idempotent. A stream keeps a
day. A checkpoint that is older is refused by AWS, or its shard is gone without a word: both are a gap, which an
incremental export fills (`clouds.sync.metadata`), and only then are the checkpoints set anew.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from clouds.azure.data_plane import reading, writing
from clouds.sync import metadata
from clouds.sync.changes import Changes
from clouds.sync.cosmos import Container
from clouds.sync.importing import Imported, bring
from clouds.sync.world import SyncWorld
from recovery.errors import Failed
from recovery.sync.exported import Change

BLOB = "watch.json"
TOGETHER = 200
KEPT_SECONDS = 23 * 3600
"""A stream keeps 24 hours; an hour before that a pause counts as a gap."""
SHARDS_EVERY = 5.0
"""Seconds between two looks at which shards there are (DescribeStream allows ten a second for the whole account)."""


class GapError(Exception):
    """The stream no longer holds what comes after the checkpoint."""


@dataclass
class Lag:
    """How far behind each side is: seconds between a write and its arrival, the last and the worst.

    since: epoch seconds from which on writes count; what lay there before the watch began is `backlog`, not lag.
    """

    since: float = 0.0
    applied: int = 0
    backlog: int = 0
    last: float = 0.0
    worst: float = 0.0
    problems: list[str] = field(default_factory=list)

    def saw(self, written: float, now: float, count: int = 1) -> None:
        """`count` changes, the oldest of them written then, have arrived."""
        self.applied += count
        if written < self.since:
            self.backlog += count
            return
        self.last = max(0.0, now - written)
        self.worst = max(self.worst, self.last)


@dataclass
class At:
    """Sequence numbers by shard; looked: epoch seconds when all shards were last read to their end (0: never)."""

    shards: dict[str, str] = field(default_factory=dict)
    looked: float = 0.0


class Checkpoints:
    """They are kept in a blob of the journal container."""

    def __init__(self, container: Any) -> None:
        self._blob = container.get_blob_client(BLOB)

    def load(self) -> At:
        """None yet: an empty one."""
        from azure.core.exceptions import ResourceNotFoundError

        with reading("the watch's checkpoints"):
            try:
                found = json.loads(self._blob.download_blob().readall())
            except ResourceNotFoundError:
                return At()
        return At(dict(found["shards"]), float(found["looked"]))

    def store(self, at: At) -> None:
        """Replace them. Two watchers may: each write is idempotent, so the older checkpoint costs a repetition."""
        with writing("the watch's checkpoints"):
            self._blob.upload_blob(
                json.dumps({"shards": at.shards, "looked": at.looked}).encode(), overwrite=True
            )


class Stream:
    """The table's stream, shard by shard, parents before their children (so each key's changes stay in order)."""

    def __init__(
        self, dynamodb: Any, streams: Any, table: str, checkpoints: Checkpoints, now: Callable[[], float] = time.time
    ) -> None:  # fmt: skip
        self._streams, self._checkpoints, self._now = streams, checkpoints, now
        self._arn = str(dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"])
        self._at = checkpoints.load()
        self._iterators: dict[str, str] = {}
        self._finished: set[str] = set()
        self._shards: list[dict[str, Any]] = []
        self._asked, self._noted = -SHARDS_EVERY, 0.0

    def gap(self) -> bool:
        """Was the last look so long ago that the stream has dropped what came after it?"""
        return 0 < self._at.looked < self._now() - KEPT_SECONDS

    def begin_anew(self) -> None:
        """The gap is filled: every shard from the oldest that the stream still has."""
        self._at = At({}, self._now())
        self._iterators.clear()
        self._finished.clear()
        self._checkpoints.store(self._at)

    def poll(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """What came since: (shard, records) for each shard that may be read now. Raises GapError, Failed."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self.gap():
            raise GapError(f"last looked {(self._now() - self._at.looked) / 3600:.0f} h ago")
        found = []
        try:
            for shard in self._ready():
                records = self._read(shard["ShardId"])
                if records:
                    found.append((shard["ShardId"], records))
        except (BotoCoreError, ClientError) as exc:
            raise Failed(
                f"the table's stream does not answer: {exc}", "what changed in AWS is not known to be in Azure",
                "dr sync watch    (again, when AWS answers: it goes on at its checkpoint)", retry=True,
            ) from exc  # fmt: skip
        if not found and self._now() - self._noted > 60:
            self.looked()
        return found

    def looked(self) -> None:
        """Everything there was is carried: a quiet stream is not a gap."""
        self._noted = self._at.looked = self._now()
        self._checkpoints.store(self._at)

    def done(self, shard: str, records: list[dict[str, Any]]) -> None:
        """These are written in the target."""
        self._at.shards[shard] = records[-1]["dynamodb"]["SequenceNumber"]
        self._noted = self._at.looked = self._now()
        self._checkpoints.store(self._at)

    def _read(self, id: str) -> list[dict[str, Any]]:
        try:
            if id not in self._iterators:
                self._iterators[id] = self._iterator(id)
            answer = self._streams.get_records(ShardIterator=self._iterators[id], Limit=1000)
        except self._streams.exceptions.TrimmedDataAccessException as exc:
            raise GapError(id) from exc
        except self._streams.exceptions.ExpiredIteratorException:
            del self._iterators[id]
            return []
        if answer.get("NextShardIterator"):
            self._iterators[id] = answer["NextShardIterator"]
        else:
            self._finished.add(id)
        records: list[dict[str, Any]] = answer["Records"]
        return records

    def _ready(self) -> list[dict[str, Any]]:
        if time.monotonic() - self._asked > SHARDS_EVERY or not self._shards:
            self._asked, self._shards = time.monotonic(), self._listed()
        known = {s["ShardId"] for s in self._shards}
        return [
            s for s in self._shards
            if s["ShardId"] not in self._finished
            and (s.get("ParentShardId") not in known or s.get("ParentShardId") in self._finished)
        ]  # fmt: skip

    def _listed(self) -> list[dict[str, Any]]:
        """All shards: a page names a hundred."""
        found: list[dict[str, Any]] = []
        place: dict[str, str] = {}
        while True:
            page = self._streams.describe_stream(StreamArn=self._arn, **place)["StreamDescription"]
            found += page["Shards"]
            if not page.get("LastEvaluatedShardId"):
                return found
            place = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}

    def _iterator(self, shard: str) -> str:
        at = self._at.shards.get(shard)
        place = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": at}
            if at
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        return str(
            self._streams.get_shard_iterator(StreamArn=self._arn, ShardId=shard, **place)["ShardIterator"]
        )


def change_of(record: dict[str, Any]) -> Change:
    """A stream's record as a change; its time is the service's, whole seconds (the order within one is the stream's)."""
    from clouds.sync.table import typed_json

    said = record["dynamodb"]
    at = said["ApproximateCreationDateTime"]
    new = said.get("NewImage")
    return Change(
        {n: typed_json(v) for n, v in said["Keys"].items()},
        None if new is None else {n: typed_json(v) for n, v in new.items()}, int(at.timestamp()) * 1_000_000, coarse=True,
    )  # fmt: skip


class Watch:
    """One watching process."""

    def __init__(
        self, world: SyncWorld, fence: Callable[[], None], now: Callable[[], float] = time.time
    ) -> None:
        self._world, self._fence, self._now = world, fence, now
        self.items, self.objects = Lag(now()), Lag(now())
        self.stream = Stream(
            world.aws("dynamodb"),
            world.aws("dynamodbstreams"),
            world.source.table,
            Checkpoints(world.journal),
            now,
        )
        self._changes = Changes(world, fence)

    async def once(self, into: Container) -> int:
        """One look at both; returns how many changes were carried. Raises Stopped by the fence, Failed, GapError."""
        return await self._once_items(into) + await self._once_objects()

    async def _once_items(self, into: Container) -> int:
        carried = 0
        for shard, records in await asyncio.to_thread(self.stream.poll):
            done = Imported()
            changes = [change_of(record) for record in records]
            for start in range(
                0, len(changes), TOGETHER
            ):  # one after the other: a key's changes stay in order
                await bring(
                    changes[start : start + TOGETHER],
                    into,
                    self._world.keys,
                    done,
                    fence=self._fence,
                    together=1,
                )
            if done.problem_count:
                self.items.problems += done.problems
                raise Failed(
                    f"{done.problem_count} changes of the table could not be written: {done.problems[0]}",
                    "the checkpoint stays before them",
                    "dr sync watch",
                    retry=True,
                )
            await asyncio.to_thread(self.stream.done, shard, records)
            self.items.saw(min(c.at for c in changes) / 1e6, self._now(), len(changes))
            carried += len(changes)
        return carried

    async def _once_objects(self) -> int:
        taken = await self._changes.once()
        if taken.errors or taken.unequal:
            self.objects.problems += taken.errors
            raise Failed(
                f"{len(taken.errors) or len(taken.unequal)} objects could not be carried: {(taken.errors or taken.unequal)[0]}",
                "their messages stay in the queue",
                "dr sync watch",
                retry=True,
            )
        if taken.keys:
            self.objects.saw(taken.oldest, self._now(), taken.keys)
        return taken.keys

    async def close(self) -> None:
        """Close the pools."""
        await self._changes.close()


def run(
    world: SyncWorld,
    fence: Callable[[], None],
    show: Callable[[Lag, Lag], None],
    *,
    seconds: float | None = None,
    poll: float = 1.0,
    watch: Watch | None = None,
) -> Watch:
    """Watch until stopped (or for so many seconds). Raises GapError: the caller fills the gap, then says
    `watch.stream.begin_anew()` and watches on."""
    held = watch or Watch(world, fence)

    async def loop() -> None:
        into = metadata.container(world)
        ends = None if seconds is None else time.monotonic() + seconds
        try:
            while ends is None or time.monotonic() < ends:
                fence()
                if not await held.once(into):
                    await asyncio.sleep(poll)
                show(held.items, held.objects)
        finally:
            await into.close()
            await held.close()

    asyncio.run(loop())
    return held
