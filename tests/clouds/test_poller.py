"""The polling client against a real DNS server and real web servers on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from dnslib import QTYPE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSServer

from clouds.endpoints import Endpoints, Resolver
from clouds.poller import Poller, Target, Watch

PRIMARY, AZURE, DEAD = "192.0.2.10", "203.0.113.10", "198.51.100.7"


class Zone(BaseResolver):
    """Answers `address` for every name but those in `absent`."""

    address = PRIMARY
    absent: frozenset[str] = frozenset()

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        reply = request.reply()
        name = str(request.q.qname).rstrip(".")
        if name not in self.absent and request.q.qtype == QTYPE.A:
            reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(self.address), ttl=5))
        return reply


class Site(BaseHTTPRequestHandler):
    """200 for the names it knows, 404 elsewhere: the Host header must be the public name."""

    def do_GET(self) -> None:
        known = self.headers["Host"] in ("demay.com", "api.demay.com")
        self.send_response(200 if known and self.path in ("/", "/health") else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def zone() -> Zone:
    return Zone()


@pytest.fixture
def endpoints(zone: Zone) -> Iterator[Endpoints]:
    """Two resolvers on one zone; two addresses with a web server behind them and one with none."""
    dns = DNSServer(zone, address="127.0.0.1", port=0)
    dns.start_thread()
    webs = [ThreadingHTTPServer(("127.0.0.1", 0), Site) for _ in range(2)]
    threads = [threading.Thread(target=w.serve_forever, args=(0.02,), daemon=True) for w in webs]
    for thread in threads:
        thread.start()
    port = dns.server.server_address[1]
    edge = {a: f"127.0.0.1:{w.server_address[1]}" for a, w in zip((PRIMARY, AZURE), webs, strict=True)}
    edge[DEAD] = "127.0.0.1:9"
    yield Endpoints(edge=edge, resolvers=(Resolver("a", "127.0.0.1", port), Resolver("b", "127.0.0.1", port)))
    for server, thread in zip(webs, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()
    dns.stop()
    dns.server.server_close()


def ask(endpoints: Endpoints, name: str = "demay.com", path: str = "/"):  # type: ignore[no-untyped-def]  # Polled
    return Poller(endpoints, [Target(name, path)]).once(endpoints.resolvers[0], Target(name, path))


def test_a_request_keeps_where_it_was_sent_and_what_came_back(endpoints: Endpoints) -> None:
    """A client records every request."""
    seen = ask(endpoints, "api.demay.com", "/health")
    assert (seen.resolver, seen.name, seen.address, seen.status, seen.error) == (
        "a",
        "api.demay.com",
        PRIMARY,
        200,
        "",
    )
    assert seen.ms > 0


def test_an_error_page_is_kept_with_its_status(endpoints: Endpoints) -> None:
    assert ask(endpoints, path="/nowhere").status == 404


def test_a_dead_address_is_a_failed_request_with_its_reason(endpoints: Endpoints, zone: Zone) -> None:
    zone.address = DEAD
    seen = ask(endpoints)
    assert (seen.address, seen.status) == (DEAD, None)
    assert "Refused" in seen.error


def test_a_name_that_leads_nowhere_is_no_unknown(endpoints: Endpoints, zone: Zone) -> None:
    zone.absent = frozenset({"demay.com"})
    seen = ask(endpoints)
    assert (seen.address, seen.status, seen.error) == ("", None, "the name leads nowhere")


def test_a_resolver_that_does_not_answer_is_unknown_not_nowhere(endpoints: Endpoints) -> None:
    """Every request is recorded with what became of it."""
    gone = Resolver("gone", "127.0.0.1", 9)
    seen = Poller(endpoints, []).once(gone, Target("demay.com"))
    assert seen.status is None
    assert seen.error.startswith("name not resolved")


def test_clients_follow_a_switch_and_every_request_of_each_is_kept(endpoints: Endpoints, zone: Zone) -> None:
    poller = Poller(endpoints, [Target("demay.com"), Target("api.demay.com", "/health")], interval=0.02)
    poller.start()
    _until(lambda: len(poller.requests) >= 8)
    zone.address = AZURE
    _until(lambda: [r.address for r in poller.requests[-4:]] == [AZURE] * 4)
    seen = poller.stop()
    assert {(r.resolver, r.name) for r in seen} == {
        (r, n) for r in ("a", "b") for n in ("demay.com", "api.demay.com")
    }
    assert {r.address for r in seen} == {PRIMARY, AZURE}
    assert all(r.status == 200 for r in seen)
    assert [r.at for r in seen] == sorted(r.at for r in seen)
    assert len(poller.requests) == len(seen), "nothing is sent after stop"


def test_a_watch_keeps_changes_alone_and_an_unreadable_value_is_one() -> None:
    values = iter([0.0, 0.0, 2.0, None, None, 2.0])
    watch = Watch({"capacity": lambda: next(values)}, clock=lambda: 1.0)
    for _ in range(6):
        watch.look()
    assert [value for _, _, value in watch.changes] == [0.0, 2.0, None, 2.0]


def _until(seen) -> None:  # type: ignore[no-untyped-def]  # a condition
    deadline = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline, "the poller never got there"
        time.sleep(0.01)
