"""The two-stack lock, on a real Azurite: one holder, told apart from a dead one, lost before the next change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clouds.azure.lease import Holder, Lease, account_name, blob_client, process_started, read_holder
from recovery.errors import Stopped, Unobserved

ROOT = Path(__file__).parents[3]
ENTRY = "azurite/dist/src/azurite.js"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def azurite_entry() -> Path | None:
    entry = ROOT / "localcloud/data/node/node_modules" / ENTRY
    return entry if entry.exists() else None


@pytest.fixture(scope="module")
def blob_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Azurite's Blob service on a free port."""
    entry, node = azurite_entry(), shutil.which("node")
    if entry is None or node is None:
        pytest.skip("Azurite or Node is not installed (make test installs both)")
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    blob = entry.parent / "blob/main.js"
    place = tmp_path_factory.mktemp("azurite")
    process = subprocess.Popen(  # noqa: S603 (a fixed program)
        [node, str(blob), "--blobPort", str(port), "--blobHost", "127.0.0.1", "--location", str(place), "--silent",
         "--skipApiVersionCheck", "--disableTelemetry"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    endpoint = f"http://127.0.0.1:{port}/devstoreaccount1/"
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("Azurite did not start")
        yield endpoint
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def blob(blob_endpoint: str) -> Iterator[Any]:
    """A lock blob of its own, in a container of its own."""
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.storage.blob import ContainerClient

    name = f"journal{time.monotonic_ns()}"
    credential = AzureNamedKeyCredential("devstoreaccount1", KEY)
    with ContainerClient(blob_endpoint.rstrip("/"), name, credential=credential) as container:
        container.create_container()
    with blob_client(blob_endpoint, name, KEY) as client:
        yield client


def lease(blob: Any, command: str = "dr up -s active", **options: Any) -> Lease:
    return Lease(blob, Holder.me(command), seconds=15, **options)


def test_the_second_one_is_told_who_holds_it_and_what_to_do(blob: Any) -> None:
    """Two operators, both stacks at once: one acts, the other is told who holds the lock."""
    with lease(blob, "dr up -s active # ação"):
        with pytest.raises(Stopped) as refusal:
            lease(blob, "dr up -s standby").acquire()
        assert "dr up -s active # ação" in refusal.value.summary
        assert str(os.getpid()) in refusal.value.summary
        assert "dr resume" in refusal.value.fix
        assert refusal.value.retry
    with lease(blob, "dr up -s standby") as second:
        second.check()


def test_only_one_of_many_who_ask_at_once_gets_it(blob: Any) -> None:
    won: list[Lease] = []
    refused: list[Stopped] = []

    def ask() -> None:
        try:
            won.append(lease(blob).acquire())
        except Stopped as error:
            refused.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 5)
    won[0].release()


def test_it_is_released_with_the_outcome_when_the_work_fails(blob: Any) -> None:
    with pytest.raises(RuntimeError, match="it broke"), lease(blob):
        raise RuntimeError("it broke")
    holder = read_holder(blob)
    assert holder is not None
    assert not holder.leased
    assert holder.ended
    assert "it broke" in holder.outcome


def test_it_is_renewed_while_its_holder_lives(blob: Any) -> None:
    with lease(blob, renew_every=0.1) as held:
        renewed = held._renewed
        deadline = time.monotonic() + 10
        while held._renewed == renewed and time.monotonic() < deadline:
            time.sleep(0.05)
        assert held._renewed > renewed
        held.check()


def test_a_lock_taken_away_is_noticed_and_stops_the_holder(blob: Any) -> None:
    from azure.storage.blob import BlobLeaseClient

    told = threading.Event()
    held = lease(blob, renew_every=0.1, on_lost=lambda reason: told.set()).acquire()
    BlobLeaseClient(blob).break_lease(lease_break_period=0)
    assert told.wait(10)
    with pytest.raises(Stopped, match="was lost"):
        held.check()
    held.release()
    with lease(blob) as other:
        other.check()


def test_a_holder_that_slept_too_long_does_not_trust_its_lock(blob: Any) -> None:
    """A laptop's sleep: the renewing thread had no chance to notice."""
    now = [0.0]
    held = lease(blob, renew_every=3600, clock=lambda: now[0]).acquire()
    held.check()
    now[0] = 14.0
    with pytest.raises(Stopped, match="last renewed 14 s ago"):
        held.check()
    held.release()


def test_a_killed_holder_is_known_to_be_dead(blob: Any) -> None:
    """kill -9 of a run: its lock ends by itself, and `dr resume` is named."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    held = Lease(blob, Holder.me("dr up -s active", child.pid), seconds=15).acquire()
    seen = read_holder(blob)
    assert seen is not None
    assert seen.alive() is True
    child.kill()
    child.wait()
    assert seen.alive() is False
    with pytest.raises(Stopped, match="that process is gone"):
        lease(blob).acquire()
    held.release()


def test_an_unreachable_lock_is_unknown_not_free() -> None:
    """Without the lock nobody can say whether another run is changing the footprint."""
    with blob_client("http://127.0.0.1:9/devstoreaccount1", "journal", KEY) as nowhere:
        nowhere._config.retry_policy.total_retries = 0
        with pytest.raises(Unobserved, match="cannot be reached"):
            lease(nowhere).acquire()
        with pytest.raises(Unobserved, match="cannot be reached"):
            read_holder(nowhere)


def test_a_lock_that_was_never_taken_has_no_holder(blob: Any) -> None:
    assert read_holder(blob) is None


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)


@given(texts, texts, st.integers(0, 2**22), st.booleans())
def test_who_holds_it_survives_the_metadata(person: str, command: str, pid: int, leased: bool) -> None:
    """Metadata are HTTP headers: ASCII alone, keys in any case."""
    holder = Holder("host", pid, "b-1", person, command, "2026-01-01T00:00:00+00:00", leased=leased)
    metadata = holder.to_metadata()
    assert all(v.isascii() and v.isprintable() for v in metadata.values())
    assert Holder.from_metadata({k.upper(): v for k, v in metadata.items()}, leased) == holder


def test_a_process_is_told_from_a_later_one_with_its_number() -> None:
    me = Holder.me("x")
    assert me.alive() is True
    later = Holder(me.host, me.pid, "another-start", "", "x")
    assert later.alive() is False
    assert Holder("elsewhere", me.pid).alive() is None
    assert process_started(os.getpid()) == process_started(os.getpid())


@pytest.mark.parametrize(
    ("endpoint", "account"),
    [
        ("https://stdemaydr.blob.core.windows.net/", "stdemaydr"),
        ("http://127.0.0.1:10000/stdemaydr/", "stdemaydr"),
    ],
)
def test_the_account_is_read_from_the_endpoint(endpoint: str, account: str) -> None:
    assert account_name(endpoint) == account
