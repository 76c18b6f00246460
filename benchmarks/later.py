"""What a later run costs, and what passes through the runner: requests for 100 changes among 1,000 and 10,000 objects; bytes
of this process's sockets when Azure pulls (the kernel's counters, tcp_info).

GOALS: equal requests; server-side 0 bytes of the objects through the runner. S3 is moto and Blob unmodified Azurite, whose
missing Put Blob From URL is served by the local cloud's door (`localcloud/data/pulling.py`): bytes and requests are real,
times say nothing about Azure, so none are printed.
Run: python -m benchmarks later   (--few 1000 --many 10000 --changed 100)
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import struct
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import localcloud
from clouds.objects import http
from clouds.objects.blob import BlobStore
from clouds.objects.carriers import Carry, pulled, streamed
from clouds.objects.mover import move
from clouds.objects.s3 import S3Store
from clouds.sync import changes
from recovery.journal.direction import Direction
from recovery.sync.policies import UPLOADS
from tests.clouds.sync.site import Site

LARGE, SIZE = 10, 8_000_000


def main(argv: list[str] | None = None) -> int:
    """Print the figures; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=100)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        cloud = localcloud.start(Path(folder) / "cloud", 600, with_parent=True)
        try:
            (Path(folder) / "a").mkdir()
            (Path(folder) / "b").mkdir()
            missed = _pulled(Site(cloud, Path(folder) / "a", "pulled"))
            missed += _changes(Site(cloud, Path(folder) / "b", "later"), given.few, given.many, given.changed)
        finally:
            cloud.stop()
    return int(missed > 0)


def _fill(site: Site, numbers: range, data: bytes) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: site.upload(f"u/{n:06}.jpg", b"%d" % n + data), numbers))


def _silently(site: Site, numbers: range) -> None:
    """Objects whose events nobody needs, for the full run carries them: moto's queue looks at all its messages for each request."""
    bucket = site.source.uploadsBucket
    told = site.s3.get_bucket_notification_configuration(Bucket=bucket)
    told.pop("ResponseMetadata", None)
    site.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    _fill(site, numbers, b"old")
    site.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)


def _changes(site: Site, few: int, many: int, changed: int) -> int:
    spent: list[int] = []
    have = 0
    for count in (few, many):
        _silently(site, range(have, count))
        have, at = count, time.time()
        done = asyncio.run(site.carry("uploads"))
        if done.code:
            raise RuntimeError(f"the full run: {done.errors[:3]} {done.proofs}")
        epoch = site.directions.read().epoch
        changes.Followed(site.world.journal).store("uploads", epoch, at)
        fence = site.directions.fence(Direction.FORWARD)
        _fill(site, range(changed), b"new %d" % count)
        later = changes.run(site.world, "uploads", fence=fence, epoch=epoch)
        if later.code or later.counts["copied"] != changed:
            raise RuntimeError(f"{later.counts}: {later.errors[:3]}")
        spent.append(later.counts["requests"])
    ok = spent[0] == spent[1]
    print(
        f"  {changed} changes: {spent[0]} requests among {few:,} objects, {spent[1]} among {many:,} (goal: equal) {'met' if ok else 'MISSED'}"
    )
    return int(not ok)


def _pulled(site: Site) -> int:
    for number in range(LARGE):
        site.upload(f"{number}.bin", bytes(SIZE))
    through = {carry.__name__: asyncio.run(_through(site, carry)) for carry in (pulled, streamed)}
    objects = LARGE * SIZE
    headers = through["pulled"]
    ok = headers < 20_000 * LARGE  # requests and their answers; not one byte of the objects
    print(
        f"  {LARGE} x {SIZE / 1e6:g} MB: pulled by the service, {headers / 1e3:,.1f} KB of requests and answers passed through this process "
        f"({100 * headers / objects:.3f} % of the objects' bytes; goal: none of them) {'met' if ok else 'MISSED'}; "
        f"streamed, {through['streamed'] / 1e6:,.1f} MB"
    )
    return int(not ok)


async def _through(site: Site, carry: Carry) -> int:
    kept: list[socket.socket] = []

    def opened(info: Any) -> socket.socket:
        made = socket.socket(*info[:3])
        made.setblocking(False)
        kept.append(made.dup())
        return made

    def session(limit: int) -> Any:
        made = http.session(limit)
        made.connector._socket_factory = opened  # type: ignore[union-attr]  # the pool is ours to look into
        return made

    held = site.world.bucket(site.source.uploadsBucket)
    source = S3Store(held._client, held.bucket, open_session=session)
    into = site.world.blobs("uploads")
    target = BlobStore(into._client, into._sas, open_session=session)
    for blob in list(into._client.list_blobs()):
        into._client.delete_blob(blob.name)
    done = await move(source, target, UPLOADS, fence=lambda: None, carry=carry)
    await source.close()
    await target.close()
    if not done.complete or done.copied != LARGE:
        raise RuntimeError(f"{done.copied} copied: {done.errors[:3]}")
    passed = 0
    for one in kept:
        info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        passed += sum(struct.unpack_from("QQ", info, 120))  # bytes_acked, bytes_received
        one.close()
    return passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
