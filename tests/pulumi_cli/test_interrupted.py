"""Killed runs and two operators."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from recovery.arm.catalogue import CATALOGUE
from tests.pulumi_cli.conftest import Bench, enlarge

SLOW = {"path": "virtualMachineScaleSets", "method": "PUT", "door": "arm", "latency": 28.0}


def run_records(bench: Bench) -> list[dict[str, object]]:
    folder = Path(bench.environment["DR_HOME"]) / "runs"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def begin_slow_up(bench: Bench) -> subprocess.Popen[str]:
    """`dr up -s active`, caught in the middle of the scale set's update."""
    bench.cloud.control("POST", "faults", SLOW)
    running = bench.begin("up", "-s", "active", "--yes")
    bench.wait_for(lambda: running.poll() is not None or bench.lock_files("active"))
    bench.wait_for(lambda: running.poll() is not None or pending(bench))
    assert running.poll() is None, running.communicate()
    return running


def pending(bench: Bench) -> bool:
    """Is an operation on the scale set under way, by Pulumi's own checkpoint?"""
    path = Path(urlsplit(bench.environment["PULUMI_BACKEND_URL"]).path)
    text = (path / ".pulumi/stacks/standby/active.json").read_text()
    return (
        '"pending_operations"' in text and "VirtualMachineScaleSet" in text.split('"pending_operations"')[1]
    )


def cli_pid(bench: Bench) -> int:
    (record,) = run_records(bench)
    cli = record["cli"]
    assert isinstance(cli, dict)
    return int(cli["pid"])


def test_a_cli_killed_in_the_middle_leaves_a_lock_that_only_resume_takes_after_proving_the_owner_dead(
    ready: Bench,
) -> None:
    """facts.md: a killed `pulumi up` leaves its lock and pending operations; import would drop them silently."""
    running = begin_slow_up(ready)
    alive = ready.dr("resume", "--yes")
    assert alive.code == 4, alive.said
    assert "not dead" in alive.err

    os.kill(cli_pid(ready), signal.SIGKILL)
    _, said = running.communicate(timeout=240)
    assert running.returncode == 1, said
    assert "dr resume" in said
    assert ready.lock_files("active")
    ready.cloud.control("DELETE", "faults")

    refused = ready.dr("handover", "active", "standby")
    assert refused.code == 4, refused.said
    assert "dr resume" in refused.err

    resumed = ready.dr("resume", "--yes")
    assert resumed.code == 0, resumed.said
    assert ready.dials()["mode"] == "active"
    assert ready.dials()["capacity"] == 2
    assert ready.lock_files("active") == []
    clean = ready.pulumi("preview", "-s", "active", "--expect-no-changes")
    assert clean.code == 0, clean.said
    first = run_records(ready)[0]
    assert first["outcome"] == "finished by dr resume"
    assert "is gone" in json.dumps(first["resumed"])
    again = ready.dr("resume")
    assert again.code == 0
    assert "Nothing to resume" in again.out


def test_a_whole_run_killed_with_its_cli_is_resumed_once_its_lease_has_ended(ready: Bench) -> None:
    """The lease of a dead process ends within 60 s; until then resume waits."""
    from clouds.azure.lease import footprint_blob
    from clouds.endpoints import load

    running = begin_slow_up(ready)
    os.kill(running.pid, signal.SIGKILL)
    os.kill(cli_pid(ready), signal.SIGKILL)
    running.communicate(timeout=240)
    ready.cloud.control("DELETE", "faults")

    held = ready.dr("resume", "--yes")
    assert held.code == 4, held.said
    journal = ready.exported("standby")["deployment"]["resources"][0]["outputs"]["journal"]
    blob = footprint_blob(ready.arm, journal, load(ready.environment).storage_key)
    assert blob is not None
    from azure.storage.blob import BlobLeaseClient

    BlobLeaseClient(blob).break_lease(0)  # as if its seconds had passed
    resumed = ready.dr("resume", "--yes")
    assert resumed.code == 0, resumed.said
    assert ready.dials()["mode"] == "active"


