"""Before traffic moves to Azure by a bare command, the data stops flowing there from AWS (ACT-3, SYNC-1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from clouds.azure.arm import Arm
from clouds.gates import direction
from clouds.gates.log import GateLog
from clouds.gates.world import World
from clouds.sync.direction import BLOB
from recovery.errors import Stopped
from recovery.gates import FENCED, FORWARD
from recovery.journal.direction import Direction
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud


@pytest.fixture
def world(site: Site, tmp_path: Path) -> Iterator[World]:
    endpoints = site.world.endpoints
    arm = Arm(endpoints)
    yield World(endpoints, arm, GateLog(tmp_path / "gates.log"))
    arm.close()


@pytest.fixture
def props(site: Site) -> dict[str, str]:
    journal = next(d for d in site.declared if d.options["name"] == "storage-journal")
    return {"want": "fenced", "journalAccountId": journal.id}


def seen(props: dict[str, str], world: World) -> object:
    return direction.observe(props, world)["observed"]


def test_the_way_from_aws_is_shut_and_the_way_back_open_with_a_cutover_to_prove_against(
    site: Site, world: World, props: dict[str, str]
) -> None:
    """After it no forward run writes, and ReturnGate has a moment since which it wants the data back (BACK-2)."""
    site.upload("1.jpg", b"a picture")
    asyncio.run(site.carry("uploads"))
    assert seen(props, world) == FORWARD
    assert direction.differs({"observed": FORWARD}, props)
    assert direction.bring_about(props, world) == {"observed": FENCED}
    assert site.directions.read().direction is Direction.REVERSE
    assert site.directions.cutover() is not None
    assert seen(props, world) == FENCED
    assert not direction.differs({"observed": FENCED}, props)
    with pytest.raises(Stopped, match="reverse"):
        asyncio.run(site.carry("uploads"))


def test_killed_between_its_two_turns_it_goes_on_where_it_stopped(
    site: Site, world: World, props: dict[str, str]
) -> None:
    site.directions.turn(Direction.FORWARD, "ana", "daily")
    site.directions.turn(Direction.OFF, direction.WHO, "traffic moves to Azure")
    direction.bring_about(props, world)
    assert site.directions.read().direction is Direction.REVERSE


def test_what_a_runbook_or_a_person_turned_off_is_left_alone(
    site: Site, world: World, props: dict[str, str]
) -> None:
    """`dr failover` stops the data by its own step, and turns it round when the rollback begins."""
    site.directions.turn(Direction.FORWARD, "ana", "daily")
    before = site.directions.turn(Direction.OFF, "failover-1", "ACT-3")
    assert direction.bring_about(props, world) == {"observed": FENCED}
    assert site.directions.read() == before


def test_where_no_data_ever_flowed_nothing_is_written(
    site: Site, world: World, props: dict[str, str]
) -> None:
    site.world.journal.delete_blob(BLOB)
    before = site.directions.read()
    assert before.epoch == 0
    assert direction.bring_about(props, world) == {"observed": FENCED}
    assert site.directions.read() == before


def test_a_journal_that_cannot_be_reached_keeps_traffic_where_it_is(site: Site, world: World) -> None:
    """Unknown is a verdict, never success; data before traffic."""
    gone = site.declared[0].id + "/providers/Microsoft.Storage/storageAccounts/stnone"
    with pytest.raises(Stopped, match="cannot be read or turned") as refused:
        direction.bring_about({"journalAccountId": gone}, world)
    assert "Traffic was not moved" in refused.value.detail
    assert refused.value.retry


def test_mode_standby_wants_nothing_of_it() -> None:
    """Data flows from AWS again when a person says so: nobody else knows that all of Azure's is back."""
    for observed in (FORWARD, FENCED, "unknown"):
        assert not direction.differs({"observed": observed}, {"want": "any"})
