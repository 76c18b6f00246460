"""A client that writes and reads back through the public names, for ever: what it was told is what must be there at the end.

It finds the API through each caching resolver in turn, so it meets cached answers of every age. A write counts as
acknowledged when the API answered 201; everything else (refused while writes are frozen, no answer) is known to the
client and no promise. Most images are new; every few it writes one of a handful of names again, so that two sides can
come to hold different versions of one image.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from clouds.dns_resolvers import ask
from clouds.endpoints import Endpoints, Resolver

TIMEOUT = 6.0
HOT = 3
"""Names that are written again and again."""
IMAGE = b"\x89PNG\r\n\x1a\n"
"""What a PNG begins with: the converter takes nothing but images."""
AGAIN = 4
"""Every so manyth write goes to one of them."""


@dataclass(frozen=True)
class Written:
    """One write. began, at: seconds on the client's clock, at its start and its answer. status None: no answer, `error`.
    back: what the read back on the same address found ("same", "other", or why it found nothing)."""

    name: str
    digest: str
    began: float
    at: float
    resolver: str
    address: str
    status: int | None
    side: str = ""
    back: str = ""
    error: str = ""

    @property
    def acknowledged(self) -> bool:
        """Was the client told that it is kept?"""
        return self.status == 201


@dataclass
class Writer:
    """host: the API's public name. prefix: of all names it writes. interval: real seconds between writes."""

    endpoints: Endpoints
    host: str
    prefix: str = "client"
    interval: float = 0.25
    clock: Callable[[], float] = time.monotonic
    writes: list[Written] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin, one daemon thread a resolver."""
        for number, resolver in enumerate(self.endpoints.resolvers):
            thread = threading.Thread(
                target=self._go, args=(resolver, number), daemon=True, name=f"writer-{number}"
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End, after the writes that are under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT)

    def acknowledged(self) -> list[Written]:
        """What must be there at the end."""
        return [one for one in list(self.writes) if one.acknowledged]

    def _go(self, resolver: Resolver, number: int) -> None:
        count = 0
        while not self._stop.wait(self.interval):
            count += 1
            again = count % AGAIN == 0
            name = (
                f"{self.prefix}/hot-{count // AGAIN % HOT}.img"
                if again
                else f"{self.prefix}/{number}-{count}.img"
            )
            self.writes.append(
                self.once(resolver, name, IMAGE + f"{self.prefix} {number} {count} {time.time_ns()}".encode())
            )

    def once(self, resolver: Resolver, name: str, data: bytes) -> Written:
        """One write and its read back. Never raises for anything that DNS or the network does."""
        began = self.clock()
        digest = hashlib.sha256(data).hexdigest()
        answer = ask(self.host, "A", resolver, TIMEOUT)
        if not answer.known or not answer.values:
            why = answer.reason or "the name leads nowhere"
            return Written(name, digest, began, self.clock(), resolver.name, "", None, error=why)
        address = answer.values[0]
        status, side, _, error = call(self.endpoints, self.host, address, "PUT", name, data)
        at, back = self.clock(), ""
        if status == 201:
            found, _, body, why = call(self.endpoints, self.host, address, "GET", name)
            same = found == 200 and hashlib.sha256(body).hexdigest() == digest
            back = "same" if same else "other" if found == 200 else why or str(found)
        return Written(name, digest, began, at, resolver.name, address, status, side, back, error)


def call(
    endpoints: Endpoints, host: str, address: str, method: str, name: str, data: bytes = b""
) -> tuple[int | None, str, bytes, str]:
    """(status, who answered, body, error) of one request for an image on a connection of its own."""
    target, port = endpoints.dial(address, 443)
    local = address in endpoints.edge
    kind = http.client.HTTPConnection if local else http.client.HTTPSConnection
    connection = kind(target, port, timeout=TIMEOUT)
    try:
        headers = {"Host": host, "Content-Type": "image/jpeg"}
        connection.request(method, f"/images/{name}", data or None, headers)
        reply = connection.getresponse()
        return reply.status, reply.headers.get("X-Cloud", ""), reply.read(), ""
    except (OSError, http.client.HTTPException) as error:
        return None, "", b"", f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def unexplained(
    acknowledged: Sequence[Written],
    history: Callable[[str], Sequence[str]],
    conflicts: frozenset[str] | set[str],
    carried: float,
    had: Callable[[str, str], bool] = lambda name, digest: False,
    live: str = "primary",
) -> list[Written]:
    """Acknowledged writes that are neither what stands there now, nor knowingly replaced, nor listed as a conflict.

    history: name -> SHA-256 of every version that ever stood on the live side, oldest first; the last stands there now.
    conflicts: SHA-256 of every version that is listed. carried: the moment (client's clock) until which all that the live
    side had acknowledged was on the other side before that took writes. had: (name, SHA-256) -> did a run see that version on
    both sides? What was in flight at the freeze is answered after `carried` and may be there all the same. live: the side that
    is the origin in the end.

    A version that stood there is knowingly replaced by the live side's next write: that client wrote over what it could
    read. Where the sync put the next one there, it must be the other side's next version of the same, or of one that the
    other side had. What never stood there was written over by a client of its own side. Anything else is a write that one
    side overwrote without anybody knowing. (Times alone cannot tell: what is acknowledged while the reverse sync lists is
    carried or not, as it happens.)
    """
    by_name: dict[str, list[Written]] = {}
    for one in acknowledged:
        by_name.setdefault(one.name, []).append(one)
    found: list[Written] = []
    for name, writes in by_name.items():
        stood, known = list(history(name)), {one.digest: one for one in writes}
        fine = {one.digest for one in writes if one.digest in conflicts}
        fine |= {
            one.digest
            for one in writes
            if one.digest in stood
            and _followed(one, stood, known, one.at <= carried or had(name, one.digest), live)
        }
        while True:  # what a client replaced by something that is accounted for is accounted for
            more = {
                one.digest
                for one in writes
                if one.digest not in fine
                and one.side != live
                and one.digest not in stood
                and any(other.digest in fine and _after(one, other) for other in writes)
            }
            if not more:
                break
            fine |= more
        found += [one for one in writes if one.digest not in fine]
    return found


def _followed(
    one: Written, stood: Sequence[str], known: Mapping[str, Written], carried: bool, live: str
) -> bool:
    """Does it stand there now, or did what came next know of it? carried: was it on the other side as well?"""
    last = len(stood) - 1 - stood[::-1].index(one.digest)
    if last == len(stood) - 1:
        return True
    other = known.get(stood[last + 1])
    if other is None:
        return False
    if other.side == live:
        return True  # a client wrote over what stood there
    return carried if one.side == live else _after(one, other)


def _after(one: Written, other: Written) -> bool:
    """Was `other` written on the same side, and not before it?"""
    return other.side == one.side and other.at > one.began
