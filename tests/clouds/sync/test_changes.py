"""Change-driven runs, the continuous sync and its gaps, and what the clouds' alarms are told (SYNC-1 to SYNC-4, RPO)."""

from __future__ import annotations

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from clouds.sync import changes, published, watching
from clouds.sync.outcome import Outcome
from recovery.errors import Failed, Stopped
from recovery.exit_codes import ExitCode
from recovery.journal.direction import Direction
from recovery.sync import signals
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud
CHANGED, FEW, MANY = (int(n) for n in os.environ.get("DR_TEST_CHANGES", "12,20,120").split(","))
"""Changes, objects of the small and of the large bucket; `DR_TEST_CHANGES=100,1000,10000` is the row of GOALS."""


def full(site: Site) -> None:
    """A full run, noted as `dr sync uploads` notes it."""
    at = time.time()
    assert asyncio.run(site.carry("uploads")).code is ExitCode.CLEAN
    changes.Followed(site.world.journal).store("uploads", site.directions.read().epoch, at)


def by_changes(site: Site) -> Outcome:
    now = site.directions.read()
    return changes.run(site.world, "uploads", fence=site.directions.fence(Direction.FORWARD), epoch=now.epoch)


def fill(site: Site, numbers: range, data: bytes) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: site.upload(f"u/{n:06}.jpg", b"%d" % n + data), numbers))


def test_a_run_costs_what_changed_however_many_objects_there_are(site: Site) -> None:
    """GOALS: equal requests for as many changes among few and among ten times as many objects."""
    spent: list[int] = []
    for count in (FEW, MANY):
        fill(site, range(count), b"old")
        full(site)
        drained = by_changes(site)
        assert drained.counts["copied"] == 0, "the full run has carried them: their events find them equal"
        fill(site, range(CHANGED), b"new %d" % count)
        done = by_changes(site)
        assert (done.code, done.counts["copied"], done.counts["looked"]) == (ExitCode.CLEAN, CHANGED, CHANGED)
        spent.append(done.counts["requests"])
        assert site.blob_contents("uploads") == site.bucket()
    print(f"requests for {CHANGED} changes: {spent[0]} among {FEW}, {spent[1]} among {MANY} objects")
    assert spent[0] == spent[1]


def test_events_without_a_full_run_behind_them_or_too_old_are_refused(site: Site) -> None:
    """Change-driven only after the first full run of this epoch, and only while the queue still has all events."""
    site.upload("a.jpg", b"a")
    with pytest.raises(Stopped, match="no full run"):
        by_changes(site)
    full(site)
    assert by_changes(site).code is ExitCode.CLEAN
    site.directions.turn(Direction.OFF, "a test", "x")
    site.directions.turn(Direction.FORWARD, "a test", "y")
    with pytest.raises(Stopped, match="no full run"):
        by_changes(site)
    changes.Followed(site.world.journal).store("uploads", 3, time.time() - 5 * 86400)
    with pytest.raises(Stopped, match="the queue keeps 96 h"):
        by_changes(site)


