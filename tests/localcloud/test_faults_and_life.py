"""Faults on demand, and that nothing outlives its starter (must hold in general)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx
import pytest

import localcloud
from localcloud.durations import TABLE
from recovery.errors import BadInput, Failed
from tests.localcloud.azure import Azure, until
from tests.localcloud.conftest import SCALE

VNET = "Microsoft.Network/virtualNetworks/faulty"


def test_a_fault_answers_as_told_as_often_as_told(azure: Azure) -> None:
    """429 with Retry-After, once, for one method and path."""
    azure.cloud.control(
        "POST",
        "faults",
        {
            "path": "/virtualNetworks/faulty",
            "method": "GET",
            "status": 429,
            "code": "TooManyRequests",
            "retryAfter": 7,
            "times": 1,
        },
    )
    first, second = azure.send("GET", VNET), azure.send("GET", VNET)
    assert (first.status_code, first.headers["Retry-After"], first.json()["error"]["code"]) == (
        429,
        "7",
        "TooManyRequests",
    )
    assert second.status_code == 404
    assert azure.send("GET", azure.group).status_code == 200


def test_a_connection_can_be_cut_or_left_without_an_answer(azure: Azure) -> None:
    """Timeouts and broken connections."""
    azure.cloud.control("POST", "faults", {"path": "/virtualNetworks/faulty", "drop": True, "times": 1})
    with pytest.raises(httpx.TransportError):
        azure.send("GET", VNET)
    azure.cloud.control("POST", "faults", {"path": "/virtualNetworks/faulty", "timeout": 30, "times": 1})
    with pytest.raises(httpx.TimeoutException):
        azure.send("GET", VNET, timeout=0.2)


def test_an_answer_can_be_lost_after_the_change_was_made(azure: Azure) -> None:
    """A PUT that took effect but whose answer was a 500: running it again must be fine."""
    path = "Microsoft.ManagedIdentity/userAssignedIdentities/id"
    azure.cloud.control(
        "POST",
        "faults",
        {"path": "/userAssignedIdentities/id", "method": "PUT", "status": 500, "after": True, "times": 1},
    )
    assert azure.send("PUT", path, {"location": "westeurope"}).status_code == 500
    assert azure.get(path)["name"] == "id"


def test_faults_and_latency_are_taken_back(azure: Azure) -> None:
    """A control that is wrong is refused; one that is deleted has no effect."""
    made = azure.cloud.control("POST", "faults", {"path": "/", "status": 500})
    assert azure.send("GET", azure.group).status_code == 500
    azure.cloud.control("DELETE", f"faults/{made['id']}")
    assert azure.send("GET", azure.group).status_code == 200
    with pytest.raises(Failed):
        azure.cloud.control("POST", "faults", {"path": "(", "status": 500})
    with pytest.raises(Failed):
        azure.cloud.control("PUT", "primary", {"state": "sleepy"})
    azure.cloud.control("PUT", "latency", {"reads": 0.05})
    started = time.monotonic()
    azure.send("GET", azure.group)
    assert time.monotonic() - started >= 0.05
    with pytest.raises(Failed):
        azure.cloud.control("GET", "nothing")


def test_the_controls_want_the_token(azure: Azure) -> None:
    """Loopback is shared by everybody on the machine."""
    answer = azure.http.get("/_local/status", headers={"Authorization": "Bearer guess"})
    assert answer.status_code == 401


def test_every_duration_has_a_source_and_a_p95_above_its_median(azure: Azure) -> None:
    """Design: one dated table, unsourced rows say assumed."""
    shown = azure.cloud.control("GET", "durations")
    assert shown["scale"] == SCALE
    assert {r["operation"] for r in shown["rows"]} == set(TABLE)
    for row in TABLE.values():
        assert row.source
        assert 0 < row.median <= row.p95


def test_endpoints_and_environment_are_what_the_tools_read(
    cloud: localcloud.LocalCloud, azure: Azure
) -> None:
    """Architecture: endpoints.json has Endpoints' fields; env is shell assignments."""
    assert azure.endpoints.name == "local"
    assert set(azure.endpoints.edge) == {
        "203.0.113.10",
        "203.0.113.11",
        "203.0.113.12",
        "203.0.113.13",
        "192.0.2.10",
        "192.0.2.11",
        *(f"203.0.113.{n}:80" for n in (10, 11, 12, 13)),
    }
    script = f"set -a; . {cloud.env_file}; env"
    said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout  # noqa: S603  our own script
    for key, value in cloud.environment.items():
        assert f"{key}={value}\n" in said
    assert cloud.environment["PULUMI_BACKEND_URL"].startswith("file:///")
    for file in (cloud.env_file, cloud.endpoints_file, cloud.state / "server.json"):
        assert file.stat().st_mode & 0o077 == 0, "it holds keys"


def test_a_second_cloud_in_the_same_folder_is_refused(cloud: localcloud.LocalCloud) -> None:
    """Two would write the same files."""
    with pytest.raises(BadInput, match="already"):
        localcloud.start(cloud.state, SCALE)
    found = localcloud.running(cloud.state)
    assert found is not None
    assert found.pid == cloud.pid
    with pytest.raises(BadInput):
        localcloud.start(cloud.state, 0)


def _gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _with_instances(state: Path) -> tuple[localcloud.LocalCloud, list[int]]:
    cloud = localcloud.start(state, 6000, bare=True)
    azure = Azure(cloud)
    azure.make_group()
    vnet = azure.network()
    azure.put(
        "Microsoft.Network/applicationGateways/agw", azure.gateway_body(vnet, azure.public_address()["id"])
    )
    azure.put("Microsoft.Compute/virtualMachineScaleSets/vmss", azure.scale_set_body(vnet, 2))
    pids = [i["pid"] for i in cloud.control("GET", "instances")]
    azure.close()
    assert len(pids) == 2
    return cloud, pids


def test_nothing_is_left_running_after_stop(tmp_path: Path) -> None:
    """After `make rehearse` nothing it started is left running."""
    cloud, pids = _with_instances(tmp_path / "cloud")
    cloud.stop()
    assert all(_gone(pid) for pid in (*pids, cloud.pid))
    assert localcloud.running(tmp_path / "cloud") is None


@pytest.mark.skipif(
    sys.platform != "linux", reason="children notice the end of their stdin; prctl is Linux's"
)
def test_nothing_is_left_running_after_the_server_was_killed(tmp_path: Path) -> None:
    """kill -9 of the server ends its children."""
    cloud, pids = _with_instances(tmp_path / "cloud")
    os.kill(cloud.pid, signal.SIGKILL)
    until(lambda: all(_gone(pid) for pid in pids))
    cloud.stop()
    assert localcloud.running(tmp_path / "cloud") is None


def test_the_server_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    """kill -9 of a rehearsal ends its local cloud."""
    script = textwrap.dedent(f"""
        import pathlib, time, localcloud
        cloud = localcloud.start(pathlib.Path({str(tmp_path / "cloud")!r}), 6000, with_parent=True, bare=True)
        print(cloud.pid, flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as starter:  # noqa: S603  our own script
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert not _gone(pid)
        starter.kill()
    until(lambda: _gone(pid))


def test_the_page_about_the_local_cloud_has_every_duration() -> None:
    """Design: the dated table is what every report refers to."""
    page = (Path(localcloud.__file__).parent.parent / "docs" / "local-cloud.md").read_text()
    for row in TABLE.values():
        assert f"| {row.operation} | {row.median:g} | {row.p95:g} | {row.source} |" in page
