"""What S3's events name, and nothing else: each key looked at on both sides and carried as it is now (SYNC-1, SYNC-2).

No listing is made, so a run costs what changed, however many objects there are. Events come more than once and in any
order: what is done about a key depends on what lies on both sides now. A message is deleted after its objects are
carried; what a kill leaves undone comes again. A deletion in the source is left to the full run, which alone may delete
(site) or never does (uploads).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from clouds.azure.data_plane import reading, writing
from clouds.objects.blob import BlobStore
from clouds.objects.carriers import Carry, Way, choose
from clouds.objects.model import ObjectError
from clouds.objects.mover import Progress, move
from clouds.objects.s3 import S3Store
from clouds.sync.outcome import Outcome, Proof
from clouds.sync.world import SITE, UPLOADS, SyncWorld
from recovery.errors import Failed, Stopped
from recovery.sync.evidence import Proof as Verdict
from recovery.sync.evidence import compare
from recovery.sync.march import Entry
from recovery.sync.policies import UPLOADS as CARRY

BLOB = "objects.json"
FLOWS = ("site", "uploads")
AT_ONCE = 8
"""Receives at the same time: each brings ten messages at most."""
LOOKS = 32
HIDDEN_SECONDS = 120
"""How long a received message stays hidden. One whose objects take longer comes again and finds them equal; one whose
watcher was killed comes again this soon."""


@dataclass
class Taken:
    """What one look at the queue came to. keys: looked at. oldest: epoch seconds of the oldest event. gone: no longer in
    the source. unequal: keys whose copy is not proven equal."""

    keys: int = 0
    oldest: float = 0.0
    gone: int = 0
    unequal: list[str] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """In words."""
        return [text for one in self.progress for text in one.errors]


class Changes:
    """The queue and both pairs of stores, opened once. fence: asked before each batch. requests: made so far."""

    def __init__(self, world: SyncWorld, fence: Callable[[], None], way: Way = Way.AUTO) -> None:
        self._world, self._fence, self._way = world, fence, way
        self._sqs = world.aws("sqs")
        self._queue = str(self._sqs.get_queue_url(QueueName=world.source.queue)["QueueUrl"])
        self._pairs: dict[str, tuple[S3Store, BlobStore, Carry | None]] = {}
        self._calls = 0

    @property
    def requests(self) -> int:
        """To the queue and to both stores, presigned ones included."""
        return self._calls + sum(a.requests + b.requests for a, b, _ in self._pairs.values())

    def retention(self) -> int:
        """Seconds that the queue keeps a message."""
        found = self._sqs.get_queue_attributes(
            QueueUrl=self._queue, AttributeNames=["MessageRetentionPeriod"]
        )
        return int(found["Attributes"]["MessageRetentionPeriod"])

    async def close(self) -> None:
        """Close all pools."""
        for source, target, _ in self._pairs.values():
            await source.close()
            await target.close()

    async def once(self) -> Taken:
        """Take what the queue holds now, up to some dozens of messages. Raises Stopped by the fence, Failed.

        Where something could not be carried its messages stay in the queue, and the Taken says what.
        """
        answers = await asyncio.gather(*(asyncio.to_thread(self._receive) for _ in range(AT_ONCE)))
        messages = [message for answer in answers for message in answer]
        wanted: dict[str, dict[str, float]] = {}
        for message in messages:
            for event in json.loads(message["Body"]).get("Records", []):
                at = datetime.fromisoformat(event["eventTime"].replace("Z", "+00:00")).timestamp()
                keys = wanted.setdefault(event["s3"]["bucket"]["name"], {})
                key = unquote_plus(event["s3"]["object"]["key"])
                keys[key] = min(at, keys.get(key, at))
        taken = Taken()
        for bucket, found in wanted.items():
            await self._carry(bucket, found, taken)
        if not taken.errors and not taken.unequal:
            await asyncio.gather(
                *(
                    asyncio.to_thread(self._forget, messages[start : start + 10])
                    for start in range(0, len(messages), 10)
                )
            )
        return taken

    def _receive(self) -> list[dict[str, Any]]:
        from botocore.exceptions import BotoCoreError, ClientError

        self._calls += 1
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=0, VisibilityTimeout=HIDDEN_SECONDS
            )  # fmt: skip
        except (BotoCoreError, ClientError) as exc:
            raise Failed(
                f"the queue of S3's events does not answer: {exc}", "what changed in AWS is not known to be in Azure",
                "dr sync watch    (again, when AWS answers)", retry=True,
            ) from exc  # fmt: skip
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def _forget(self, messages: list[dict[str, Any]]) -> None:
        self._calls += 1
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
        ]
        self._sqs.delete_message_batch(QueueUrl=self._queue, Entries=entries)

    async def _carry(self, bucket: str, keys: dict[str, float], taken: Taken) -> None:
        source, target, carry = await self._pair(bucket)
        gate = asyncio.Semaphore(LOOKS)

        async def look(key: str) -> tuple[Entry | None, Entry | None]:
            async with gate:
                return await source.look(key), await target.look(key)

        try:
            pairs = await asyncio.gather(*(look(key) for key in sorted(keys)))
            ours = [a for a, _ in pairs if a is not None]
            theirs = [b for a, b in pairs if a is not None and b is not None]
            done = await move(
                source, target, CARRY, fence=self._fence, only=lambda: (ours, theirs), carry=carry
            )
            taken.progress.append(done)
            await self._prove(source, target, ours, gate, taken)
        except ObjectError as exc:
            raise Failed(
                f"an object could not be looked at: {exc}", "its message stays in the queue", "dr sync watch",
                retry=True,
            ) from exc  # fmt: skip
        taken.keys += len(keys)
        taken.gone += len(keys) - len(ours)
        taken.oldest = min([taken.oldest or float("inf"), *keys.values()])

    async def _prove(
        self, source: S3Store, target: BlobStore, ours: list[Entry], gate: asyncio.Semaphore, taken: Taken
    ) -> None:
        """Each key's copy is what the source had, or has by now."""

        async def one(entry: Entry) -> None:
            async with gate:
                there = await target.look(entry.key)
                if there is not None and compare(entry.print, there.print).proof is Verdict.EQUAL:
                    return
                again = await source.look(entry.key)
                if again is None or (
                    there is not None and compare(again.print, there.print).proof is Verdict.EQUAL
                ):
                    return
                taken.unequal.append(entry.key)

        await asyncio.gather(*(one(entry) for entry in ours))

    async def _pair(self, bucket: str) -> tuple[S3Store, BlobStore, Carry]:
        if bucket not in self._pairs:
            container = SITE if bucket == self._world.source.siteBucket else UPLOADS
            self._pairs[bucket] = (self._world.bucket(bucket), self._world.blobs(container), None)
        source, target, carry = self._pairs[bucket]
        if carry is None:
            carry = await choose(source, target, self._way)
            self._pairs[bucket] = (source, target, carry)
        return source, target, carry


