"""Which uploads the converter takes: an image of a kind that browsers send, of at most 256 MiB (ACT-3).

The converter's package has the same rule for itself (it is deployed alone); tests/recovery/sync/test_convertible.py
holds the two together. An upload that it refuses has no documents on either side and never will: who waited for them
would wait for ever.
"""

from __future__ import annotations

HEAD = 16
"""Bytes that are enough to tell."""

MAX_BYTES = 256 * 1024 * 1024

_MAGIC = (
    (0, b"\xff\xd8\xff"),
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"GIF87a"),
    (0, b"GIF89a"),
    (0, b"BM"),
    (0, b"II*\x00"),
    (0, b"MM\x00*"),
    (8, b"WEBP"),
    (4, b"ftypheic"),
    (4, b"ftypheix"),
    (4, b"ftypmif1"),
    (4, b"ftypavif"),
)


def refused(head: bytes, size: int) -> str:
    """Why the converter refuses an upload of these first bytes and this size; "" when it takes it."""
    if size == 0:
        return "it is empty"
    if size > MAX_BYTES:
        return f"it has {size:,} bytes, at most {MAX_BYTES:,} are converted"
    if not any(head[at : at + len(magic)] == magic for at, magic in _MAGIC):
        return f"it is not an image: it begins with {head[:12]!r}"
    return ""
