"""Runs flows one after the other under the fence; each leaves its record."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from recovery.errors import BadInput, DrError, Stopped, Unobserved
from recovery.exit_codes import ExitCode
from recovery.journal.direction import Direction
from scripts.syncing.show import Bar, say, show

if TYPE_CHECKING:
    from clouds.sync.outcome import Outcome
    from clouds.sync.world import SyncWorld


WAYS = ("auto", "pull", "stream")


def opened() -> SyncWorld:
    """The site's data, as the stack files and the declared resources name it."""
    from clouds.program import project_root
    from clouds.sync.world import SyncWorld

    return SyncWorld(project_root(), "standby", os.environ)


def carry(
    flows: Sequence[str],
    *,
    reverse: bool,
    dry_run: bool,
    max_delete: int,
    format: str,
    changes: bool = False,
    way: str = "auto",
) -> int:
    """Run the flows one after the other under the fence; each leaves its record.

    changes: objects by S3's events alone. way: how objects travel (clouds.objects.carriers.Way).
    """
    known_format(format)
    if way not in WAYS:
        raise BadInput(
            f"--copy {way!r} is not known", "nothing was changed", "dr sync all --copy auto|pull|stream"
        )
    if changes and (reverse or dry_run):
        raise BadInput(
            "--changes goes forward and for real: events tell of AWS's writes, and taking one is an act",
            "nothing was changed",
            "dr sync uploads --dry-run    (or --reverse, each without --changes)",
        )
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
            try:
                for name in Triggers(world).mute():
                    say(f"{name}: muted while Azure is the origin (kept in the journal container)")
            except (
                Stopped
            ) as denied:  # the daily job may copy and nothing else; muting is a person's, or the rollback's
                say(str(denied))
            for name in let_sync_through(world):
                say(f"{name} is frozen: let through for the sync alone")
        asked = Asked(reverse, dry_run, max_delete, changes, way)
        outcomes = []
        for flow in flows:
            outcomes.append(one_flow(world, flow, asked, fence, directions))
    except KeyboardInterrupt:
        say(
            "\nstopped. What was carried stays, nothing was deleted; the same command goes on where this one stopped."
        )
        raise
    finally:
        world.close()
    return show(outcomes, format)


@dataclass(frozen=True)
class Asked:
    """The options of a run."""

    reverse: bool = False
    dry_run: bool = False
    max_delete: int = 10
    changes: bool = False
    way: str = "auto"


def one_flow(
    world: SyncWorld, flow: str, asked: Asked, fence: Callable[[], None], directions: Any
) -> Outcome:
    """One flow with its bar and its record, also where it failed or was stopped by a person. Raises DrError."""
    from clouds.objects.carriers import Way
    from clouds.sync import changes, flows, published, records
    from clouds.sync.outcome import Outcome

    before = records.latest(world.home, flow) or {}
    known = (before.get("counts") or {}).get("sourceKeys")
    epoch, cutover = directions.read().epoch, directions.cutover()
    began = datetime.now(UTC)
    with Bar(flow, known) as bar:
        try:
            if asked.changes and flow in changes.FLOWS:
                done = changes.run(
                    world, flow, fence=fence, epoch=epoch, way=Way(asked.way), on_change=bar.objects
                )
            else:
                done = flows.run(
                    world,
                    flow,
                    reverse=asked.reverse,
                    fence=fence,
                    cutover=cutover,
                    max_delete=asked.max_delete,
                    dry_run=asked.dry_run,
                    on_items=bar.figures,
                    on_objects=bar.objects,
                    way=asked.way,
                )
        except (DrError, KeyboardInterrupt) as error:
            why = error.summary if isinstance(error, DrError) else "stopped from outside (Ctrl-C or SIGTERM)"
            failed = Outcome(
                flow, "reverse" if asked.reverse else "forward", epoch, began.isoformat(), errors=[why]
            )
            if not asked.dry_run:
                records.write(world.home, world.journal, flow, failed.to_json())
                if isinstance(error, DrError):
                    published.publish(world, failed, say, log=not sys.stderr.isatty())
            raise
    done.epoch = epoch
    if not asked.dry_run:
        if flow in changes.FLOWS and not asked.changes and not asked.reverse and done.code is ExitCode.CLEAN:
            changes.Followed(world.journal).store(flow, epoch, began.timestamp())
        path, away = records.write(world.home, world.journal, flow, done.to_json())
        say(f"run record: {path}")
        if away is not None:
            done.errors.append(f"the run record is in {path} alone: {away.summary}")
        published.publish(world, done, say, log=not sys.stderr.isatty())
    return done


def refused(world: SyncWorld, flows: Sequence[str], directions: Any) -> None:
    """A run that may not write still does what is owed (a freeze, when AWS answers again) and lists what AWS alone
    took in: why it matters that it was refused. Never hides the refusal."""
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
            except Unobserved as error:
                say(f"  {flow}: {error.summary}")
                continue
            more = [f"and {len(found) - 20:,} more: dr sync verify"] if len(found) > 20 else []
            said = (
                f"AWS accepted {len(found):,} objects that Azure never had"
                if found
                else "AWS accepted nothing that Azure never had"
            )
            say(f"  {flow}: {said}" + "".join(f"\n    {one}" for one in [*found[:20], *more]))
        else:
            say(
                f"  {flow}: what AWS's table accepted needs an export to be told; dr sync metadata --reverse lists it"
            )


def known_format(format: str) -> None:
    if format not in ("text", "json"):
        raise BadInput(
            f"there is no format {format!r}", "nothing was changed", "dr sync all --format text|json"
        )
