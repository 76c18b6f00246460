"""Resolvers asked over real sockets: aliases followed, caches believed, and silence called unknown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dnslib import CNAME, QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSServer

from clouds.dns_resolvers import ask, ask_all
from clouds.endpoints import Resolver


class Zone(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """Answers from a table: name -> list of (type, value, ttl), or a response code."""

    table: dict[str, object] = {}  # noqa: RUF012 (replaced as a whole by the fixture)

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        reply = request.reply()
        found = self.table.get(str(request.q.qname).rstrip("."), "NXDOMAIN")
        if isinstance(found, str):
            reply.header.rcode = getattr(RCODE, found)
            return reply
        assert isinstance(found, list)
        for name, kind, value, ttl in found:
            data = A(value) if kind == "A" else CNAME(value)
            reply.add_answer(RR(name, getattr(QTYPE, kind), rdata=data, ttl=ttl))
        return reply


TABLE = {
    "demay.com": [("demay.com", "A", "192.0.2.10", 60), ("demay.com", "A", "192.0.2.11", 60)],
    "api.demay.com": [
        ("gw.example", "A", "203.0.113.10", 20),  # out of order on purpose
        ("api.demay.com", "CNAME", "GW.example", 47),
    ],
    "www.demay.com": [("www.demay.com", "CNAME", "hop.example", 30)],
    "hop.example": [("hop.example", "CNAME", "gw.example", 50)],
    "gw.example": [("gw.example", "A", "203.0.113.10", 20)],
    "loop.example": [("loop.example", "CNAME", "loop.example", 5)],
    "broken.example": "SERVFAIL",
    "refused.example": "REFUSED",
    "empty.example": [],
    "dangling.example": [("dangling.example", "CNAME", "gone.example", 9)],
}


@pytest.fixture(scope="module")
def resolver() -> Iterator[Resolver]:
    zone = Zone()
    zone.table = dict(TABLE)
    server = DNSServer(zone, address="127.0.0.1", port=0)
    server.start_thread()
    yield Resolver("here", "127.0.0.1", server.server.server_address[1])
    server.server.shutdown()
    server.server.server_close()
    server.thread.join(5)


@pytest.mark.parametrize(
    ("name", "values", "chain", "ttl"),
    [
        ("demay.com", {"192.0.2.10", "192.0.2.11"}, (), 60),
        ("api.demay.com", {"203.0.113.10"}, ("gw.example",), 20),
        ("www.demay.com", {"203.0.113.10"}, ("hop.example", "gw.example"), 20),
        ("empty.example", set(), (), None),
        ("nowhere.example", set(), (), None),
        ("dangling.example", set(), ("gone.example",), 9),
    ],
)
def test_an_alias_is_followed_to_its_addresses_with_the_smallest_ttl(
    resolver: Resolver, name: str, values: set[str], chain: tuple[str, ...], ttl: int | None
) -> None:
    """ACT-4."""
    answer = ask(name, "A", resolver)
    assert answer.known, answer
    assert (set(answer.values), answer.chain, answer.ttl) == (values, chain, ttl)


def test_an_alias_can_be_asked_for_itself(resolver: Resolver) -> None:
    assert ask("api.demay.com", "CNAME", resolver).values == ("GW.example",)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken.example", "SERVFAIL"),
        ("refused.example", "REFUSED"),
        ("loop.example", "aliases"),
        ("a..b", "not a name"),
    ],
)
def test_an_answer_that_proves_nothing_is_unknown(resolver: Resolver, name: str, reason: str) -> None:
    """BACK-4: unknown is not drained."""
    answer = ask(name, "A", resolver)
    assert not answer.known
    assert reason in answer.reason
    assert answer.values == ()


def test_a_silent_resolver_is_unknown_and_does_not_hold_up_the_others(resolver: Resolver) -> None:
    """ACT-4: three independent resolvers, one of them out of reach."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        quiet = Resolver("quiet", "127.0.0.1", silent.getsockname()[1])
        answers = ask_all(["demay.com", "gw.example"], "A", [resolver, quiet], timeout=0.3)
    assert [(a.name, a.resolver, a.known) for a in answers] == [
        ("demay.com", "here", True),
        ("demay.com", "quiet", False),
        ("gw.example", "here", True),
        ("gw.example", "quiet", False),
    ]
