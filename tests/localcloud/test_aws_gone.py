"""AWS can be taken away as a whole and given back: its public addresses, and its services behind one door."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

import localcloud
from localcloud.aws.door import STATE_PATH, Door
from localcloud.primary import ADDRESSES
from recovery.errors import BadInput, Failed
from scripts import local


class Quiet(WSGIRequestHandler):
    """No line a request."""

    def log_request(self, *_given: object) -> None:
        return


def behind(_environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """What stands for the services behind the door."""
    start("200 OK", [("Content-Length", "4")])
    return [b"kept"]


@pytest.fixture
def port() -> Iterator[int]:
    """A door of its own, with something behind it that always answers."""
    server = make_server("127.0.0.1", 0, Door(behind, "1", "us-east-1"), True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def ask(port: int, method: str = "GET", path: str = "/bucket", body: str = "", wait: float = 20.0) -> str:
    """The status and the body of one answer. wait: seconds."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=wait)
    try:
        link.request(method, path, body or None)
        answer = link.getresponse()
        return f"{answer.status} {answer.read().decode()}"
    finally:
        link.close()


def test_a_region_that_is_down_cuts_the_connection_and_what_it_held_is_there_when_it_is_back(
    port: int,
) -> None:
    """ACT-2: AWS wholly unreachable, and back for the rollback."""
    assert ask(port) == "200 kept"
    ask(port, "PUT", STATE_PATH, "down")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(port)
    ask(port, "PUT", STATE_PATH, "up")
    assert ask(port) == "200 kept"


def test_a_region_that_hangs_says_nothing_at_all(port: int) -> None:
    """ACT-2: whoever asks must have a time limit of its own."""
    ask(port, "PUT", STATE_PATH, "hanging")
    with pytest.raises(TimeoutError):
        ask(port, wait=0.3)


def test_a_region_that_hung_cuts_the_connection_in_the_end(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ACT-2: no connection is held for ever."""
    monkeypatch.setattr("localcloud.aws.door.HANGING_SECONDS", 0.01)
    ask(port, "PUT", STATE_PATH, "hanging")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(port)


def test_the_door_refuses_a_state_that_it_does_not_know_and_stays_as_it_was(port: int) -> None:
    """What the local cloud does not model it refuses."""
    assert ask(port, "PUT", STATE_PATH, "sulking").startswith("400 ")
    assert ask(port) == "200 kept"


def test_the_public_addresses_go_with_the_services(cloud: localcloud.LocalCloud) -> None:
    """`dr local aws STATE` takes both away together, as on the day."""
    try:
        assert cloud.control("PUT", "aws", {"state": "down"})["services"] == "down"
        assert cloud.control("GET", "primary") == dict.fromkeys(ADDRESSES, "down")
        with pytest.raises(Failed, match="state is one of up, down, hanging"):
            cloud.control("PUT", "aws", {"state": "failing"})
        assert cloud.control("GET", "primary") == dict.fromkeys(ADDRESSES, "down")
    finally:
        cloud.control("PUT", "aws", {"state": "up"})
    assert cloud.control("GET", "primary") == dict.fromkeys(ADDRESSES, "up")


def test_the_verb_takes_aws_away_and_gives_it_back(
    cloud: localcloud.LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """`dr local aws down|up` as typed."""
    folder = str(cloud.state)
    try:
        assert local.main(["aws", "down", "--state", folder]) == 0
        assert "down" in capsys.readouterr().out
        assert cloud.control("GET", "primary") == dict.fromkeys(ADDRESSES, "down")
    finally:
        assert local.main(["aws", "up", "--state", folder]) == 0
    assert cloud.control("GET", "primary") == dict.fromkeys(ADDRESSES, "up")


def test_the_verb_refuses_a_state_that_it_does_not_know(cloud: localcloud.LocalCloud) -> None:
    """Bad input changes nothing."""
    with pytest.raises(BadInput, match="known: up, down, hanging"):
        local.main(["aws", "failing", "--state", str(cloud.state)])
    assert cloud.control("GET", "primary") == dict.fromkeys(ADDRESSES, "up")


def test_the_verb_says_that_no_cloud_is_up(tmp_path: Path) -> None:
    """Nothing is faked: no cloud, no AWS to take away."""
    with pytest.raises(BadInput, match="no local cloud is up"):
        local.main(["aws", "down", "--state", str(tmp_path)])
