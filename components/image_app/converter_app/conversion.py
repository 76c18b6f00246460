"""How an upload becomes documents: chunks, their ids, and the order in which they may be written. No SDK here.

One document a chunk: ``id``, ``imageId`` (the partition key: the blob's name), ``chunkIndex``, ``chunkCount``,
``content`` (Base64 of the chunk's bytes), ``sha256`` and ``size`` of the whole image, ``contentType``,
``createdAt`` and ``uploadedAt`` (the source's times), ``sourceEtag`` (which upload it came from). All of it is
determined by the upload, so converting it again writes the same documents.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Protocol

DEFAULT_CHUNK_BYTES = 1024 * 1024
MAX_CHUNK_BYTES = 1_400_000  # Base64 makes 1.87 MB of it; an item may have 2 MB with everything else
MAX_IMAGE_BYTES = 256 * 1024 * 1024
ATTEMPTS = 8

_MAGIC = (
    (0, b"\xff\xd8\xff"),  # JPEG
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"GIF87a"),
    (0, b"GIF89a"),
    (0, b"BM"),
    (0, b"II*\x00"),  # TIFF
    (0, b"MM\x00*"),
    (8, b"WEBP"),
    (4, b"ftypheic"),
    (4, b"ftypheix"),
    (4, b"ftypmif1"),
    (4, b"ftypavif"),
)

Document = dict[str, Any]


class PoisonUploadError(ValueError):
    """The upload can never be converted; after the subscription's retries its event is dead-lettered."""


class StaleError(Exception):
    """A newer upload of the same name has been, or is being, converted: this one must not go on."""


@dataclass(frozen=True)
class Upload:
    """What is the same in every chunk of one upload. Times are ISO 8601 in UTC."""

    image_id: str
    etag: str
    created_at: str
    uploaded_at: str
    content_type: str
    size: int
    sha256: str


class Documents(Protocol):
    """The container, as far as a conversion needs it. `read`, `create` and `replace` speak of one partition."""

    def read(self, image_id: str, document_id: str) -> Document | None: ...

    def create(self, document: Document) -> bool:
        """False when a document of that id is there already."""

    def replace(self, document: Document, etag: str) -> bool:
        """False when the stored document is no longer the one with this etag."""

    def delete(self, image_id: str, document_id: str, etag: str) -> bool:
        """False when the stored document is no longer the one with this etag."""

    def headers(self, image_id: str) -> list[Document]:
        """id, chunkIndex, sourceEtag, uploadedAt and _etag of every document of the image."""


def document_id(image_id: str, index: int) -> str:
    """A legal Cosmos id for any blob name: the service forbids ``/ \\ ? #`` and more than 1023 bytes."""
    return f"{hashlib.sha256(image_id.encode()).hexdigest()[:40]}-{index:06d}"


def check_image(head: bytes, size: int) -> None:
    """Raise PoisonUploadError unless the first bytes are those of an image format that browsers upload."""
    if size == 0:
        raise PoisonUploadError("the upload is empty")
    if size > MAX_IMAGE_BYTES:
        raise PoisonUploadError(f"the upload has {size} bytes, at most {MAX_IMAGE_BYTES} are converted")
    if not any(head[at : at + len(magic)] == magic for at, magic in _MAGIC):
        raise PoisonUploadError(f"the upload is not an image: it begins with {head[:12]!r}")


def chunk_bytes(text: str | None) -> int:
    """The configured raw bytes a chunk. Raises ValueError outside 1..MAX_CHUNK_BYTES."""
    value = int(text) if text else DEFAULT_CHUNK_BYTES
    if not 1 <= value <= MAX_CHUNK_BYTES:
        raise ValueError(f"CHUNK_BYTES must be 1..{MAX_CHUNK_BYTES} (found {value})")
    return value


def chunks(upload: Upload, source: IO[bytes], per_chunk: int) -> Iterator[Document]:
    """The upload's documents in order, one at a time: memory holds one chunk."""
    count = max(1, -(-upload.size // per_chunk))
    source.seek(0)
    for index in range(count):
        yield {
            "id": document_id(upload.image_id, index),
            "imageId": upload.image_id,
            "chunkIndex": index,
            "chunkCount": count,
            "content": base64.b64encode(source.read(per_chunk)).decode(),
            "contentType": upload.content_type,
            "size": upload.size,
            "sha256": upload.sha256,
            "createdAt": upload.created_at,
            "uploadedAt": upload.uploaded_at,
            "sourceEtag": upload.etag,
        }


def _supersedes(upload: Upload, other: Mapping[str, Any], is_current: Callable[[], bool]) -> bool:
    """May a document of `upload` take the place of `other`, which came from another upload of the same name?

    Blob times have whole seconds; between two uploads in the same second the blob itself decides.
    """
    theirs = str(other.get("uploadedAt") or "")
    if theirs != upload.uploaded_at:
        return theirs < upload.uploaded_at
    return is_current()


def _write(store: Documents, upload: Upload, document: Document, is_current: Callable[[], bool]) -> None:
    for _ in range(ATTEMPTS):
        if store.create(document):
            return
        present = store.read(upload.image_id, document["id"])
        if present is None:
            continue
        if present.get("sourceEtag") == upload.etag:
            if all(present.get(key) == value for key, value in document.items()):
                return
        elif not _supersedes(upload, present, is_current):
            raise StaleError(f"{upload.image_id}: chunk {document['chunkIndex']} is from a newer upload")
        if store.replace(document, present["_etag"]):
            return
    raise RuntimeError(
        f"{upload.image_id}: chunk {document['chunkIndex']} kept changing while it was written"
    )


def convert(
    store: Documents, upload: Upload, source: IO[bytes], per_chunk: int, is_current: Callable[[], bool]
) -> int:
    """Write the upload's documents and remove what older uploads of the name left over; returns how many chunks.

    Never replaces a document of a newer upload: raises StaleError instead, after taking back what it had created
    beyond the newer upload's end. Why that is enough: the newer run writes chunk 0 first and looks for left-overs
    last. If chunk 0 is still ours after our last write, the newer run's look comes later and finds all of ours;
    if it is not, we remove them ourselves.
    """
    try:
        count = 0
        for document in chunks(upload, source, per_chunk):
            _write(store, upload, document, is_current)
            count += 1
        first = store.read(upload.image_id, document_id(upload.image_id, 0))
        if first is None or first.get("sourceEtag") != upload.etag:
            raise StaleError(f"{upload.image_id}: a newer upload was converted meanwhile")
    except StaleError:
        for header in store.headers(upload.image_id):
            if header.get("sourceEtag") == upload.etag:
                store.delete(upload.image_id, header["id"], header["_etag"])
        raise
    for header in store.headers(upload.image_id):
        ours = header.get("sourceEtag") == upload.etag
        if int(header["chunkIndex"]) >= count if ours else _supersedes(upload, header, is_current):
            store.delete(upload.image_id, header["id"], header["_etag"])
    return count
