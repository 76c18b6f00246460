"""The mover under every fault it may meet (SYNC-1, SYNC-2, BACK-2): retried or reported, never a silent success."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from clouds.objects import mover
from clouds.objects.mover import Progress, move
from recovery.errors import Stopped
from recovery.sync.march import Entry
from recovery.sync.policies import SITE, UPLOADS, Policy, Returning
from recovery.sync.versions import Versions
from tests.clouds.objects import memory
from tests.clouds.objects.memory import MemoryStore


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mover, "PAUSE", 0.0)


def pair(count: int = 5) -> tuple[MemoryStore, MemoryStore]:
    source = MemoryStore("s3://source")
    for number in range(count):
        source.put(f"k{number:03}", b"content of %d" % number)
    return source, MemoryStore("blob:target")


def run(
    source: MemoryStore, target: MemoryStore, policy: Policy = SITE, *, fence: Callable[[], None] = lambda: None,
    max_delete: int = 10, dry_run: bool = False, keep: mover.Keep | None = None,
) -> Progress:  # fmt: skip
    return asyncio.run(
        move(source, target, policy, fence=fence, max_delete=max_delete, dry_run=dry_run, keep=keep)
    )


def contents(store: MemoryStore) -> dict[str, bytes]:
    return {key: one.data for key, one in store.held.items()}


@pytest.mark.parametrize("fault", [memory.unavailable, memory.truncated, memory.flipped, memory.rewritten])
def test_a_passing_fault_is_retried_and_the_end_is_the_same(
    fault: Callable[[MemoryStore, str], bytes | None],
) -> None:
    """Throttling, a truncated body, a wrong checksum, a source that changes while it is read."""
    source, target = pair()
    source.faults["k002"] = [fault]
    done = run(source, target)
    assert done.complete
    assert contents(target) == contents(source)


@pytest.mark.parametrize("fault", [memory.unavailable, memory.truncated, memory.flipped])
def test_a_lasting_fault_is_an_error_of_the_run_and_nothing_damaged_arrives(
    fault: Callable[[MemoryStore, str], bytes | None],
) -> None:
    """A run with any error never says success, and never stores bytes that are not the source's."""
    source, target = pair()
    source.faults["k002"] = [fault] * 20
    done = run(source, target)
    assert not done.complete
    assert done.error_count == 1
    assert "k002" not in target.held
    assert len(target.held) == 4


def test_what_is_refused_for_good_is_asked_once() -> None:
    """A denied object is no reason to ask four times."""
    source, target = pair(1)
    source.faults["k000"] = [memory.denied] * 4
    assert run(source, target).error_count == 1
    assert len(source.faults["k000"]) == 3


def test_an_object_that_vanished_after_the_listing_is_left_to_the_next_run() -> None:
    """Definitions: what changed after the cut is reported apart."""
    source, target = pair()
    source.faults["k001"] = [memory.removed]
    done = run(source, target)
    assert (done.complete, done.vanished, done.copied) == (True, 1, 4)


def test_nothing_is_deleted_after_an_error() -> None:
    """SYNC-1: obsolete objects stay when anything went wrong."""
    source, target = pair(20)
    target.put("obsolete", b"x")
    source.faults["k002"] = [memory.denied]
    done = run(source, target)
    assert "obsolete" in target.held
    assert "as there were 1 errors" in done.refused


def test_no_more_is_deleted_than_allowed_and_then_all_of_it() -> None:
    """SYNC-1: --max-delete."""
    source, target = pair(3)
    for number in range(3):
        target.put(f"old{number}", b"x")
    assert "more than --max-delete 10" in run(source, target).refused
    assert len(target.held) == 6
    done = run(source, target, max_delete=100)
    assert (done.deleted, contents(target)) == (3, contents(source))


def test_uploads_are_never_deleted() -> None:
    """SYNC-2."""
    source, target = pair(3)
    target.put("only-here", b"x")
    done = run(source, target, UPLOADS, max_delete=100)
    assert (done.complete, "only-here" in target.held) == (True, True)


def test_a_late_run_never_overwrites_a_newer_copy() -> None:
    """Fencing: the daily run listed before the watch wrote."""
    source, target = pair(1)
    target.put("k000", b"newer", written=5000.0, source_etag="other")
    done = run(source, target)
    assert target.held["k000"].data == b"newer"
    assert done.overtaken == 1