def test_what_could_not_be_carried_stays_in_the_queue_and_is_no_success(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with any error never says success, and its events come again."""
    full_of = site.source.uploadsBucket
    site.upload("first.jpg", b"x")
    full(site)
    by_changes(site)
    site.upload("a.jpg", b"a")

    async def broken(*_: object) -> int:
        from clouds.objects.model import ObjectError

        raise ObjectError("a.jpg", "503", retry=False)

    async def chosen(*_: object) -> object:
        return broken

    with monkeypatch.context() as patch:
        patch.setattr("clouds.sync.changes.choose", chosen)
        patch.setattr("clouds.sync.changes.HIDDEN_SECONDS", 0)
        done = by_changes(site)
    assert (done.code, done.proofs[0].holds) == (ExitCode.FAILED, False)
    assert by_changes(site).counts["copied"] == 1
    assert site.blob_contents("uploads") == site.bucket(full_of)


def test_a_gap_longer_than_the_stream_keeps_is_seen_filled_and_only_then_forgotten(site: Site) -> None:
    """Build: after a gap longer than the stream keeps, an incremental export fills it; nothing is skipped in silence."""
    site.item("before.jpg", 0, "YQ==")
    assert site.metadata().code is ExitCode.CLEAN
    fence = site.directions.fence(Direction.FORWARD)
    watching.run(site.world, fence, lambda *_: None, seconds=0.3, poll=0.1)
    held = watching.Checkpoints(site.world.journal)
    kept = held.load()
    assert kept.looked > time.time() - 60
    long_ago = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    held.store(watching.At({"shardId-long-gone": "1"}, long_ago))
    site.item("meanwhile.jpg", 0, "Yg==")
    for _ in range(2):  # killed before it was filled, it is found again
        with pytest.raises(watching.GapError, match="48 h ago"):
            watching.run(site.world, fence, lambda *_: None, seconds=0.3, poll=0.1)
    assert site.metadata().code is ExitCode.CLEAN
    watch = watching.Watch(site.world, fence)
    watch.stream.begin_anew()
    site.item("after.jpg", 0, "Yw==")
    watching.run(site.world, fence, lambda *_: None, seconds=2.0, poll=0.1, watch=watch)
    assert sorted(d["imageId"] for d in site.all_documents().values()) == [
        "after.jpg", "before.jpg", "meanwhile.jpg",
    ]  # fmt: skip


def test_the_lag_under_steady_load_is_measured_and_stays_under_a_minute(site: Site) -> None:
    """GOALS: RPO <= 60 s with the continuous sync running; the figure that is shown is the one asserted on."""
    ends = time.monotonic() + 4.0

    def load() -> int:
        number = 0
        while time.monotonic() < ends:
            site.item(f"{number}.jpg", 0, "YQ==")
            site.upload(f"{number}.jpg", b"%d" % number)
            number += 1
            time.sleep(0.05)
        return number

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(load)
        done = watching.run(
            site.world, site.directions.fence(Direction.FORWARD), lambda *_: None, seconds=8.0, poll=0.2
        )
        written = writing.result()
    assert done.items.applied == written
    assert site.blob_contents("uploads") == site.bucket()
    assert 0 < max(done.items.worst, done.objects.worst) <= 60


def test_a_runs_end_reaches_cloudwatch_and_the_log_that_azure_collects(site: Site) -> None:
    """SYNC-4: the alarm's metric is 1 for a run that carried and proved everything, else 0; the log line has no secret."""
    said: list[str] = []
    good = Outcome("site", "forward", 1, "now", 2.5, data_age_seconds=3.0)
    bad = Outcome("site", "forward", 1, "now", errors=["https://x/y?sig=abcdefgh failed"])
    assert published.publish(site.world, good, said.append, log=True)
    assert published.publish(site.world, bad, said.append, log=True)
    assert not published.publish(site.world, Outcome("site", "reverse"), said.append, log=False)
    lines = [json.loads(text) for text in said]
    assert [(one["event"], one["succeeded"]) for one in lines] == [(signals.LOG, True), (signals.LOG, False)]
    assert "abcdefgh" not in "".join(said)
    now = datetime.now(UTC)
    found = site.world.aws("cloudwatch").get_metric_statistics(
        Namespace=signals.NAMESPACE, MetricName=signals.SUCCEEDED, Dimensions=[{"Name": "Flow", "Value": "site"}],
        StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1), Period=86400, Statistics=["Sum", "SampleCount"],
    )["Datapoints"]  # fmt: skip
    assert sum(one["Sum"] for one in found) == 1.0
    assert sum(one["SampleCount"] for one in found) == 2.0


def test_a_stream_that_does_not_answer_is_a_failure_in_words(site: Site) -> None:
    """Unknown is never success: the checkpoint stays, the command that goes on is named."""
    watch = watching.Watch(site.world, lambda: None)
    watch.stream._arn = watch.stream._arn.replace("table/", "table/not-")
    with pytest.raises(Failed, match="stream does not answer") as told:
        watch.stream.poll()
    assert "dr sync watch" in told.value.fix
