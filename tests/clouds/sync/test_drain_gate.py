"""The gate before the scale-down reads the journal as the sync has written it (BACK-2, BACK-5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from clouds import gates
from clouds.azure.arm import Arm
from clouds.gates.log import GateLog
from clouds.gates.world import World
from clouds.sync import records
from recovery.errors import Stopped
from recovery.journal.direction import Direction
from recovery.model import Json
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud

SCALE_SET = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/api"
GATEWAY = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/applicationGateways/gw"
NOWHERE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/publicIPAddresses/none"


class Servers(Arm):
    """The local cloud, with a scale set that stands and a gateway that counts. came: Unix seconds of each request."""

    capacity = 2
    came: list[float] | None

    def get(self, id: str, api_version: str) -> dict[str, Json]:
        if id == SCALE_SET:
            return {"sku": {"capacity": self.capacity}}
        if id.startswith(GATEWAY):
            return self._counted(id)
        if id == NOWHERE:
            return {"id": id, "properties": {}}  # its address is gone: nobody can be sent there any more
        return super().get(id, api_version)

    def _counted(self, id: str) -> dict[str, Json]:
        if self.came is None:
            return {"value": []}
        ends = parse_qs(urlsplit(id).query)["timespan"][0].split("/")
        start, end = (datetime.fromisoformat(one.replace("Z", "+00:00")).timestamp() for one in ends)
        points = [{"total": sum(start <= one <= end for one in self.came)}]
        return {"value": [{"name": {"value": "TotalRequests"}, "timeseries": [{"data": points}]}]}


@pytest.fixture
def servers(site: Site) -> Iterator[Servers]:
    held = Servers(site.world.endpoints)
    held.came = []
    yield held
    held.close()


@pytest.fixture
def world(site: Site, servers: Servers, tmp_path: Path) -> World:
    return World(site.world.endpoints, servers, GateLog(tmp_path / "gates.log"))


@pytest.fixture
def props(site: Site) -> dict[str, Any]:
    journal = next(d for d in site.declared if d.options["name"] == "storage-journal")
    return {"want": "drained", "gatewayId": GATEWAY, "gatewayPublicIpId": NOWHERE, "scaleSetId": SCALE_SET,
            "names": ["api.demay.com"], "quietSeconds": 1, "timeoutSeconds": 1, "journalAccountId": journal.id}  # fmt: skip


def bring_back(site: Site) -> None:
    """A reverse run of both flows, recorded as `dr sync all --reverse` records it."""
    time.sleep(1.1)  # a record's name has the second, and the newest is looked at
    for outcome in (site.metadata(reverse=True), asyncio.run(site.carry("uploads", reverse=True))):
        records.write(site.root, site.world.journal, outcome.flow, outcome.to_json())


def contingency(site: Site) -> None:
    site.item("1.jpg", 0, "QVdT")
    site.upload("1.jpg", b"a picture")
    for outcome in (site.metadata(), asyncio.run(site.carry("uploads"))):
        records.write(site.root, site.world.journal, outcome.flow, outcome.to_json())
    site.fail_over()


def test_capacity_stays_until_nobody_has_come_since_the_proven_reverse_runs_began(
    site: Site, servers: Servers, world: World, props: dict[str, Any]
) -> None:
    """BACK-2: whichever command moved the traffic, the last delta is empty before a server goes."""
    assert gates.read("DrainGate", props, world)["observed"] == "drained", "no contingency: nothing is asked"
    contingency(site)
    servers.came = [time.time()]
    seen = gates.read("DrainGate", props, world)
    assert seen["observed"] == "unreturned"
    assert gates.differs("DrainGate", seen, props), (
        "an up must not pass the gate as if nothing were to be done"
    )
    with pytest.raises(Stopped, match="uploads: no run from Azure to AWS") as refused:
        gates.apply("DrainGate", props, world)
    assert "dr sync all --reverse" in refused.value.fix
    bring_back(site)
    assert gates.apply("DrainGate", props, world)["observed"] == "drained"
    servers.came.append(time.time())  # a client with an old address, after the run and before the gate
    with pytest.raises(Stopped, match=r"counted 1 request\(s\) since the last run to AWS began"):
        gates.apply("DrainGate", props, world)
    time.sleep(1.0)
    bring_back(site)
    assert gates.apply("DrainGate", props, world)["observed"] == "drained"
    site.directions.owe("freeze uploads", "AWS did not answer")
    with pytest.raises(Stopped, match="owed to AWS: freeze uploads"):
        gates.apply("DrainGate", props, world)


def test_what_aws_takes_in_again_keeps_no_capacity_once_a_run_has_proved_itself(
    site: Site, servers: Servers, world: World, props: dict[str, Any]
) -> None:
    """BACK-5: found by a rehearsal whose clients wrote to AWS while the last delta was looked for."""
    contingency(site)
    bring_back(site)
    time.sleep(1.1)
    later = site.metadata(reverse=True).to_json()
    later["proofs"][0]["holds"] = False  # AWS has an item by now that Azure need not have
    records.write(site.root, site.world.journal, "metadata", later)
    assert gates.apply("DrainGate", props, world)["observed"] == "drained"
    gone = [
        b.name
        for b in site.world.journal.list_blobs(name_starts_with=records.PREFIX)
        if "-metadata-" in b.name
    ]
    assert len(gone) == 3
    site.world.journal.delete_blob(sorted(gone)[1])  # the run that proved itself
    with pytest.raises(Stopped, match="metadata: the proof of its last run does not hold"):
        gates.apply("DrainGate", props, world)


def test_where_the_gateways_count_is_unknown_capacity_stays(
    site: Site, servers: Servers, world: World, props: dict[str, Any]
) -> None:
    contingency(site)
    bring_back(site)
    servers.came = None
    with pytest.raises(Stopped, match="cannot be told whether anybody wrote"):
        gates.apply("DrainGate", props, world)


def test_a_journal_that_cannot_be_read_is_unknown_and_capacity_stays(
    world: World, props: dict[str, Any]
) -> None:
    props["journalAccountId"] = str(props["journalAccountId"])[:-3] + "none"
    seen = gates.read("DrainGate", props, world)
    assert seen["observed"] == "unknown"
    assert "the journal cannot be read" in seen["detail"]
    with pytest.raises(Stopped, match="the journal cannot be read"):
        gates.apply("DrainGate", props, world)


def test_where_nothing_serves_or_an_old_checkpoint_names_no_journal_nothing_is_asked(
    site: Site, servers: Servers, world: World, props: dict[str, Any]
) -> None:
    site.directions.turn(Direction.OFF, "a test", "a cutover")
    assert gates.read("DrainGate", props, world)["observed"] == "unreturned"
    assert gates.read("DrainGate", {**props, "journalAccountId": ""}, world)["observed"] == "drained"
    servers.capacity = 0
    assert gates.read("DrainGate", props, world)["observed"] == "drained"
