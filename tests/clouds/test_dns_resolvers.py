"""Resolvers asked over real sockets: aliases followed, caches believed, and silence called unknown."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest
from dnslib import CNAME, QTYPE, RCODE, RR, A, DNSHeader, DNSQuestion, DNSRecord
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


def test_asked_together_or_alone_a_name_gets_the_same_answer(resolver: Resolver) -> None:
    """ACT-4, DRIFT: one socket for many questions is a matter of speed alone."""
    names = [*TABLE, "nowhere.example", "a..b", "demay.com"]
    assert ask_all(names, "A", [resolver]) == [ask(name, "A", resolver) for name in names]


class Bad(socketserver.BaseRequestHandler):
    """A resolver on a bad line: the first datagram of each name is lost, and a stranger's answer comes before the right one."""

    asked: ClassVar[set[str]] = set()

    def handle(self) -> None:
        data, line = self.request
        query = DNSRecord.parse(data)
        name = str(query.q.qname)
        if name not in self.asked:
            self.asked.add(name)
            return
        forged = DNSRecord(DNSHeader(id=query.header.id, qr=1), q=DNSQuestion("other.example"))
        forged.add_answer(RR("other.example", QTYPE.A, rdata=A("198.51.100.66"), ttl=60))
        line.sendto(forged.pack(), self.client_address)
        line.sendto(b"no message at all", self.client_address)
        reply = query.reply()
        reply.add_answer(RR(name, QTYPE.A, rdata=A("192.0.2.10"), ttl=60))
        line.sendto(reply.pack(), self.client_address)


def test_a_lost_datagram_is_asked_for_again_and_a_strangers_answer_is_not_believed() -> None:
    """DRIFT: neither becomes a finding."""
    Bad.asked.clear()
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Bad) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        names = [f"r{i}.example" for i in range(100)]
        for name in names[:70]:
            Bad.asked.add(f"{name}.")  # these come through at once
        answers = ask_all(
            names, "A", [Resolver("bad line", "127.0.0.1", server.server_address[1])], timeout=2.0
        )
        server.shutdown()
        thread.join(5)
    assert {(a.known, a.values) for a in answers} == {(True, ("192.0.2.10",))}
