"""Carries changes as they happen: DynamoDB Streams and S3 events, each applied at least once, in order per key (RPO).

A checkpoint (a shard's sequence number) is kept after its changes are written, and a message is deleted after its
object is: what a kill leaves undone comes again, and every write is idempotent. A stream keeps a day: a checkpoint that
is older is refused by AWS, and then an incremental export fills the gap (`clouds.sync.metadata`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from clouds.azure.data_plane import reading, writing
from clouds.objects.blob import BlobStore
from clouds.objects.model import ObjectError
from clouds.objects.mover import Progress, move
from clouds.objects.s3 import S3Store
from clouds.sync import metadata
from clouds.sync.cosmos import Container
from clouds.sync.importing import Imported, bring
from clouds.sync.world import SITE, UPLOADS, SyncWorld
from recovery.errors import Failed
from recovery.sync.exported import Change
from recovery.sync.march import Entry
from recovery.sync.policies import UPLOADS as CARRY

BLOB = "watch.json"
TOGETHER = 200


class GapError(Exception):
    """The stream no longer holds what comes after the checkpoint."""


@dataclass
class Lag:
    """How far behind each side is: seconds between a write and its arrival, the last and the worst."""

    applied: int = 0
    last: float = 0.0
    worst: float = 0.0
    problems: list[str] = field(default_factory=list)

    def saw(self, written: float, now: float, count: int = 1) -> None:
        """`count` changes, the oldest of them written then, have arrived."""
        self.applied += count
        self.last = max(0.0, now - written)
        self.worst = max(self.worst, self.last)


class Checkpoints:
    """Sequence numbers by shard, in a blob of the journal container."""

    def __init__(self, container: Any) -> None:
        self._blob = container.get_blob_client(BLOB)

    def load(self) -> dict[str, str]:
        """None yet: an empty mapping."""
        from azure.core.exceptions import ResourceNotFoundError

        with reading("the watch's checkpoints"):
            try:
                found: dict[str, str] = json.loads(self._blob.download_blob().readall())
            except ResourceNotFoundError:
                return {}
        return found

    def store(self, found: dict[str, str]) -> None:
        """Replace them. Two watchers may: each write is idempotent, so the older checkpoint costs a repetition."""
        with writing("the watch's checkpoints"):
            self._blob.upload_blob(json.dumps(found).encode(), overwrite=True)


class Stream:
    """The table's stream, shard by shard, parents before their children (so each key's changes stay in order)."""

    def __init__(self, dynamodb: Any, streams: Any, table: str, checkpoints: Checkpoints) -> None:
        self._streams, self._checkpoints = streams, checkpoints
        self._arn = str(dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"])
        self._at = checkpoints.load()
        self._iterators: dict[str, str] = {}
        self._finished: set[str] = set()

    def poll(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """What came since: (shard, records) for each shard that may be read now. Raises GapError."""
        found = []
        for shard in self._ready():
            id = shard["ShardId"]
            try:
                if id not in self._iterators:
                    self._iterators[id] = self._iterator(id)
                answer = self._streams.get_records(ShardIterator=self._iterators[id], Limit=1000)
            except self._streams.exceptions.TrimmedDataAccessException as exc:
                raise GapError(id) from exc
            except self._streams.exceptions.ExpiredIteratorException:
                del self._iterators[id]
                continue
            if answer.get("NextShardIterator"):
                self._iterators[id] = answer["NextShardIterator"]
            else:
                self._finished.add(id)
            if answer["Records"]:
                found.append((id, answer["Records"]))
        return found

    def done(self, shard: str, records: list[dict[str, Any]]) -> None:
        """These are written in the target."""
        self._at[shard] = records[-1]["dynamodb"]["SequenceNumber"]
        self._checkpoints.store(self._at)

    def _ready(self) -> list[dict[str, Any]]:
        shards = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        known = {s["ShardId"] for s in shards}
        return [
            s for s in shards
            if s["ShardId"] not in self._finished
            and (s.get("ParentShardId") not in known or s.get("ParentShardId") in self._finished)
        ]  # fmt: skip

    def _iterator(self, shard: str) -> str:
        at = self._at.get(shard)
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
        self.items, self.objects = Lag(), Lag()
        self.stream = Stream(
            world.aws("dynamodb"),
            world.aws("dynamodbstreams"),
            world.source.table,
            Checkpoints(world.journal),
        )
        self._sqs = world.aws("sqs")
        self._queue = str(self._sqs.get_queue_url(QueueName=world.source.queue)["QueueUrl"])

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
        answer = await asyncio.to_thread(
            self._sqs.receive_message, QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=0
        )
        messages = answer.get("Messages", [])
        wanted: dict[str, dict[str, float]] = {}
        for message in messages:
            for event in json.loads(message["Body"]).get("Records", []):
                at = datetime.fromisoformat(event["eventTime"].replace("Z", "+00:00")).timestamp()
                keys = wanted.setdefault(event["s3"]["bucket"]["name"], {})
                key = unquote_plus(event["s3"]["object"]["key"])
                keys[key] = min(at, keys.get(key, at))
        for bucket, found in wanted.items():
            await self._carry(bucket, found)
        for message in messages:
            await asyncio.to_thread(
                self._sqs.delete_message, QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"]
            )
        return sum(map(len, wanted.values()))

    async def _carry(self, bucket: str, keys: dict[str, float]) -> None:
        """Look at each key on both sides and carry what is there now: the events' order does not matter, their number neither.

        A deletion in the source is left to the daily run, which alone may delete (site) or never does (uploads).
        """
        container = SITE if bucket == self._world.source.siteBucket else UPLOADS
        source, target = self._world.bucket(bucket), self._world.blobs(container)
        try:
            pairs = [(await source.look(key), await target.look(key)) for key in sorted(keys)]
            progress = await _some(source, target, pairs, self._fence)
        except ObjectError as exc:
            raise Failed(
                f"an object could not be looked at: {exc}",
                "its message stays in the queue",
                "dr sync watch",
                retry=True,
            ) from exc
        finally:
            await source.close()
            await target.close()
        if progress.error_count:
            self.objects.problems += progress.errors
            raise Failed(
                f"{progress.error_count} objects could not be carried: {progress.errors[0]}",
                "their messages stay in the queue",
                "dr sync watch",
                retry=True,
            )
        self.objects.saw(min(keys.values()), self._now(), len(keys))


async def _some(
    source: S3Store,
    target: BlobStore,
    pairs: list[tuple[Entry | None, Entry | None]],
    fence: Callable[[], None],
) -> Progress:
    ours = [a for a, _ in pairs if a is not None]
    theirs = [b for a, b in pairs if a is not None and b is not None]
    return await move(source, target, CARRY, fence=fence, only=lambda: (ours, theirs))


def run(
    world: SyncWorld,
    fence: Callable[[], None],
    show: Callable[[Lag, Lag], None],
    *,
    seconds: float | None = None,
    poll: float = 1.0,
) -> Watch:
    """Watch until stopped (or for so many seconds). After a gap in the stream a daily run of the table fills it."""
    watch = Watch(world, fence)

    async def loop() -> None:
        into = metadata.container(world)
        ends = None if seconds is None else time.monotonic() + seconds
        try:
            while ends is None or time.monotonic() < ends:
                fence()
                if not await watch.once(into):
                    await asyncio.sleep(poll)
                show(watch.items, watch.objects)
        finally:
            await into.close()

    asyncio.run(loop())
    return watch
