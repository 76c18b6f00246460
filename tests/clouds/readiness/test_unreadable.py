"""Each source of evidence denied, silent and garbled: unknown, exit code 5, never ready (habit 4).

`asks` in the registry says which sources a check reads; a check that still said ready without one of them would be caught.
"""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clouds.journal_place import paths
from recovery.exit_codes import ExitCode
from recovery.readiness.model import Verdict, exit_code
from recovery.readiness.registry import CHECKS
from tests.clouds.readiness.standing import Standing

pytestmark = pytest.mark.localcloud
LIMIT = 4.0
"""Real seconds for each probe here: the silent ones need not be waited for longer."""


@contextmanager
def liar(kind: str) -> Iterator[str]:
    """A server that answers everything with 403, with nothing, or with garbage. Yields host:port."""
    server = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                one, _ = server.accept()
            except OSError:
                return
            held.append(one)
            if kind == "silent":
                continue
            one.settimeout(1)
            try:
                one.recv(65536)
                text = b"<AccessDenied/>" if kind == "denied" else b"\x00\xff not what was asked for"
                status = b"403 Forbidden" if kind == "denied" else b"200 OK"
                head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(text))
                one.sendall(head + text)
            except OSError:
                pass
            one.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)
        for one in held:
            one.close()


DOORS: dict[str, dict[str, Any]] = {
    "denied": {"status": 403, "code": "AuthorizationFailed", "message": "no"},
    "silent": {"timeout": 30},
    "garbled": {"status": 200, "body": "<html>a proxy's page</html>"},
}


@contextmanager
def door(s: Standing, name: str, kind: str) -> Iterator[dict[str, str]]:
    away = s.fault(door=name, path=".*", **DOORS[kind])
    try:
        yield s.environ
    finally:
        away()


@contextmanager
def endpoint(
    s: Standing, kind: str, change: Callable[[dict[str, Any], str], None], tmp: Path
) -> Iterator[dict[str, str]]:
    """Another endpoints file, in which one address is a liar's."""
    with liar(kind) as where:
        held = json.loads(Path(s.environ["DR_ENDPOINTS"]).read_text())
        change(held, where)
        file = tmp / "endpoints.json"
        file.write_text(json.dumps(held))
        yield {**s.environ, "DR_ENDPOINTS": str(file)}


@contextmanager
def dns(s: Standing, kind: str) -> Iterator[dict[str, str]]:
    fault = (
        {"timeout": 30} if kind == "silent" else {"body": None}
    )  # SERVFAIL is what DNS says for both others
    away = s.fault(door="dns", path=".*", **fault)
    try:
        yield s.environ
    finally:
        away()


@contextmanager
def files(paths_: list[Path], kind: str) -> Iterator[None]:
    """denied: a folder where a file is expected (root may read everything); garbled: no JSON."""
    copies = [(p, p.read_bytes()) for p in paths_]
    for path in paths_:
        path.unlink()
        if kind == "denied":
            path.mkdir()
        else:
            path.write_bytes(b"\x00\xff{ not what was written")
    try:
        yield
    finally:
        for path, data in copies:
            if path.is_dir():
                shutil.rmtree(path)
            path.write_bytes(data)


@contextmanager
def unreadable(s: Standing, source: str, kind: str, tmp: Path) -> Iterator[dict[str, str]]:
    if source in ("arm", "blob", "web", "cosmos", "scm", "vault"):
        with door(s, source, kind) as environ:
            yield environ
    elif source == "dns":
        with dns(s, kind) as environ:
            yield environ
    elif source == "tls":

        def tls(held: dict[str, Any], where: str) -> None:
            held["tls"] = dict.fromkeys(held["tls"], where)

        with endpoint(s, kind, tls, tmp) as environ:
            yield environ
    elif source == "aws":

        def aws(held: dict[str, Any], where: str) -> None:
            held["aws_url"] = f"http://{where}"

        with endpoint(s, kind, aws, tmp) as environ:
            yield environ
    elif source == "backend":
        with files([s.checkpoint_file("active")], kind):
            yield s.environ
    elif source == "journal":
        with files([paths(s.root, s.environ)[0]], kind):
            yield s.environ
    elif source == "settings":
        s.other_settings(tmp / "settings", lambda _text: "\x00 {not: [yaml")
        try:
            yield s.environ
        finally:
            s.settings = None


SOURCES = sorted({source for check in CHECKS for source in check.asks} - {"environment", "channels"})
"""An environment cannot be denied, and a channel that does not answer is a finding, not a lack of one."""

CASES = [
    (source, kind)
    for source in SOURCES
    for kind in DOORS
    if (source, kind) not in {("backend", "silent"), ("journal", "silent"), ("settings", "silent"), ("settings", "denied"), ("journal", "garbled")}
]  # fmt: skip
"""Files do not keep anybody waiting. A garbled journal is damage, which is seen (test_faults)."""


@pytest.mark.parametrize(("source", "kind"), CASES)
def test_evidence_that_cannot_be_read_is_unknown_and_never_ready(
    standing: Standing, tmp_path: Path, source: str, kind: str
) -> None:
    asked = [check.id for check in CHECKS if source in check.asks]
    standing.quiet()
    with unreadable(standing, source, kind, tmp_path) as environ:
        results = standing.ask(*asked, environ=environ, limit=LIMIT, heartbeat=False)
    wrong = {
        id: f"{r.verdict}: {r.sentence}" for id, r in results.items() if r.verdict is not Verdict.UNKNOWN
    }
    assert wrong == {}
    assert exit_code([r.verdict for r in results.values()]) is ExitCode.UNOBSERVED
    assert all(r.fix and r.sentence for r in results.values())


def test_every_check_asks_something_that_can_be_made_unreadable() -> None:
    covered = {check.id for check in CHECKS for source in check.asks if source in SOURCES}
    assert covered == {check.id for check in CHECKS} - {"outside"}
