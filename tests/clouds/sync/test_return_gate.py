"""The gate of the way back reads the journal as the sync has written it (BACK-2)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from clouds.azure.arm import Arm
from clouds.gates.log import GateLog
from clouds.gates.returning import prove_returned
from clouds.gates.world import World
from clouds.sync import records
from recovery.errors import Stopped
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud


def test_traffic_goes_back_only_when_a_reverse_run_of_each_flow_has_proved_itself_since_the_cutover(
    site: Site, tmp_path: Path
) -> None:
    journal = next(d for d in site.declared if d.options["name"] == "storage-journal")
    endpoints = site.world.endpoints
    world = World(endpoints, Arm(endpoints), GateLog(tmp_path / "gates.log"))
    props = {"journalAccountId": journal.id}
    prove_returned(props, world)  # nobody has turned the direction: a bare `pulumi up` meets no new refusal
    site.item("1.jpg", 0, "QVdT")
    site.upload("1.jpg", b"a picture")
    for outcome in (site.metadata(), asyncio.run(site.carry("uploads"))):
        records.write(site.root, site.world.journal, outcome.flow, outcome.to_json())
    site.fail_over()
    with pytest.raises(Stopped, match="uploads: no run from Azure to AWS") as refused:
        prove_returned(props, world)
    assert "dr rollback" in refused.value.fix
    time.sleep(1.1)  # a record's name has the second, and the newest is looked at
    back = [site.metadata(reverse=True), asyncio.run(site.carry("uploads", reverse=True))]
    for outcome in back[:1]:
        records.write(site.root, site.world.journal, outcome.flow, outcome.to_json())
    with pytest.raises(Stopped, match="uploads: no run from Azure to AWS"):
        prove_returned(props, world)
    records.write(site.root, site.world.journal, back[1].flow, back[1].to_json())
    prove_returned(props, world)
    site.directions.owe("freeze uploads", "AWS did not answer")
    with pytest.raises(Stopped, match="owed to AWS: freeze uploads"):
        prove_returned(props, world)
    world.arm.close()  # type: ignore[attr-defined]


def test_a_journal_that_cannot_be_read_keeps_traffic_where_it_is(site: Site, tmp_path: Path) -> None:
    """Unknown is a verdict, never success."""
    endpoints = site.world.endpoints
    world = World(endpoints, Arm(endpoints), GateLog(tmp_path / "gates.log"))
    with pytest.raises(Stopped, match="the journal cannot be read"):
        prove_returned(
            {"journalAccountId": site.declared[0].id + "/providers/Microsoft.Storage/storageAccounts/stnone"},
            world,
        )
    world.arm.close()  # type: ignore[attr-defined]