# -- after the first full run --------------------------------------------------------------------------------------


class Followed:
    """Up to when each flow's objects are carried: by a full run, and since then by events. A blob of the journal container."""

    def __init__(self, container: Any) -> None:
        self._blob = container.get_blob_client(BLOB)

    def load(self) -> dict[str, dict[str, float]]:
        """flow -> {epoch, at}; a flow without a full run is left out. Raises Unobserved."""
        from azure.core.exceptions import ResourceNotFoundError

        with reading("up to when the objects are carried"):
            try:
                found: dict[str, dict[str, float]] = json.loads(self._blob.download_blob().readall())
            except ResourceNotFoundError:
                return {}
        return found

    def store(self, flow: str, epoch: int, at: float) -> None:
        """This flow is carried up to then, under this epoch."""
        with writing("noting up to when the objects are carried"):
            self._blob.upload_blob(
                json.dumps({**self.load(), flow: {"epoch": epoch, "at": at}}).encode(), overwrite=True
            )


def run(
    world: SyncWorld, flow: str, *, fence: Callable[[], None], epoch: int, way: Way = Way.AUTO,
    on_change: Callable[[Progress], None] = lambda _p: None, now: Callable[[], float] = time.time,
) -> Outcome:  # fmt: skip
    """Carry what the queue names until it is empty. Raises Stopped where no full run stands behind the events."""
    began, clock = now(), time.monotonic()
    followed = Followed(world.journal)
    changes = Changes(world, fence, way)
    _may(followed.load().get(flow), epoch, began, changes.retention(), flow)
    outcome = Outcome(
        flow, "forward", epoch, datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")
    )

    async def drain() -> None:
        counts = dict.fromkeys(
            ("looked", "copied", "copiedBytes", "pulled", "gone", "overtaken", "errors"), 0
        )
        proof = Proof("changes", outcome.started)
        try:
            while True:
                taken = await changes.once()
                counts["looked"] += taken.keys
                counts["gone"] += taken.gone
                for done in taken.progress:
                    counts["copied"] += done.copied
                    counts["copiedBytes"] += done.copied_bytes
                    counts["pulled"] += done.pulled
                    counts["overtaken"] += done.overtaken
                    counts["errors"] += done.error_count
                    outcome.errors += done.errors
                    on_change(done)
                proof.population += taken.keys - taken.gone
                proof.differing += taken.unequal[:100]
                if not taken.keys or taken.errors or taken.unequal:
                    break
        finally:
            await changes.close()
        proof.compared = proof.population
        proof.equal = proof.population - len(proof.differing)
        proof.holds = not proof.differing and not counts["errors"]
        outcome.counts, outcome.proofs = counts | {"requests": changes.requests}, [proof]

    asyncio.run(drain())
    if outcome.proofs[0].holds:
        for name, one in followed.load().items():
            if one["epoch"] == epoch:  # the queue holds both buckets' events
                followed.store(name, epoch, began)
    outcome.seconds = round(time.monotonic() - clock, 3)
    outcome.data_age_seconds = round(now() - began, 3)
    return outcome


def _may(known: dict[str, float] | None, epoch: int, now: float, retention: int, flow: str) -> None:
    """Events tell of what came after something: a full run under this epoch, not longer ago than the queue keeps them."""
    if known is None or known["epoch"] != epoch:
        raise Stopped(
            f"no full run of {flow} stands behind the events (epoch {epoch})",
            "events tell what changed since a full run, not what was there before",
            f"dr sync {flow}    (once in full; then --changes)",
        )
    if now - known["at"] > retention - 3600:
        raise Stopped(
            f"the events of {flow} were last carried {(now - known['at']) / 3600:.0f} h ago; the queue keeps {retention // 3600} h",
            "some may have been dropped by the queue, and nobody would notice",
            f"dr sync {flow}    (in full)",
        )
