"""A scheduler's SIGTERM is an ordinary end of `dr sync`, as Ctrl-C is: in order, and with its record (SYNC-4)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from clouds.sync import records
from tests.clouds.objects.faulty import Fault, faulty
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud
PROJECT = Path(__file__).parents[3]


def started(site: Site, *argv: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.clouds.sync.verb", str(site.root), site.name, *argv],
        cwd=PROJECT, env={**os.environ, **site.environ, **environ}, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_watch_that_is_told_to_stop_ends_well_and_leaves_its_record(site: Site) -> None:
    """Continuous: the checkpoints are kept, exit code 0, and the record says what was carried."""
    site.item("cat.jpg", 0, "YWJj")
    assert site.metadata().code == 0
    with started(site, "sync", "watch", "--format", "json") as watch:
        assert watch.stderr is not None
        site.item("dog.jpg", 0, "YWJj")
        for line in watch.stderr:
            if line.startswith("items "):
                break
        watch.send_signal(signal.SIGTERM)
        said, rest = watch.communicate(timeout=60)
    assert watch.returncode == 0, rest
    record = records.latest(site.root, "watch")
    assert record is not None
    assert (record["errors"], json.loads(said)["flows"][0]["counts"]) == ([], record["counts"])
    assert {d["imageId"] for d in site.all_documents().values()} == {"cat.jpg", "dog.jpg"}


def test_a_run_that_is_told_to_stop_in_the_middle_says_so_and_leaves_its_record(site: Site) -> None:
    """It is not called a success; what was carried stays, and the same command goes on."""
    for name in ("a.jpg", "held.jpg", "z.jpg"):
        site.upload(name, name.encode())
    reached, release = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        release.wait(60)

    with faulty(site.url) as s3:
        s3.faults.append(Fault("GET|HEAD", "/held.jpg", before=hold))
        told = json.loads(Path(site.environ["DR_ENDPOINTS"]).read_text())
        endpoints = site.root / "endpoints.json"
        endpoints.write_text(json.dumps(told).replace(site.url, s3.url))
        with started(site, "sync", "uploads", DR_ENDPOINTS=str(endpoints)) as run:
            assert reached.wait(60)
            run.send_signal(signal.SIGTERM)
            _, said = run.communicate(timeout=60)
            release.set()
    assert run.returncode == 4, said
    assert "the same command goes on where this one stopped" in said
    record = records.latest(site.root, "uploads")
    assert record is not None
    assert record["errors"] == ["stopped from outside (Ctrl-C or SIGTERM)"]
    assert record["exitCode"] != 0
    with started(site, "sync", "uploads") as again:
        _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert site.blob_contents("uploads") == site.bucket()
