"""An export's lines as documents, and a file's documents sent by several processes as by one."""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import time
from collections.abc import Iterator
from typing import Any

import pytest

from clouds.sync.converting import batches
from clouds.sync.importing import BATCH, Imported, InOrder
from clouds.sync.metadata import target
from clouds.sync.sending import SMALL, Into, Senders
from recovery.errors import Failed, Stopped
from recovery.sync.budget import Budget
from recovery.sync.exported import BadExportError, Manifest
from recovery.sync.ids import Keys
from tests.clouds.sync.site import Site

KEYS = Keys("imageId", "chunkIndex", chunks=True)
COUNT = 1_050
OF = Manifest("e", 1_767_582_000.0, None, COUNT, ())


def lines(count: int, bad: int = -1) -> Iterator[bytes]:
    """Every thousandth item has a type that DynamoDB does not have."""
    for number in range(count):
        if number == bad:
            yield b"{"
        else:
            item = {"imageId": {"S": f"{number // 3}.jpg"}, "chunkIndex": {"N": str(number % 3)}}
            yield json.dumps(
                {"Item": item | ({} if number % 1000 else {"content": {"X": "no such type"}})}
            ).encode()


def test_lines_become_batches_and_what_cannot_be_converted_is_counted() -> None:
    """SYNC-3: an item that no document can hold is reported, not dropped."""
    done = Imported()
    made = list(batches(lines(COUNT), OF, KEYS, done))
    assert all(0 < len(batch.ready) <= BATCH for batch in made)
    assert [batch.upto for batch in made] == sorted(batch.upto for batch in made)
    assert (done.read, done.problem_count, done.unwritten) == (COUNT, 2, 0)
    assert len({one.id for batch in made for one in batch.ready}) == COUNT - 2


def test_lines_that_an_earlier_run_has_written_are_not_converted_again() -> None:
    """GOALS: a killed run goes on at its checkpoint within the file."""
    done = Imported()
    made = list(batches(lines(1700), OF, KEYS, done, skip=600))
    assert (done.read, made[-1].upto) == (1700, 1700)
    assert sum(len(batch.ready) for batch in made) == 1700 - 600 - 1, "one of them cannot be converted"


def test_a_checkpoint_names_only_what_is_written_with_all_before_it() -> None:
    """GOALS: a killed run resumes to the same end, whatever order its pieces ended in."""
    said: list[int] = []

    async def mark(upto: int) -> None:
        said.append(upto)

    async def go() -> None:
        order, done = InOrder(mark), Imported()
        await order.finished(1, 200, done)
        await order.finished(2, 300, done)
        assert said == []
        await order.finished(0, 100, done)
        await order.finished(3, 400, done)
        done.problem("one could not be written")
        await order.finished(4, 500, done)

    asyncio.run(go())
    assert said == [300, 400]


def send(into: Into, given: Iterator[bytes], **how: Any) -> tuple[Imported, list[int], Budget]:
    senders, done, marks, budget = Senders(into, 2), Imported(), list[int](), Budget(into.rate)

    async def mark(upto: int) -> None:
        marks.append(upto)

    async def go() -> None:
        await senders.bring(given, OF, KEYS, done, budget, on_mark=mark, **{"fence": lambda: None, **how})

    try:
        asyncio.run(go())
    finally:
        senders.close()
    return done, marks, budget


@pytest.mark.localcloud
def test_two_processes_bring_what_one_would_and_only_once(site: Site) -> None:
    """GOALS: the import near-linear in cores must not change what is imported, nor drop what cannot be converted."""
    into = target(site.world)
    done, marks, budget = send(into, lines(COUNT))
    assert (done.read, done.created, done.problem_count, done.unwritten) == (COUNT, COUNT - 2, 2, 0)
    assert marks == sorted(marks)
    assert marks[-1] == COUNT
    assert (budget.requests, budget.throttled) >= (COUNT - 2, 0)
    assert budget.spent > COUNT
    held = site.all_documents()
    again, marks, _ = send(into, lines(COUNT), skip=400)
    assert (again.read, again.created, again.same) == (COUNT, 0, COUNT - 400 - 1)
    assert site.all_documents() == held


@pytest.mark.localcloud
def test_the_fence_and_a_damaged_line_stop_the_senders(site: Site) -> None:
    """SYNC-3: the fence is asked before each piece; nothing of an export that is not what it says may pass for all of it."""

    def closed() -> None:
        raise Stopped("the direction was turned", "why", "fix")

    into = target(site.world)
    with pytest.raises(Stopped):
        send(into, lines(COUNT), fence=closed)
    assert site.all_documents() == {}
    with pytest.raises(BadExportError):
        send(into, lines(COUNT, bad=COUNT - 1))


def test_a_sender_that_was_killed_is_a_failure_and_no_success() -> None:
    """GOALS: a run killed at any point, also in one of its processes, never says that it is complete."""

    calls = itertools.count()

    def deadly() -> None:
        """The first piece starts the processes; whoever asks next kills them."""
        if next(calls) == 0:
            return
        for _ in range(3000):
            if children := multiprocessing.active_children():
                for child in children:
                    child.kill()
                return
            time.sleep(0.01)

    with pytest.raises(Failed, match="was killed"):
        send(Into("http://127.0.0.1:9", "dbs/d/colls/c", "a2V5", 1_000.0), lines(COUNT), fence=deadly)


@pytest.mark.parametrize(
    ("rate", "items", "worth"), [(400, 10**6, False), (40_000, SMALL, False), (40_000, 10**6, True)]
)
def test_processes_are_started_only_where_one_does_not_keep_up(
    rate: float, items: int, worth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GOALS: near-linear in cores, and no process without a use."""
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert Senders(Into("http://127.0.0.1:9", "p", "a2V5", rate)).worth(items) is worth
