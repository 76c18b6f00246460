"""Route 53's data plane, as far as this site uses it: the inverted health check on the flag, failover records, caches.

A health checker asks for the flag object anonymously. The check is inverted: the primary counts as healthy while the
object is *missing*. A missing answer of any other kind (the bucket's region is gone) is no flag either: stay.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import aiohttp

from localcloud.durations import Clock

INTERVAL, THRESHOLD, TTL = 10.0, 3, 60.0
"""Simulated seconds between looks of a fast health check, looks in a row that change its mind, and the record's TTL."""


@dataclass
class Names:
    """Which region the public name leads to. answer: what resolvers with a cache say, each in its own time."""

    clock: Clock
    flag_url: str
    override: str = ""
    """What a change batch wrote into the zone ("" = the failover records decide)."""
    region: str = "us-east-1"
    changed: float = field(default_factory=time.monotonic)
    previous: str = "us-east-1"
    _seen: int = 0
    looks: list[tuple[float, bool]] = field(default_factory=list)

    async def run(self) -> None:
        """Look for ever."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=4)) as session:
            while True:
                self._decide(await self._flag(session))
                await asyncio.sleep(max(0.05, self.clock.real(INTERVAL)))

    def cached(self, resolver: int) -> str:
        """What a resolver with a cache answers now: the old answer until its own copy ends (spread over the TTL)."""
        age = self.clock.real(TTL) * (0.2, 0.6, 1.0)[resolver % 3]
        return self.previous if time.monotonic() - self.changed < age else self.region

    async def _flag(self, session: aiohttp.ClientSession) -> bool | None:
        try:
            async with session.get(self.flag_url) as answer:
                return {200: True, 404: False}.get(answer.status)
        except (aiohttp.ClientError, TimeoutError):
            return None

    def _decide(self, flag: bool | None) -> None:
        wanted = self.override or ("us-west-2" if flag else "us-east-1")
        if flag is None and not self.override:
            wanted = self.region
        self._seen = self._seen + 1 if wanted != self.region else 0
        if wanted != self.region and (self._seen >= THRESHOLD or self.override):
            self.previous, self.region, self.changed, self._seen = self.region, wanted, time.monotonic(), 0