def test_a_target_written_between_listing_and_copy_is_judged_anew() -> None:
    """Fencing: the guard refuses, and the newer one stays."""
    source, target = pair(1)
    seen = []

    def meanwhile(key: str) -> None:
        if not seen:
            seen.append(key)
            target.put(key, b"written by the watch", written=9000.0, source_etag="later")

    target.before_write = meanwhile
    done = run(source, target)
    assert target.held["k000"].data == b"written by the watch"
    assert (done.overtaken, done.copied, done.complete) == (1, 0, True)


def test_a_fence_that_falls_stops_the_run_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fencing: direction and epoch are looked at before each batch."""
    monkeypatch.setattr(mover, "BATCH", 2)
    source, target = pair(6)
    asked = []

    def fence() -> None:
        asked.append(1)
        if len(asked) > 2:
            raise Stopped("the direction was changed since", "why", "fix")

    with pytest.raises(Stopped, match="changed since"):
        run(source, target, fence=fence)
    assert len(target.held) == 4


def test_a_dry_run_says_what_the_run_then_does_and_does_nothing() -> None:
    """Habit 5: the same code path."""
    source, target = pair(3)
    target.put("old", b"x")
    planned = run(source, target, dry_run=True, max_delete=100)
    assert set(target.held) == {"old"}
    done = run(source, target, max_delete=100)
    assert len(planned.would) == done.copied + done.deleted == 4


def test_a_later_run_asks_only_for_what_changed() -> None:
    """GOALS: later runs cost what changed."""
    costs = []
    for count in (50, 500):
        source, target = pair(count)
        run(source, target)
        for number in range(10):
            source.put(f"k{number:03}", b"changed")
        source.requests = target.requests = 0
        run(source, target)
        costs.append(source.requests + target.requests)
    assert costs[0] == costs[1]


def test_on_the_way_back_both_versions_of_a_conflict_are_kept_and_divergence_is_listed() -> None:
    """BACK-2: nothing that AWS accepted after the cutover is overwritten without being put aside, or deleted."""
    azure, aws = pair(3)
    aws.put("k000", b"AWS wrote it too", written=2000.0)
    aws.put("aws-only", b"x", written=2000.0)
    aside: dict[str, bytes] = {}

    async def keep(key: str, there: Entry) -> bool:
        aside[key] = aws.held[key].data
        return True

    done = run(
        azure, aws, Returning("back", replace=True, delete=True, cutover=1500.0), keep=keep, max_delete=100
    )
    assert aside == {"k000": b"AWS wrote it too"}
    assert (done.conflicts, done.diverged) == (["k000"], ["aws-only"])
    assert aws.held["k000"].data == b"content of 0"
    assert "aws-only" in aws.held


def test_on_the_way_back_only_what_both_sides_were_seen_to_have_is_deleted() -> None:
    """BACK-2: written before the cutover and never carried is AWS's own, whatever its time says."""
    azure, aws = pair(1)
    for key, written in (("gap", 1000.0), ("both", 1000.0), ("both, written again", 2000.0)):
        aws.put(key, b"x", written=written)
    common = Versions()
    for key in ("both", "both, written again"):
        common.add(key, aws.held[key].etag)
    policy = Returning("back", replace=True, delete=True, cutover=1500.0, common=common)
    done = run(azure, aws, policy, max_delete=100)
    assert done.diverged == ["both, written again", "gap"]
    assert (done.deleted, sorted(aws.held)) == (1, ["both, written again", "gap", "k000"])


def test_on_the_way_back_our_own_older_copy_never_goes_over_what_aws_wrote_since() -> None:
    """BACK-2: the source holds only a copy of what AWS had; AWS's later write is listed and stays."""
    azure, aws = pair(1)
    azure.held["k000"].source_etag = "what AWS had"
    aws.put("k000", b"AWS wrote it later", written=2000.0)

    async def keep(key: str, there: Entry) -> bool:
        raise AssertionError("nothing is to be overwritten")

    done = run(azure, aws, Returning("back", replace=True, delete=False, cutover=1500.0), keep=keep)
    assert aws.held["k000"].data == b"AWS wrote it later"
    assert (done.diverged, done.copied, done.complete) == (["k000"], 0, True)
