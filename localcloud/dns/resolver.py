"""A caching resolver: it asks the authority over the wire and keeps every answer until its TTL, in simulated time, ends."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

from dnslib import QTYPE, RCODE, RR  # type: ignore[import-untyped]  # dnslib ships no types

from localcloud.dns.names import Answer
from localcloud.dns.server import Answering, Server, ask
from localcloud.durations import Clock

_CHAIN = 8


@dataclass
class _Kept:
    records: list[RR]
    authority: list[RR]
    rcode: int
    stored: float
    ttl: int


class CachingResolver:
    """One public resolver. Negative answers are kept for min(SOA TTL, SOA minimum) (RFC 2308)."""

    def __init__(
        self,
        name: str,
        authority_port: int,
        clock: Clock,
        wrap: Callable[[Answering], Answering] = lambda answering: answering,
    ) -> None:
        """wrap: what stands between the cache and who asks (faults that were asked for)."""
        self.name = name
        self._authority, self._clock = authority_port, clock
        self._kept: dict[tuple[str, str], _Kept] = {}
        self.server = Server(wrap(self.answer), recursion=True)

    def flush(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def _age(self, kept: _Kept) -> float:
        return (self._clock.now() - kept.stored) * self._clock.scale

    async def _one(self, name: str, kind: str) -> _Kept:
        """One step: the record set, an alias in its place, or its absence; from the cache where it is fresh."""
        kept = self._kept.get((name, kind))
        if kept is not None and self._age(kept) < kept.ttl:
            return kept
        reply = await ask(self._authority, name, kind)
        here = [r for r in reply.rr if str(r.rname).rstrip(".").lower() == name]
        if here:
            kept = _Kept(here, [], RCODE.NOERROR, self._clock.now(), min(r.ttl for r in here))
        else:
            soa = [r for r in reply.auth if r.rtype == QTYPE.SOA]
            ttl = min((min(r.ttl, int(r.rdata.times[4])) for r in soa), default=0)
            kept = _Kept([], soa, reply.header.rcode, self._clock.now(), ttl)
        self._kept[name, kind] = kept
        return kept

    async def answer(self, name: str, kind: str) -> Answer:
        """The whole chain, each record with the time that it has left."""
        current = name.rstrip(".").lower()
        answer = Answer(authoritative=False)
        for _ in range(_CHAIN):
            kept = await self._one(current, kind)
            left = max(0, math.ceil(kept.ttl - self._age(kept)))
            for record in kept.records:
                shown = copy.copy(record)
                shown.ttl = left
                answer.records.append(shown)
            answer.rcode, answer.authority = kept.rcode, kept.authority
            last = kept.records[-1] if kept.records else None
            if last is None or last.rtype != QTYPE.CNAME or kind == "CNAME":
                break
            current = str(last.rdata.label).rstrip(".").lower()
        return answer
