"""How an object's bytes travel: streamed through here, or pulled by the target from a presigned URL. Chosen by capability."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from enum import StrEnum

from clouds.objects.blob import BlobStore
from clouds.objects.model import Guard, Store
from clouds.objects.s3 import S3Store
from recovery.errors import Failed
from recovery.sync.march import Entry


class Way(StrEnum):
    """What the person asked for. AUTO: pulled where the target can."""

    AUTO = "auto"
    PULL = "pull"
    STREAM = "stream"


Carry = Callable[[Store, Store, Entry, Guard], Awaitable[int]]
"""Carries the version listed under the guard; returns its bytes. Raises ChangedError, ObjectError."""


async def streamed(source: Store, target: Store, entry: Entry, guard: Guard) -> int:
    """Read here, write there."""
    opened = await source.open(entry.key, entry.print.etag)
    try:
        await target.write(opened, guard)
    finally:
        close = getattr(opened.body, "aclose", None)
        if close is not None:
            await close()
    return opened.size


async def pulled(source: Store, target: Store, entry: Entry, guard: Guard) -> int:
    """The target fetches it; only requests pass through here."""
    if not isinstance(source, S3Store) or not isinstance(target, BlobStore):
        raise TypeError(f"{target.name} cannot pull from {source.name}")
    offer = await source.offer(entry.key, entry.print.etag)
    await target.pull(offer, guard)
    return offer.source.size


async def choose(source: Store, target: Store, way: Way = Way.AUTO) -> Carry:
    """The carrier for this pair. Raises Failed when pulling was asked for and the target cannot."""
    if way is Way.STREAM or not isinstance(source, S3Store) or not isinstance(target, BlobStore):
        if way is Way.PULL:
            raise Failed(
                f"{target.name} cannot pull from {source.name}", "only Azure pulls, and only from S3",
                "dr sync all --copy auto",
            )  # fmt: skip
        return streamed
    absent = f".dr-pull-probe-{uuid.uuid4().hex[:12]}"
    if await target.pulls(source.presign(absent)):
        return pulled
    if way is Way.PULL:
        raise Failed(
            f"{target.name} does not fetch from {source.name} itself",
            "the service says so, or cannot reach the source (a private endpoint, a firewall)",
            "dr sync all --copy auto    (streams where it must)",
        )
    return streamed
