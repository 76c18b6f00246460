"""Uploads whose documents are missing or incomplete are found, and only those are sent to the converter (ACT-3).

An upload is complete when its chunks, in order, decode to exactly its bytes (by size and MD5). It is sent again by
copying the blob onto itself within the account: its event is the same as that of an upload, and no byte comes through
here. The converter replaces chunks under the same ids, so nothing stands twice.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clouds.azure.data_plane import writing
from clouds.objects.container import container_client
from clouds.sync import metadata
from clouds.sync.cosmos import Container
from clouds.sync.world import UPLOADS, SyncWorld
from recovery.sync.convertible import HEAD, refused

SPARED = (".dr-", "dr-probe/")
"""Prefixes of blobs that are no images: the tool's own probes."""

NONE = "no documents"


@dataclass
class Reconciled:
    """complete, sent: how many uploads. missing: those without whole documents, with the reason. total: all there are.
    refused: those that the converter never takes, with the reason; they have no documents, and nothing waits for them.
    """

    total: int = 0
    complete: int = 0
    sent: int = 0
    missing: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def decoded(documents: Iterable[Mapping[str, Any]]) -> bytes | str:
    """The bytes that the chunks make, in order; or why they make none."""
    found = sorted(documents, key=lambda d: int(d.get("chunkIndex", -1)))
    if not found:
        return NONE
    if [d.get("chunkIndex") for d in found] != list(range(len(found))):
        return f"chunks {[d.get('chunkIndex') for d in found][:10]}"
    try:
        return b"".join(base64.b64decode(str(d.get("content")), validate=True) for d in found)
    except binascii.Error:
        return "a chunk is not Base64"


async def run(
    world: SyncWorld, *, dry_run: bool, fence: Callable[[], None], newest: int | None = None
) -> Reconciled:
    """Look at every upload (or the newest so many), and send those that need it. Raises DrError."""
    client = container_client(world.body("storage-uploads"), UPLOADS, world.endpoints)
    done, into = Reconciled(), metadata.container(world)
    try:
        every = await asyncio.to_thread(list, client.list_blobs())
        images = [blob for blob in every if not blob.name.startswith(SPARED) and blob.size]
        done.total = len(images)
        if newest is not None:
            images = sorted(images, key=lambda blob: blob.last_modified, reverse=True)[:newest]
        for blob in images:
            why = await _why(into, client, blob)
            if not why:
                done.complete += 1
                continue
            if why == NONE and (never := await asyncio.to_thread(_refused, client, blob)):
                done.refused.append(f"{blob.name}: {never}")
                continue
            done.missing.append(f"{blob.name}: {why}")
            if not dry_run:
                fence()
                await asyncio.to_thread(_send, world, client, blob)
                done.sent += 1
    finally:
        await into.close()
    return done


def _refused(client: Any, blob: Any) -> str:
    """Why the converter would not take it, by its first bytes as they are stored."""
    head: bytes = client.get_blob_client(blob.name).download_blob(offset=0, length=HEAD).readall()
    return refused(head, blob.size)


async def _why(into: Container, client: Any, blob: Any) -> str:
    query = "SELECT c.chunkIndex, c.content FROM c WHERE c.imageId = @image"
    documents = [
        d async for d in into.query(query, [{"name": "@image", "value": blob.name}], partition=blob.name)
    ]
    data = decoded(documents)
    if isinstance(data, str):
        return data
    if len(data) != blob.size:
        return f"the chunks make {len(data)} of {blob.size} bytes"
    md5 = blob.content_settings.content_md5
    if md5 is None:
        whole = await asyncio.to_thread(lambda: client.get_blob_client(blob.name).download_blob().readall())
        return "" if whole == data else "the chunks make other bytes"
    return (
        ""
        if hashlib.md5(data, usedforsecurity=False).digest() == bytes(md5)
        else "the chunks make other bytes"
    )


def _send(world: SyncWorld, client: Any, blob: Any) -> None:
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError

    from clouds.objects.container import signer

    one = client.get_blob_client(blob.name)
    source = (
        f"{one.url.partition('?')[0]}?{signer(world.body('storage-uploads'), UPLOADS, world.endpoints)()}"
    )
    with writing(f"sending {blob.name} to the converter"):
        try:
            one.start_copy_from_url(source, etag=blob.etag, match_condition=MatchConditions.IfNotModified)
        except ResourceModifiedError:
            return  # uploaded again meanwhile: that event is its own
