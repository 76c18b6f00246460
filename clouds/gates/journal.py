"""What the gates of the way back ask of the journal: is what was written in Azure proven to be in AWS? (BACK-2)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clouds.gates.world import World, version
from recovery.model import Json
from recovery.sync.returned import FLOWS, carried_since, missing, proves


@dataclass(frozen=True)
class Returned:
    """contingency: the direction has left forward. problems: what is not proven, in words. since: Unix seconds; whatever
    was written before it the newest runs have carried (None: no such moment)."""

    contingency: bool = False
    problems: tuple[str, ...] = ()
    since: float | None = None


def ask(props: Mapping[str, Json], world: World, *, left: bool = False) -> Returned:
    """Read the direction, what is owed, and the newest run of each flow. Raises ArmError or DrError when it cannot be read.

    props: journalAccountId; a checkpoint of before does not name it, and then nothing is asked. left: traffic is back in
    AWS, whose own writes may stand between a later run and its proof; one run that proved itself since the cutover will do.
    """
    from clouds.objects.container import container_client
    from clouds.sync import records
    from clouds.sync.direction import Directions
    from clouds.sync.world import JOURNAL

    account = str(props.get("journalAccountId") or "")
    if not account:
        return Returned()
    body = world.arm.get(account, version("storage:StorageAccount"))
    container = container_client(body, JOURNAL, world.endpoints)
    now, cutover = Directions(container).look()
    if cutover is None:
        return Returned()
    runs = records.newest(container, FLOWS)
    unproven = [flow for flow in FLOWS if left and not proves(runs.get(flow), cutover)]
    proven = {
        flow
        for flow in unproven
        if any(proves(one, cutover) for one in records.since(container, flow, cutover))
    }
    return Returned(True, tuple(missing(cutover, list(now.obligations), runs, proven)), carried_since(runs))
