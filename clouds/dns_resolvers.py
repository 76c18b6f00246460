"""What caching resolvers answer for a name, now: addresses with the time left to live, "no such name", or
unknown.

Plain recursive queries, so an answer comes out of the resolver's cache as any client's would (ACT-4, BACK-4).
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clouds.endpoints import Resolver

if TYPE_CHECKING:
    import dns.message
    import dns.name
    import dns.rdatatype

MAX_CHAIN = 8
"""CNAME hops followed by us when a resolver answers with the alias alone (RFC 1034, 3.6.2: chains are legal
but rare)."""

IN_FLIGHT = 64
"""Questions that one resolver is asked at the same time: their answers fit into a socket's buffer."""

FIRST_TRY = 0.5
"""The share of the time in which one datagram's answer is waited for before the question is asked by itself."""


@dataclass(frozen=True)
class DnsAnswer:
    """One resolver's answer for one name.

    values: addresses (or the record's data as text) in the resolver's order; empty and known means the name
    has no such record. chain: the aliases on the way. ttl: the smallest time to live left, in seconds.
    reason: why nothing is known ("" when it is).
    """

    resolver: str
    name: str
    rdtype: str
    values: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    ttl: int | None = None
    reason: str = ""

    @property
    def known(self) -> bool:
        """False: the resolver gave no usable answer, so nothing may be concluded from it."""
        return not self.reason

    def __str__(self) -> str:
        if not self.known:
            return f"{self.resolver}: {self.name} unknown ({self.reason})"
        said = ", ".join(self.values) or "no such record"
        left = "" if self.ttl is None else f" (TTL {self.ttl} s)"
        return f"{self.resolver}: {self.name} {said}{left}"


@dataclass
class _Question:
    """One question on its way along the aliases. kind: dnspython's rdatatype of `rdtype`; current: the next name to ask."""

    resolver: str
    name: str
    rdtype: str
    kind: dns.rdatatype.RdataType
    current: dns.name.Name
    chain: list[str] = field(default_factory=list)
    ttls: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, resolver: Resolver, name: str, rdtype: str) -> _Question:
        """Raises DNSException for what is no name."""
        import dns.name
        import dns.rdatatype

        return cls(resolver.name, name, rdtype, dns.rdatatype.from_text(rdtype), dns.name.from_text(name))

    def at(self, resolver: Resolver) -> _Question:
        """The same question, not yet asked, for another resolver."""
        return _Question(resolver.name, self.name, self.rdtype, self.kind, self.current)

    def message(self) -> dns.message.Message:
        """The query for the name that it has come to."""
        import dns.message

        return dns.message.make_query(self.current, self.kind)

    def _answer(self, values: tuple[str, ...] = (), ttl: int | None = None, reason: str = "") -> DnsAnswer:
        return DnsAnswer(self.resolver, self.name, self.rdtype, values, tuple(self.chain), ttl, reason)

    def unknown(self, reason: str) -> DnsAnswer:
        return self._answer(reason=reason)

    def take(self, reply: dns.message.Message) -> DnsAnswer | None:
        """What this reply settles; None: it holds aliases alone, and `current` is the next name to ask for."""
        import dns.rcode
        import dns.rdatatype

        code = reply.rcode()
        if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return self.unknown(dns.rcode.to_text(code))
        # One answer may hold the whole chain, in any order (RFC 1034, 4.3.2): walk it as far as it goes.
        records = {(rrset.name, rrset.rdtype): rrset for rrset in reply.answer}
        before = len(self.chain)
        while len(self.chain) <= MAX_CHAIN:
            found = records.get((self.current, self.kind))
            if found is not None:
                values = tuple(str(item).rstrip(".") for item in found)
                return self._answer(values, min([*self.ttls, found.ttl]))
            alias = records.get((self.current, dns.rdatatype.CNAME))
            if alias is None:
                break
            self.ttls.append(alias.ttl)
            self.current = alias[0].target
            self.chain.append(str(self.current).rstrip(".").lower())
        # NXDOMAIN at the end of a chain speaks of its last name (RFC 6604); no alias at all means no such record.
        if code == dns.rcode.NXDOMAIN or len(self.chain) == before:
            return self._answer(ttl=min(self.ttls, default=None))
        return None


def ask(name: str, rdtype: str, resolver: Resolver, timeout: float = 1.0) -> DnsAnswer:
    """One resolver's answer, aliases followed to the end. timeout: real seconds over the whole chain. Never
    raises.

    UDP first, TCP when truncated. SERVFAIL, REFUSED, a timeout or a malformed message are unknown; NXDOMAIN
    and an empty answer are known: the name leads nowhere.
    """
    import dns.exception
    import dns.query

    deadline = time.monotonic() + timeout
    try:
        question = _Question.of(resolver, name, rdtype)
    except dns.exception.DNSException as error:
        return DnsAnswer(resolver.name, name, rdtype, reason=f"not a name: {error}")
    while len(question.chain) <= MAX_CHAIN:
        left = deadline - time.monotonic()
        if left <= 0:
            return question.unknown(f"no answer within {timeout:g} s")
        try:
            reply, _ = dns.query.udp_with_fallback(
                question.message(), resolver.address, timeout=left, port=resolver.port, ignore_errors=True
            )
        except dns.exception.Timeout:
            return question.unknown(f"no answer within {timeout:g} s")
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return question.unknown(f"{type(error).__name__}: {error}")
        if (answer := question.take(reply)) is not None:
            return answer
    return question.unknown(f"more than {MAX_CHAIN} aliases in a row")


