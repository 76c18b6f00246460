"""A client that keeps asking: it resolves the public names through each caching resolver and gets a page, for ever.

Every request is kept, also the failed ones: how a switch looked is what its clients saw, not what its operator hoped.
One thread stands for one resolver's clients, so that a hanging request never hides what the others see. A request is
tried once: no retry, no second address, no cache of its own beyond the resolver's (BACK-4).
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clouds.dns_resolvers import ask
from clouds.endpoints import Endpoints, Resolver

TIMEOUT = 2.0
"""Real seconds that a client waits for a name, and again for a page."""


@dataclass(frozen=True)
class Target:
    """GET `path` of `name`."""

    name: str
    path: str = "/"


@dataclass(frozen=True)
class Polled:
    """One request. at: seconds on the clock given; ms: name and page together. status None: none, for `error`."""

    at: float
    ms: float
    name: str
    resolver: str
    address: str
    status: int | None
    error: str = ""


def get(
    target: Target, address: str, endpoints: Endpoints, timeout: float = TIMEOUT
) -> tuple[int | None, str]:
    """(status, error) of one GET on a connection of its own: http where the local edge answers, https elsewhere."""
    local = address in endpoints.edge
    host, port = endpoints.dial(address, 443)
    connection: http.client.HTTPConnection | None = None
    try:
        plain = socket.create_connection((host, port), timeout)
        connection = http.client.HTTPConnection(target.name, port, timeout=timeout)
        connection.sock = (
            plain if local else ssl.create_default_context().wrap_socket(plain, server_hostname=target.name)
        )
        connection.request("GET", target.path, headers={"Host": target.name, "Connection": "close"})
        reply = connection.getresponse()
        reply.read()
    except (OSError, http.client.HTTPException) as error:
        return None, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    finally:
        if connection is not None:
            connection.close()
    return reply.status, ""


class Poller:
    """Polls from `start` until `stop`; `requests` may be read at any time and only ever grows.

    interval: real seconds between two requests of one resolver's client. stagger: real seconds between the beginnings
    of two clients. clock: seconds, monotonic; a rehearsal gives the one that its report uses.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        targets: Sequence[Target],
        interval: float = 0.2,
        stagger: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoints = endpoints
        self.targets = tuple(targets)
        self.interval = interval
        self.stagger = stagger or interval / max(len(endpoints.resolvers), 1)  # never in step
        self.clock = clock
        self.requests: list[Polled] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def once(self, resolver: Resolver, target: Target) -> Polled:
        """One request, start to end. Never raises for anything that DNS or the network does."""
        at = self.clock()
        answer = ask(target.name, "A", resolver, TIMEOUT)
        address = answer.values[0] if answer.values else ""
        if not answer.known:
            status, error = None, f"name not resolved: {answer.reason}"
        elif not address:
            status, error = None, "the name leads nowhere"
        else:
            status, error = get(target, address, self.endpoints)
        return Polled(at, (self.clock() - at) * 1000, target.name, resolver.name, address, status, error)

    def _client(self, resolver: Resolver, offset: int) -> None:
        if self._stop.wait(self.stagger * offset):
            return
        turn = offset
        while not self._stop.is_set():
            began = time.monotonic()
            self.requests.append(self.once(resolver, self.targets[turn % len(self.targets)]))
            turn += 1
            self._stop.wait(max(0.0, self.interval - (time.monotonic() - began)))

    def start(self) -> None:
        """Begin to poll, in daemon threads: they never hold up the end of the process."""
        for offset, resolver in enumerate(self.endpoints.resolvers):
            thread = threading.Thread(
                target=self._client, args=(resolver, offset), name=f"poll-{resolver.name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> list[Polled]:
        """End after the requests under way (at most two timeouts) and return all, in order of time."""
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT + 1)
        return sorted(self.requests, key=lambda r: r.at)


class Watch:
    """Reads values again and again and keeps every change, with its time: what a dial really was, and when.

    readings: name -> function that returns the value now, or None when it cannot be read. A reading must not raise.
    """

    def __init__(
        self,
        readings: Mapping[str, Callable[[], float | None]],
        interval: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.readings = dict(readings)
        self.interval = interval
        self.clock = clock
        self.changes: list[tuple[float, str, float | None]] = []
        self._last: dict[str, float | None] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def look(self) -> None:
        """Read each once; a value that differs from the last one is kept."""
        for name, reading in self.readings.items():
            now = reading()
            if name not in self._last or self._last[name] != now:
                self._last[name] = now
                self.changes.append((self.clock(), name, now))

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(self.interval)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> list[tuple[float, str, float | None]]:
        """End and return the changes in order of time."""
        self._stop.set()
        self._thread.join(10)
        return sorted(self.changes, key=lambda c: (c[0], c[1]))
