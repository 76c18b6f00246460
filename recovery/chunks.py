"""Puts an image together again from the converter's documents, and says exactly what is wrong when it cannot."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping

from recovery.model import Json


class IncompleteError(ValueError):
    """The documents are not one whole image; the message says which chunk or which check."""


def chunk_id(image_id: str, index: int) -> str:
    """The id that the converter gives to a chunk (legal for any blob name)."""
    return f"{hashlib.sha256(image_id.encode()).hexdigest()[:40]}-{index:06d}"


def assemble(documents: Iterable[Mapping[str, Json]]) -> bytes:
    """The image's bytes, from its documents in any order.

    Raises IncompleteError unless they are of one upload of one image, none is missing, doubled or damaged, and
    size and SHA-256 of the whole agree with what each of them says (VAL-2).
    """
    found = list(documents)
    if not found:
        raise IncompleteError("there are no documents")
    first = found[0]
    for name in ("imageId", "chunkCount", "size", "sha256", "sourceEtag"):
        values = {document.get(name) for document in found}
        if len(values) > 1:
            raise IncompleteError(
                f"documents of different uploads: {name} is one of {sorted(map(str, values))}"
            )
    count = first.get("chunkCount")
    by_index: dict[int, Mapping[str, Json]] = {}
    for document in found:
        index = document.get("chunkIndex")
        if not isinstance(index, int) or isinstance(index, bool):
            raise IncompleteError(f"document {document.get('id')!r} has chunkIndex {index!r}")
        if index in by_index:
            raise IncompleteError(f"chunk {index} is there twice")
        by_index[index] = document
    if not isinstance(count, int) or sorted(by_index) != list(range(count)):
        missing = sorted(set(range(count if isinstance(count, int) else 0)) - set(by_index))
        raise IncompleteError(f"{len(by_index)} of {count} chunks are there; missing: {missing[:10]}")
    try:
        whole = b"".join(
            base64.b64decode(str(by_index[i].get("content")), validate=True) for i in range(count)
        )
    except binascii.Error as error:
        raise IncompleteError(f"a chunk's content is not Base64: {error}") from error
    if len(whole) != first.get("size"):
        raise IncompleteError(f"the chunks make {len(whole)} bytes, the documents say {first.get('size')}")
    digest = hashlib.sha256(whole).hexdigest()
    if digest != first.get("sha256"):
        raise IncompleteError(f"the chunks' SHA-256 is {digest}, the documents say {first.get('sha256')}")
    return whole
