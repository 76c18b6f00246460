"""What caching resolvers answer for a name, now: addresses with the time left to live, "no such name", or
unknown.

Plain recursive queries, so an answer comes out of the resolver's cache as any client's would (ACT-4, BACK-4).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clouds.endpoints import Resolver

MAX_CHAIN = 8
"""CNAME hops followed by us when a resolver answers with the alias alone (RFC 1034, 3.6.2: chains are legal
but rare)."""


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


def ask(name: str, rdtype: str, resolver: Resolver, timeout: float = 1.0) -> DnsAnswer:
    """One resolver's answer, aliases followed to the end. timeout: real seconds over the whole chain. Never
    raises.

    UDP first, TCP when truncated. SERVFAIL, REFUSED, a timeout or a malformed message are unknown; NXDOMAIN
    and an empty answer are known: the name leads nowhere.
    """
    import dns.exception
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype

    kind = dns.rdatatype.from_text(rdtype)
    chain: list[str] = []
    ttls: list[int] = []
    deadline = time.monotonic() + timeout

    def unknown(reason: str) -> DnsAnswer:
        return DnsAnswer(resolver.name, name, rdtype, (), tuple(chain), None, reason)

    try:
        current = dns.name.from_text(name)
    except dns.exception.DNSException as error:
        return unknown(f"not a name: {error}")
    while len(chain) <= MAX_CHAIN:
        left = deadline - time.monotonic()
        if left <= 0:
            return unknown(f"no answer within {timeout:g} s")
        query = dns.message.make_query(current, kind)
        try:
            reply, _ = dns.query.udp_with_fallback(
                query, resolver.address, timeout=left, port=resolver.port, ignore_errors=True
            )
        except dns.exception.Timeout:
            return unknown(f"no answer within {timeout:g} s")
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return unknown(f"{type(error).__name__}: {error}")
        code = reply.rcode()
        if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return unknown(dns.rcode.to_text(code))
        # One answer may hold the whole chain, in any order (RFC 1034, 4.3.2): walk it as far as it goes.
        records = {(rrset.name, rrset.rdtype): rrset for rrset in reply.answer}
        before = len(chain)
        while len(chain) <= MAX_CHAIN:
            found = records.get((current, kind))
            if found is not None:
                values = tuple(str(item).rstrip(".") for item in found)
                return DnsAnswer(resolver.name, name, rdtype, values, tuple(chain), min([*ttls, found.ttl]))
            alias = records.get((current, dns.rdatatype.CNAME))
            if alias is None:
                break
            ttls.append(alias.ttl)
            current = alias[0].target
            chain.append(str(current).rstrip(".").lower())
        # NXDOMAIN at the end of a chain speaks of its last name (RFC 6604); no alias at all means no such
        # record.
        if code == dns.rcode.NXDOMAIN or len(chain) == before:
            return DnsAnswer(resolver.name, name, rdtype, (), tuple(chain), min(ttls) if ttls else None)
    return unknown(f"more than {MAX_CHAIN} aliases in a row")


def ask_all(
    names: Sequence[str], rdtype: str, resolvers: Sequence[Resolver], timeout: float = 1.0
) -> list[DnsAnswer]:
    """Every name at every resolver, at the same time; ordered by name, then resolver."""
    pairs = [(name, resolver) for name in names for resolver in resolvers]
    if not pairs:
        return []
    with ThreadPoolExecutor(min(32, len(pairs)), thread_name_prefix="dns") as pool:
        return list(pool.map(lambda pair: ask(pair[0], rdtype, pair[1], timeout), pairs))


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
