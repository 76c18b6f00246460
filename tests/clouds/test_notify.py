"""Channels through the real library, against receivers on loopback: a webhook, a mail server, and one that is down."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from clouds.notify import OUTBOX, Channel, channels, deliver
from recovery.messages.texts import Facts, render

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library's own, and its markdown's

FACTS = Facts("r1", "failover", "us-east-1", "no answer", "03:00", "03:01", "03:16", "03:14")
MESSAGE = render("external-first", "pt", FACTS)


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[int]:
    """Its port, while it serves."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])  # type: ignore[index]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Mail(socketserver.StreamRequestHandler):
    """As much SMTP (RFC 5321) as it takes to be handed a message."""

    taken: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    text += part
                self.taken.append(text.decode())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


def test_a_webhook_is_given_subject_and_text() -> None:
    """COMM-2: sent on the official channels, by URL in the settings."""
    taken: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with served(ThreadingHTTPServer(("127.0.0.1", 0), Hook)) as port:
        done = deliver(Channel("status page", f"json://127.0.0.1:{port}/hook"), MESSAGE)
    assert done.sent, done.reason
    assert taken[0]["title"] == MESSAGE.subject
    assert "03:14 UTC" in taken[0]["message"]


def test_a_mail_server_is_handed_the_message() -> None:
    """COMM-1: e-mail to stakeholders, in Portuguese as it was written."""
    Mail.taken.clear()
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)
    server.daemon_threads = True
    with served(server) as port:
        done = deliver(
            Channel("e-mail", f"mailto://127.0.0.1:{port}/team@demay.com?from=dr@demay.com"), MESSAGE
        )
    assert done.sent, done.reason
    assert "team@demay.com" in Mail.taken[0]
    assert "Subject:" in Mail.taken[0]


def test_a_channel_that_is_down_is_an_answer_and_names_no_secret() -> None:
    """A channel that is down never stops a failover; its URL may hold a token."""
    done = deliver(Channel("chat", "json://token-of-ours@127.0.0.1:9/"), MESSAGE)
    assert not done.sent
    assert done.reason
    assert "token-of-ours" not in done.reason


def test_a_channel_without_its_secret_is_in_trouble_and_the_others_are_not(tmp_path: Path) -> None:
    """Secrets come from the environment; a forgotten one is said for each message and holds nothing up."""
    (tmp_path / "Pulumi.yaml").write_text("name: standby\nruntime: python\n")
    held = {
        "internal": [
            {"name": "chat", "url": "slack://${CHAT_TOKEN}"},
            {"name": "page", "url": "json://127.0.0.1:9/"},
        ]
    }
    (tmp_path / "Pulumi.standby.yaml").write_text(json.dumps({"config": {"standby:channels": held}}))
    found = channels(tmp_path, "internal", {"DR_HOME": str(tmp_path / "home")})
    assert [one.name for one in found] == [OUTBOX, "chat", "page"]
    assert "CHAT_TOKEN" in found[1].trouble
    assert "CHAT_TOKEN" in deliver(found[1], MESSAGE).reason
    assert deliver(found[0], MESSAGE).sent
    assert MESSAGE.subject in (tmp_path / "home" / OUTBOX / "internal.jsonl").read_text()
