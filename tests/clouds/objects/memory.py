"""A store in memory that keeps the port's promises, and breaks down where it is told to."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from clouds.objects.model import ChangedError, Guard, ObjectError, Source, check
from recovery.sync.evidence import Fingerprint
from recovery.sync.headers import Headers
from recovery.sync.march import Entry


@dataclass
class Held:
    data: bytes
    written: float
    etag: str
    source_etag: str = ""


@dataclass
class MemoryStore:
    """faults: by key, what happens at the next opening (popped); before_write: called with the key."""

    name: str = "memory"
    held: dict[str, Held] = field(default_factory=dict)
    faults: dict[str, list[Callable[[MemoryStore, str], bytes | None]]] = field(default_factory=dict)
    before_write: Callable[[str], None] = lambda _key: None
    requests: int = 0
    clock: float = 1000.0

    def put(self, key: str, data: bytes, written: float | None = None, source_etag: str = "") -> None:
        self.clock += 1
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.held[key] = Held(data, self.clock if written is None else written, etag, source_etag)

    def listing(self, prefix: str = "") -> Iterator[Entry]:
        for key in sorted(self.held):
            yield self._entry(key)

    def _entry(self, key: str) -> Entry:
        one = self.held[key]
        return Entry(
            key,
            Fingerprint(len(one.data), one.etag, checksums={"md5": one.etag}, source_etag=one.source_etag),
            one.written,
        )

    async def look(self, key: str) -> Entry | None:
        self.requests += 1
        return self._entry(key) if key in self.held else None

    async def open(self, key: str, etag: str) -> Source:
        self.requests += 1
        sent: bytes | None = None
        if self.faults.get(key):
            sent = self.faults[key].pop(0)(self, key)
        one = self.held.get(key)
        if one is None or (etag and one.etag != etag):
            raise ChangedError(key, "the source changed after it was listed")
        data = one.data if sent is None else sent

        async def body() -> AsyncIterator[bytes]:
            if len(data) < len(one.data):
                raise ObjectError(
                    key, f"the body has {len(data)} bytes, {len(one.data)} were promised", retry=True
                )
            yield data

        return Source(key, len(one.data), one.etag, one.written, Headers(), body(), {"md5": one.etag})

    async def write(self, source: Source, guard: Guard) -> str:
        self.requests += 1
        data = b"".join([block async for block in source.body])
        check(source, hashlib.md5(data, usedforsecurity=False).hexdigest())
        self.before_write(source.key)
        there = self.held.get(source.key)
        if (there.etag if there else None) != guard.etag:
            raise ChangedError(source.key, "the target changed after it was listed")
        self.put(source.key, data, source.written, source.etag)
        return self.held[source.key].etag

    async def delete(self, key: str, etag: str) -> None:
        self.requests += 1
        await asyncio.sleep(0)  # as a server's answer does, it lets the other requests go on
        del self.held[key]

    async def close(self) -> None:
        return


def unavailable(_store: MemoryStore, key: str) -> bytes | None:
    raise ObjectError(key, "503 SlowDown", retry=True, status=503)


def denied(_store: MemoryStore, key: str) -> bytes | None:
    raise ObjectError(key, "403 AccessDenied", retry=False, status=403)


def truncated(store: MemoryStore, key: str) -> bytes | None:
    return store.held[key].data[:-1]


def flipped(store: MemoryStore, key: str) -> bytes | None:
    return bytes([store.held[key].data[0] ^ 1]) + store.held[key].data[1:]


def rewritten(store: MemoryStore, key: str) -> bytes | None:
    store.put(key, b"written while it was read")
    return None


def removed(store: MemoryStore, key: str) -> bytes | None:
    del store.held[key]
    return None
