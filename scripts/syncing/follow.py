"""`dr sync watch`: what must stand before watching, gaps made good, the lag shown, a record at the end."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from recovery.errors import DrError, Stopped
from recovery.exit_codes import ExitCode
from recovery.journal.direction import Direction
from scripts.syncing.carry import Asked, known_format, one_flow, opened, refused
from scripts.syncing.show import WatchLine, say, show

if TYPE_CHECKING:
    from clouds.sync.outcome import Outcome
    from clouds.sync.watching import Watch
    from clouds.sync.world import SyncWorld


def follow(seconds: float | None, format: str) -> int:
    """Watch until stopped or for so many seconds. Raises Stopped by the fence, DrError where it cannot go on."""
    known_format(format)
    from clouds.sync.direction import Directions
    from clouds.sync.watching import Watch

    world = opened()
    try:
        directions = Directions(world.journal)
        try:
            fence = directions.fence(Direction.FORWARD)
        except Stopped:
            refused(world, ("site", "uploads"), directions)
            raise
        _first(world, fence, directions)
        watch, began = Watch(world, fence), datetime.now(UTC)
        error: DrError | None = None
        try:
            _watch(world, watch, fence, directions, seconds)
        except KeyboardInterrupt:
            say("\nstopped. The checkpoints are kept; dr sync watch goes on where this one stopped.")
        except DrError as stopped:
            error = stopped
        outcome = record(watch, began, directions.read().epoch, error)
        _write(world, outcome)
        if error is not None:
            raise error
    finally:
        world.close()
    return show([outcome], format)


def _watch(world: SyncWorld, watch: Watch, fence: Any, directions: Any, seconds: float | None) -> None:
    from clouds.sync import watching

    ends = None if seconds is None else time.monotonic() + seconds
    with WatchLine() as line:
        while True:
            left = None if ends is None else max(0.0, ends - time.monotonic())
            try:
                watching.run(world, fence, line.lag, seconds=left, watch=watch)
                return
            except watching.GapError as gap:
                say(
                    f"the stream no longer holds what comes after the checkpoint ({gap}): an incremental export fills the gap"
                )
                _import(world, fence, directions)
                watch.stream.begin_anew()  # only now: killed before, the gap is found again


def _first(world: SyncWorld, fence: Any, directions: Any) -> None:
    """Changes upon nothing are no copy: the table once in full."""
    from clouds.sync.chain import ChainBlob

    if ChainBlob(world.journal).load().cut is None:
        say("the table was never imported in full: that comes first")
        _import(world, fence, directions)


def _import(world: SyncWorld, fence: Any, directions: Any) -> None:
    done = one_flow(world, "metadata", Asked(), fence, directions)
    if done.code is not ExitCode.CLEAN:
        raise Stopped(
            f"the import did not end well ({'; '.join(done.errors[:2]) or 'it is not proven'})",
            "watching on would leave a hole that nobody sees",
            "dr sync metadata    (says what is wrong), then dr sync watch",
        )


def record(watch: Watch, began: datetime, epoch: int, error: DrError | None) -> Outcome:
    """The watch's run record: what was carried, the measured lag (RPO), why it ended."""
    from clouds.sync.outcome import Outcome

    made = Outcome("watch", "forward", epoch, began.isoformat(timespec="seconds"))
    made.seconds = round((datetime.now(UTC) - began).total_seconds(), 3)
    made.counts = {"items": watch.items.applied, "objects": watch.objects.applied,
                   "backlog": watch.items.backlog + watch.objects.backlog}  # fmt: skip
    made.data_age_seconds = round(max(watch.items.worst, watch.objects.worst), 3)
    made.errors = [error.summary] if error is not None and not isinstance(error, Stopped) else []
    return made


def _write(world: SyncWorld, outcome: Outcome) -> None:
    from clouds.sync import records

    path, away = records.write(world.home, world.journal, "watch", outcome.to_json())
    say(f"run record: {path}" + (f" (alone: {away.summary})" if away else ""))
