"""What the primary holds in a rehearsal: pages, images, items; and what is there at the end of everything."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clouds.sync import flows, records
from clouds.sync.common import Common
from clouds.sync.direction import Directions
from clouds.sync.world import SyncWorld
from recovery.errors import Failed
from recovery.journal.direction import Direction
from recovery.sync.policies import MAX_DELETE_PERCENT


class PrimaryData:
    """AWS's side of the site's data, through the sync's own clients."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def _world(self) -> Iterator[SyncWorld]:
        world = SyncWorld(self._root, "standby", os.environ)
        try:
            yield world
        finally:
            world.close()

    def fill(self, pages: Mapping[str, bytes], images: int) -> int:
        """Pages and images, each image with its item; returns the bytes of the images."""
        total = 0
        with self._world() as world:
            s3, table, names = world.aws("s3"), world.aws("dynamodb"), world.source
            # The account at the end asks for every version that ever stood there: what was replaced, and by whom.
            s3.put_bucket_versioning(
                Bucket=names.uploadsBucket, VersioningConfiguration={"Status": "Enabled"}
            )
            for name, data in pages.items():
                s3.put_object(
                    Bucket=names.siteBucket, Key=name, Body=data, ContentType="text/html; charset=utf-8"
                )
            for number in range(images):
                name, data = f"before/{number}.img", hashlib.sha256(str(number).encode()).digest() * 64
                total += len(data)
                s3.put_object(Bucket=names.uploadsBucket, Key=name, Body=data, ContentType="image/jpeg")
                table.put_item(TableName=names.table, Item={
                    names.partitionKey: {"S": name}, names.sortKey: {"N": "0"},
                    "content": {"S": base64.b64encode(data).decode()}, "uploadedAt": {"S": "2026-01-01T00:00:00Z"},
                })  # fmt: skip
        return total

    def sync(self, who: str) -> list[str]:
        """The daily run, forward, all three flows; what it says of each. Raises Failed where something is not proven."""
        said = []
        with self._world() as world:
            directions = Directions(world.journal)
            directions.turn(Direction.FORWARD, who, "the rehearsal's first sync")
            for flow in ("site", "uploads", "metadata"):
                done = flows.run(
                    world, flow, reverse=False, fence=directions.fence(Direction.FORWARD), cutover=directions.cutover(),
                    max_delete=MAX_DELETE_PERCENT, dry_run=False, on_items=lambda n, text: None,
                    on_objects=lambda progress: None,
                )  # fmt: skip
                done.epoch = directions.read().epoch
                records.write(world.home, world.journal, flow, done.to_json())
                bad = [proof for proof in done.proofs if not proof.holds]
                if done.errors or done.refused or bad or not done.proofs:
                    why = "; ".join(
                        [*done.errors[:3], done.refused, *(str(one.differing[:3]) for one in bad)]
                    )
                    raise Failed(
                        f"the sync of {flow} is not proven: {why}",
                        "a standby without the data is none",
                        f"dr sync {flow}",
                    )
                proof = done.proofs[0]
                said.append(f"{flow} {proof.equal} of {proof.compared}")
        return said

    def history(self) -> tuple[Callable[[str], list[str]], Callable[[str, str], bool]]:
        """(name -> SHA-256 of every version that ever stood in S3 under it, oldest first, the last is there now;
        (name, SHA-256) -> did the last forward run see that version in Azure too)."""
        with self._world() as world:
            s3, names = world.aws("s3"), world.source
            common = Common(world.journal, "uploads").load()
            stood: dict[str, list[str]] = {}
            both: set[tuple[str, str]] = set()
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=names.uploadsBucket):
                if page.get("DeleteMarkers"):
                    raise Failed(
                        f"{len(page['DeleteMarkers'])} images were deleted in S3",
                        "nobody deletes an image in a rehearsal",
                        "dr rehearse --keep    (then compare the buckets with the journal)",
                    )
                for one in page.get("Versions", []):  # newest first
                    data = s3.get_object(
                        Bucket=names.uploadsBucket, Key=one["Key"], VersionId=one["VersionId"]
                    )["Body"].read()
                    digest = hashlib.sha256(data).hexdigest()
                    stood.setdefault(one["Key"], []).insert(0, digest)
                    if common.had(one["Key"], one["ETag"].strip('"')):
                        both.add((one["Key"], digest))
        return lambda name: stood.get(name, []), lambda name, digest: (name, digest) in both

    def items(self) -> dict[str, str]:
        """Image -> SHA-256 of what its items in the table decode to."""
        with self._world() as world:
            table, names = world.aws("dynamodb"), world.source
            chunks: dict[str, dict[int, str]] = {}
            for page in table.get_paginator("scan").paginate(TableName=names.table):
                for one in page["Items"]:
                    held = chunks.setdefault(one[names.partitionKey]["S"], {})
                    held[int(one[names.sortKey]["N"])] = one["content"]["S"]
        return {
            name: hashlib.sha256(b"".join(base64.b64decode(held[i]) for i in sorted(held))).hexdigest()
            for name, held in chunks.items()
        }

    def conflicts(self) -> set[str]:
        """SHA-256 of every version that is listed as a conflict, wherever it is kept aside."""
        found: set[str] = set()
        with self._world() as world:
            s3, names = world.aws("s3"), world.source
            for page in s3.get_paginator("list_objects_v2").paginate(
                Bucket=names.exportBucket, Prefix="conflicts/"
            ):
                for one in page.get("Contents", []):
                    data = s3.get_object(Bucket=names.exportBucket, Key=one["Key"])["Body"].read()
                    found.add(hashlib.sha256(data).hexdigest())
            for blob in world.journal.list_blobs(name_starts_with="conflicts/"):
                found |= set(_digests(world.journal.download_blob(blob.name).readall()))
        return found


def _digests(kept: bytes) -> Iterator[str]:
    """Of each side's version in a kept conflict of items."""
    try:
        both: Any = json.loads(kept)
    except ValueError:  # an object kept aside as it was
        yield hashlib.sha256(kept).hexdigest()
        return
    for side in ("azure", "aws"):
        item = both.get(side) or {} if isinstance(both, dict) else {}
        content = (item.get("content") or {}).get("S")
        if content:
            yield hashlib.sha256(base64.b64decode(content)).hexdigest()
