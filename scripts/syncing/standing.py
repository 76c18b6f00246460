"""What `dr status` says of the data: which way it may flow, what is owed, how each flow's last run ended, how old the copy is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from datetime import UTC, datetime
from pathlib import Path

from recovery.errors import DrError
from recovery.model import Json
from recovery.sync.standing import described

SECONDS = 8.0
"""How long Azure may take to say it; a status at 3 a.m. does not wait for a dead service."""


def data(root: Path) -> dict[str, Json]:
    """Direction, epoch, what is owed, the last run of each flow; ``unknown`` says why where Azure does not say.

    The journal container's records count: the daily run is another machine's. This machine's own are the second way.
    """
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(_asked, root).result(SECONDS)
    except NotInTime:
        return {"unknown": f"Azure did not say within {SECONDS:g} s", "runs": _local(root)}
    except DrError as error:
        return {"unknown": error.summary, "runs": _local(root)}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _asked(root: Path) -> dict[str, Json]:
    from clouds.sync import records
    from clouds.sync.direction import Directions
    from clouds.sync.world import SyncWorld

    world = SyncWorld(root, "standby", os.environ)
    try:
        now = Directions(world.journal).read()
        return {
            "direction": str(now.direction),
            "epoch": now.epoch,
            "fault": now.fault,
            "owed": [{"what": one.what, "since": one.since} for one in now.obligations.values()],
            "runs": records.newest(world.journal),
        }
    finally:
        world.close()


def _local(root: Path) -> dict[str, Json]:
    from clouds import journal_place
    from clouds.sync import records

    found = {flow: records.latest(journal_place.home(root), flow) for flow in records.FLOWS}
    return {flow: record for flow, record in found.items() if record}


def lines(found: Mapping[str, Json]) -> Sequence[str]:
    """The same for a person."""
    return described(found, datetime.now(UTC))
