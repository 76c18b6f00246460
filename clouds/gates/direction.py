"""DirectionFence: before traffic moves to Azure, the data stops flowing there from AWS (ACT-3, SYNC-1).

What a bare `pulumi up -s active` would otherwise leave open: the daily run would go on to overwrite, with AWS's state,
what clients write in Azure from then on. The runbook turns the direction by steps of its own; then there is nothing left
to do here. In mode standby it wants nothing: data flows forward again only when a person says that all is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clouds.gates.world import World, version
from recovery.errors import DrError, Stopped
from recovery.gates import FENCED, FORWARD, UNKNOWN, still_wanted
from recovery.journal.direction import Direction
from recovery.model import Json

KIND = "DirectionFence"
WHO = "mode active"
"""Who turned it, in the record: the program and no person."""


def _directions(props: Mapping[str, Json], world: World) -> Any:
    from clouds.objects.container import container_client
    from clouds.sync.direction import Directions
    from clouds.sync.world import JOURNAL

    account = str(props.get("journalAccountId") or "")
    body = world.arm.get(account, version("storage:StorageAccount"))
    return Directions(container_client(body, JOURNAL, world.endpoints))


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: forward / fenced (off, or from Azure to AWS) / unknown. Its epoch is left out: it grows with each turn."""
    now = _directions(props, world).read()
    if now.fault:
        return {"observed": UNKNOWN, "detail": f"the journal cannot be believed: {now.fault}"}
    return {"observed": FORWARD if now.direction is Direction.FORWARD else FENCED}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Forward is never what mode active wants."""
    return still_wanted(old, new, FENCED)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Turn it: off, then from Azure to AWS. Killed between the two, the next run goes on where it stopped."""
    from clouds.azure.arm import ArmError

    try:
        directions = _directions(props, world)
        now = directions.read()
        if now.fault:
            raise Stopped(now.fault, "it cannot be believed", "dr sync direction")
        mine = now.direction is Direction.FORWARD
        if mine:
            directions.turn(Direction.OFF, WHO, "traffic moves to Azure")
            world.log.write(KIND, "observed", "forward: turned off", observed=FORWARD)
        if mine or (now.direction is Direction.OFF and directions.turned_by() == WHO):
            directions.turn(Direction.REVERSE, WHO, "traffic is on Azure, which is the origin now")
    except (ArmError, DrError) as error:
        world.log.write(KIND, "refused", f"the journal: {error}")
        raise Stopped(
            f"the data's direction in the journal cannot be read or turned: {error}",
            "with traffic on Azure a run from AWS would overwrite what clients write there. Traffic was not moved",
            "dr sync direction    (then the same command again; this identity needs Storage Blob Data Contributor on the journal's account)",
            retry=True,
        ) from error
    world.log.write(KIND, "passed", "no data flows from AWS to Azure", observed=FENCED)
    return {"observed": FENCED}
