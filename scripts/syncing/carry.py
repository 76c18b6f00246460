"""Runs flows one after the other under the fence; each leaves its record."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from recovery.errors import BadInput, DrError, Stopped
from recovery.journal.direction import Direction
from scripts.syncing.show import Bar, say, show

if TYPE_CHECKING:
    from clouds.sync.outcome import Outcome
    from clouds.sync.world import SyncWorld


def opened() -> SyncWorld:
    """The site's data, as the stack files and the declared resources name it."""
    from clouds.program import project_root
    from clouds.sync.world import SyncWorld

    return SyncWorld(project_root(), "standby", os.environ)


def carry(flows: Sequence[str], *, reverse: bool, dry_run: bool, max_delete: int, format: str) -> int:
    """Run the flows one after the other under the fence; each leaves its record."""
    known_format(format)
    if not 0 <= max_delete <= 100:
        raise BadInput(
            f"--max-delete is a percentage from 0 to 100, not {max_delete}",
            "nothing was changed",
            "dr sync site --max-delete 10",
        )
    from clouds.sync import owed
    from clouds.sync.direction import Directions
    from clouds.sync.flows import let_sync_through

    world = opened()
    try:
        directions = Directions(world.journal)
        wanted = Direction.REVERSE if reverse else Direction.FORWARD
        try:
            fence = (lambda: None) if dry_run else directions.fence(wanted)
        except Stopped:
            refused(world, flows, directions)
            raise
        if reverse and not dry_run:
            from clouds.sync.triggers import Triggers

            for text in owed.retry(world):
                say(text)
            for name in Triggers(world).mute():
                say(f"{name}: muted while Azure is the origin (kept in the journal container)")
            for name in let_sync_through(world):
                say(f"{name} is frozen: let through for the sync alone")
        outcomes = [_one(world, flow, reverse, dry_run, max_delete, fence, directions) for flow in flows]
    finally:
        world.close()
    return show(outcomes, format)


def _one(
    world: SyncWorld,
    flow: str,
    reverse: bool,
    dry_run: bool,
    max_delete: int,
    fence: Callable[[], None],
    directions: Any,
) -> Outcome:
    from clouds.sync import flows, records
    from clouds.sync.outcome import Outcome

    before = records.latest(world.home, flow) or {}
    known = (before.get("counts") or {}).get("sourceKeys")
    epoch, cutover = directions.read().epoch, directions.cutover()
    with Bar(flow, known) as bar:
        try:
            done = flows.run(
                world,
                flow,
                reverse=reverse,
                fence=fence,
                cutover=cutover,
                max_delete=max_delete,
                dry_run=dry_run,
                on_items=bar.figures,
                on_objects=bar.objects,
            )
        except DrError as error:
            failed = Outcome(
                flow,
                "reverse" if reverse else "forward",
                epoch,
                datetime.now(UTC).isoformat(),
                errors=[error.summary],
            )
            if not dry_run:
                records.write(world.home, world.journal, flow, failed.to_json())
            raise
    done.epoch = epoch
    if not dry_run:
        path, away = records.write(world.home, world.journal, flow, done.to_json())
        say(f"run record: {path}")
        if away is not None:
            done.errors.append(f"the run record is in {path} alone: {away.summary}")
    return done


def refused(world: SyncWorld, flows: Sequence[str], directions: Any) -> None:
    """A run that may not write still does what is owed (a freeze, when AWS answers again) and lists what AWS took in
    since the cutover: why it matters that it was refused. Never hides the refusal."""
    from clouds.objects.model import ObjectError
    from clouds.sync import objects, owed

    since = directions.cutover()
    if since is None:
        return
    for text in owed.retry(world):
        say(f"  {text}")
    for flow in flows:
        if flow in objects.FLOWS:
            try:
                found = objects.divergence(world, flow, since)
            except ObjectError as error:
                say(f"  {flow}: whether AWS accepted writes since the cutover is not known ({error})")
                continue
            said = (
                f"AWS accepted {len(found)} objects since the cutover"
                if found
                else "AWS accepted nothing since the cutover"
            )
            say(f"  {flow}: {said}" + "".join(f"\n    {one}" for one in found[:20]))


def known_format(format: str) -> None:
    if format not in ("text", "json"):
        raise BadInput(
            f"there is no format {format!r}", "nothing was changed", "dr sync all --format text|json"
        )