def ask_all(
    names: Sequence[str], rdtype: str, resolvers: Sequence[Resolver], timeout: float = 1.0
) -> list[DnsAnswer]:
    """Every name at every resolver, at the same time; ordered by name, then resolver.

    timeout: real seconds for each question, over its whole chain. One datagram from one socket settles nearly all of them;
    what it does not (lost, truncated, half a chain) is asked by itself in the time that is left.
    """
    pairs = [(name, resolver) for name in names for resolver in resolvers]
    if not pairs:
        return []
    began = time.monotonic()
    with ThreadPoolExecutor(min(32, len(pairs)), thread_name_prefix="dns") as pool:
        queries = _queries(names, rdtype, resolvers[0])
        first = [pool.submit(_by_datagram, queries, one, timeout * FIRST_TRY) for one in resolvers]
        settled = {
            (name, r): a
            for r, done in zip(resolvers, first, strict=True)
            for name, a in done.result().items()
        }
        rest = max(timeout * FIRST_TRY, timeout - (time.monotonic() - began))
        open = [pair for pair in pairs if pair not in settled]
        late = pool.map(lambda pair: ask(pair[0], rdtype, pair[1], rest), open)
        settled |= dict(zip(open, late, strict=True))
    return [settled[pair] for pair in pairs]


@dataclass(frozen=True)
class _Query:
    """One name's question, made and encoded once for all resolvers."""

    question: _Question
    message: dns.message.Message
    wire: bytes


def _queries(names: Sequence[str], rdtype: str, resolver: Resolver) -> list[_Query]:
    """What can be asked by datagram: not what is no name, nor a number that is drawn twice (`ask` deals with both)."""
    import dns.exception

    found: dict[int, _Query] = {}
    for name in dict.fromkeys(names):
        with contextlib.suppress(dns.exception.DNSException):
            question = _Question.of(resolver, name, rdtype)
            message = question.message()
            found.setdefault(message.id, _Query(question, message, message.to_wire()))
    return list(found.values())


def _by_datagram(queries: Sequence[_Query], resolver: Resolver, patience: float) -> dict[str, DnsAnswer]:
    """What a single datagram's answer settles, by name. Never raises. patience: seconds that one is waited for; a
    resolver that stays silent that long is not asked on."""
    import dns.exception
    import dns.flags
    import dns.inet
    import dns.message

    settled: dict[str, DnsAnswer] = {}
    left, waiting = list(queries)[::-1], dict[int, _Query]()
    try:
        # Connected: the kernel takes datagrams of this resolver alone.
        with socket.socket(dns.inet.af_for_address(resolver.address), socket.SOCK_DGRAM) as wire:
            wire.connect((resolver.address, resolver.port))
            wire.settimeout(patience)
            while left or waiting:
                while left and len(waiting) < IN_FLIGHT:
                    wire.send(left[-1].wire)
                    waiting[left[-1].message.id] = left[-1]
                    left.pop()
                data = wire.recv(65535)
                try:
                    reply = dns.message.from_wire(data)
                except (dns.exception.DNSException, ValueError):
                    continue
                query = waiting.get(reply.id)
                if query is None or not query.message.is_response(reply):
                    continue
                del waiting[reply.id]
                if (
                    not reply.flags & dns.flags.TC
                    and (answer := query.question.at(resolver).take(reply)) is not None
                ):
                    settled[query.question.name] = answer
    except (OSError, ValueError):
        pass  # silent, refused, unreachable, no address: what is open is asked by itself, and says why
    return settled


def delegation(
    zone: str, parent: Resolver | None, resolvers: Sequence[Resolver], timeout: float = 3.0
) -> DnsAnswer:
    """Who the parent zone delegates `zone` to: the NS names of its referral. Never raises.

    parent: a server of the parent zone; None: found through the resolvers (NS of the parent, then their address).
    Asked without recursion, so that no cache and no child zone speaks for the parent (RFC 1034, 4.2.1).
    """
    import dns.exception
    import dns.flags
    import dns.message
    import dns.query
    import dns.rcode
    import dns.rdatatype

    if parent is None:
        above = zone.partition(".")[2]
        for resolver in resolvers:
            for server in ask(above, "NS", resolver, timeout).values:
                found = ask(server, "A", resolver, timeout)
                if found.known and found.values:
                    parent = Resolver(f"parent {server}", found.values[0])
                    break
            if parent is not None:
                break
    if parent is None:
        return DnsAnswer("parent", zone, "NS", reason="no resolver knows the parent zone's servers")
    query = dns.message.make_query(zone, dns.rdatatype.NS)
    query.flags &= ~dns.flags.RD
    try:
        reply, _ = dns.query.udp_with_fallback(
            query, parent.address, timeout=timeout, port=parent.port, ignore_errors=True
        )
    except (dns.exception.DNSException, OSError, EOFError) as error:
        return DnsAnswer(parent.name, zone, "NS", reason=f"{type(error).__name__}: {error}")
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return DnsAnswer(parent.name, zone, "NS", reason=dns.rcode.to_text(reply.rcode()))
    values = sorted(
        str(item).rstrip(".").lower()
        for section in (reply.authority, reply.answer)
        for rrset in section
        if rrset.rdtype == dns.rdatatype.NS and rrset.name == query.question[0].name
        for item in rrset
    )
    return DnsAnswer(parent.name, zone, "NS", tuple(dict.fromkeys(values)))
