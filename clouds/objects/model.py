"""The port that the mover speaks: a sorted listing, a guarded read, a proven write, a delete."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from recovery.sync.headers import Headers
from recovery.sync.march import Entry

BLOCK = 8 * 1024 * 1024
"""Bytes held at a time where they must be hashed before they are sent; an object up to this size travels in one request."""

STREAM = 64 * 1024 * 1024
"""An object up to this size, whose MD5 the source announces, travels in one request without being held: the server checks
the MD5 of what arrives. Larger ones go in blocks, so that a broken connection costs a block and not the whole."""


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
    """An open object: what stands beside the bytes, and the bytes in pieces as they come. written: epoch seconds of the
    source's write."""

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


async def blocked(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of a body as blocks of BLOCK bytes, the last one shorter; nothing for an empty body."""
    held = bytearray()
    async for piece in body:
        held += piece
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)


async def whole(body: AsyncIterator[bytes]) -> bytes:
    """All of a small body."""
    pieces = [piece async for piece in body]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source offers another service to pull. url: signs a fresh URL for each request; again: the ETag now, to
    see that the source did not change while it was read. source: as of `Store.open`, but without its bytes."""

    source: Source
    url: Callable[[], str]
    again: Callable[[], Awaitable[str]]


def hashed(data: bytes, running: Hash) -> bytes:
    """Take a block into the running hash; returns its own MD5 (16 bytes). Meant for a thread: hashing frees the lock."""
    running.update(data)
    return hashlib.md5(data, usedforsecurity=False).digest()


class Hash(Protocol):
    """A hashlib object."""

    def update(self, data: bytes, /) -> None:
        """Take in bytes."""
        ...


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