LATER = {"path": "networkSecurityGroups/nsg-later", "method": "PUT", "door": "arm"}


@pytest.mark.parametrize("fate", ["came to exist", "never arrived"])
def test_a_create_that_was_under_way_is_taken_in_when_it_came_to_exist_and_made_again_when_not(
    ready: Bench, fate: str
) -> None:
    """pulumi.com, interrupted updates: the engine does not know which of the two it was, and asks a person; we look."""
    enlarge(ready)
    ready.cloud.control(
        "POST", "faults", {**LATER, **({"latency": 8.0} if fate == "came to exist" else {"timeout": 60.0})}
    )
    mark = ready.request_mark()
    running = ready.begin("up", "-s", "standby", "--yes", "--allow", "create")
    path = Path(urlsplit(ready.environment["PULUMI_BACKEND_URL"]).path)
    state = path / ".pulumi/stacks/standby/standby.json"
    ready.wait_for(
        lambda: (
            running.poll() is not None
            or "nsg-later" in state.read_text().partition('"pending_operations"')[2]
        )
    )
    assert running.poll() is None, running.communicate()
    os.kill(cli_pid(ready), signal.SIGKILL)
    running.communicate(timeout=240)
    if fate == "came to exist":
        ready.wait_for(lambda: any("nsg-later" in one for one in ready.writes(mark)))
    ready.cloud.control("DELETE", "faults")
    resumed = ready.dr("resume", "--yes")
    assert resumed.code == 0, resumed.said
    assert ("taken in" in resumed.err) == (fate == "came to exist"), resumed.said
    names = [r["urn"].rpartition("::")[2] for r in ready.exported("standby")["deployment"]["resources"]]
    assert names.count("nsg-later") == 1
    clean = ready.pulumi("preview", "-s", "standby", "--expect-no-changes")
    assert clean.code == 0, clean.said
    id_ = ready.id_of("azure-native:network:NetworkSecurityGroup", "nsg-later")
    ready.arm.delete(id_, CATALOGUE["azure-native:network:NetworkSecurityGroup"].api_version)


def test_ctrl_c_gives_pulumis_lock_and_ours_back(ready: Bench) -> None:
    """An interrupted up can simply be run again."""
    running = begin_slow_up(ready)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=240)
    assert running.returncode == 4, said
    assert ready.lock_files("active") == []
    ready.cloud.control("DELETE", "faults")
    again = ready.dr("up", "-s", "active", "--yes")
    assert again.code == 0, again.said
    assert ready.dials()["mode"] == "active"


def test_of_two_operators_on_both_stacks_one_acts_and_the_other_is_told_who_holds_the_lock(
    ready: Bench,
) -> None:
    """Pulumi's own lock is per stack: it does not keep the two stacks apart."""
    running = begin_slow_up(ready)
    second = ready.dr("up", "-s", "standby", "--yes")
    assert second.code == 4, second.said
    assert f"process {running.pid}" in second.err
    assert "up -s active" in second.err
    ready.cloud.control("DELETE", "faults")
    _, said = running.communicate(timeout=400)
    assert running.returncode == 0, said
    assert ready.dials()["mode"] == "active"


@pytest.mark.parametrize("verb", ["up", "handover"])
def test_a_locked_source_is_refused(ready: Bench, verb: str) -> None:
    """Somebody else's bare `pulumi up` holds Pulumi's lock: nothing of ours goes around it."""
    locks = (
        Path(urlsplit(ready.environment["PULUMI_BACKEND_URL"]).path)
        / ".pulumi/locks/organization/standby/standby"
    )
    locks.mkdir(parents=True, exist_ok=True)
    lock = {
        "pid": os.getpid(),
        "username": "ops",
        "hostname": os.uname().nodename,
        "timestamp": "2026-11-22T04:05:35Z",
    }
    (locks / "0.json").write_text(json.dumps(lock))
    args = ("handover", "standby", "active") if verb == "handover" else ("up", "-s", "standby", "--yes")
    refused = ready.dr(*args)
    (locks / "0.json").unlink()
    assert refused.code == 4, refused.said
    assert f"pid {os.getpid()}" in refused.err
