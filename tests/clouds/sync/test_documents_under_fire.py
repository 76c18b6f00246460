"""The import through a server that breaks down as told: retried or reported, counted once, never called success (SYNC-3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from clouds.sync.cosmos import Container
from clouds.sync.importing import Imported, bring
from recovery.errors import Failed
from recovery.sync.budget import Budget
from recovery.sync.exported import Change
from recovery.sync.ids import Keys
from tests.clouds.objects.faulty import Fault, Faulty, faulty
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud
KEYS = Keys("imageId", "chunkIndex", chunks=True)
CREATE = ("POST", "/docs$")


@pytest.fixture
def breaking(site: Site) -> Iterator[tuple[Site, Faulty]]:
    with faulty(site.world.cosmos[0].rstrip("/")) as between:
        yield site, between


def changes(count: int) -> list[Change]:
    items = [
        {"imageId": {"S": f"{n}.jpg"}, "chunkIndex": {"N": "0"}, "content": {"S": "YQ=="}}
        for n in range(count)
    ]
    at = int(time.time() * 1e6)
    return [Change({k: one[k] for k in ("imageId", "chunkIndex")}, one, at) for one in items]


def bring_through(site: Site, between: Faulty, count: int) -> tuple[Imported, Budget]:
    _, database, name = site.world.cosmos
    budget = Budget(20_000)

    async def run() -> Imported:
        into = Container(between.url, f"dbs/{database}/colls/{name}", site.world.endpoints.cosmos_key, budget)
        done = Imported()
        try:
            await bring(changes(count), into, KEYS, done, fence=lambda: None)
        finally:
            await into.close()
        return done

    return asyncio.run(run()), budget


def test_throttling_5xx_and_lost_answers_are_tried_again_and_every_item_stands_once(
    breaking: tuple[Site, Faulty],
) -> None:
    """429s obeyed as the service says, 5xx and resets retried; the counts are those of the items."""
    site, between = breaking
    between.faults += [
        Fault(*CREATE, times=5, status=429, code="TooManyRequests", headers={"x-ms-retry-after-ms": "50"}),
        Fault(*CREATE, times=3, status=503, code="ServiceUnavailable"),
        Fault(*CREATE, times=3, cut=0),  # written, but the answer is lost: the next try finds it there
    ]
    done, budget = bring_through(site, between, 150)
    assert (done.problems, done.created + done.same, done.read) == ([], 150, 150)
    assert budget.throttled == 5
    assert all(fault.times == 0 for fault in between.faults)
    assert len(site.all_documents()) == 150


def test_a_lasting_refusal_is_reported_item_by_item_and_the_others_arrive(
    breaking: tuple[Site, Faulty],
) -> None:
    """Any error is counted; it may be tried again, so nothing is marked as brought."""
    site, between = breaking
    between.faults.append(Fault(*CREATE, times=2, status=403, code="Forbidden"))
    done, _ = bring_through(site, between, 40)
    assert (done.problem_count, done.unwritten, done.created) == (2, 2, 38)
    again, _ = bring_through(site, between, 40)
    assert (again.problem_count, again.created, again.same) == (0, 2, 38)


def test_an_import_with_an_error_goes_on_from_the_same_export_and_says_failed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with any error never says success; the next one brings what was left, from the export that is staged."""
    for number in range(30):
        site.item(f"{number}.jpg", 0, "YQ==")
    create, refused = Container.create, ["7.jpg"]

    async def sometimes(self: Container, partition: object, body: bytes) -> None:
        if refused and partition == refused[0]:
            refused.clear()
            raise Failed("Cosmos DB POST: 403", "x", "y")
        await create(self, partition, body)

    monkeypatch.setattr(Container, "create", sometimes)
    first = site.metadata()
    assert (int(first.code), first.counts["created"], first.counts["errors"]) == (1, 29, 1)
    second = site.metadata()
    assert (int(second.code), second.counts["errors"]) == (0, 0)
    assert len(site.all_documents()) == 30
