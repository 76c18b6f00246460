"""The port that the mover speaks: a sorted listing, a guarded read, a proven write, a delete."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from recovery.sync.headers import Headers
from recovery.sync.march import Entry

BLOCK = 8 * 1024 * 1024
"""Bytes read, hashed and sent at a time; an object up to this size travels in one request."""


class ObjectError(Exception):
    """One object could not be read or written. retry: the same request may succeed later."""

    def __init__(self, key: str, reason: str, *, retry: bool, status: int | None = None) -> None:
        super().__init__(f"{key}: {reason}")
        self.key, self.reason, self.retry, self.status = key, reason, retry, status


class ChangedError(ObjectError):
    """The precondition failed: the source was written while it was read, or the target is not what was listed."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason, retry=False, status=412)


@dataclass(frozen=True, slots=True)
class Source:
    """An open object: what stands beside the bytes, and the bytes. written: epoch seconds of the source's write."""

    key: str
    size: int
    etag: str
    written: float
    headers: Headers
    body: AsyncIterator[bytes]
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Guard:
    """What must still be true of the target for a write to happen. etag None: the key must not exist."""

    etag: str | None


def check(source: Source, md5: str) -> None:
    """Raise a retryable ObjectError when the source announced another MD5 than that of the bytes that came."""
    announced = source.checksums.get("md5", md5)
    if announced != md5:
        raise ObjectError(
            source.key, f"the bytes read have md5 {md5}, the source says {announced}", retry=True
        )


class Store(Protocol):
    """One bucket or container."""

    name: str

    def listing(self, prefix: str = "") -> Iterator[Entry]:
        """All objects in code-point order of their keys, a page held at a time."""
        ...

    async def look(self, key: str) -> Entry | None:
        """One object as it is now, with all that is known of it (a listing knows less); None when there is none."""
        ...

    async def open(self, key: str, etag: str) -> Source:
        """Open for reading exactly the version listed. Raises ChangedError when it is no longer that."""
        ...

    async def write(self, source: Source, guard: Guard) -> str:
        """Store the bytes whole or not at all, hash-checked by the server; returns the hex MD5 of what was sent.
        Bytes whose MD5 is not the announced one (`Source.checksums`) are never stored.

        Raises ChangedError when the guard does not hold; ObjectError otherwise."""
        ...

    async def delete(self, key: str, etag: str) -> None:
        """Delete exactly the version listed; absent is success."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
