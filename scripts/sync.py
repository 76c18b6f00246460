"""`dr sync`: carry the data one way or the other, prove it, watch it, stop writes to the primary."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.errors import BadInput, DrError, Stopped
from recovery.exit_codes import ExitCode
from recovery.journal.direction import Direction, Standing
from recovery.sync.refusals import FIRST
from recovery.sync.standing import MEANS
from scripts.command import run
from scripts.syncing.carry import carry, known_format, opened
from scripts.syncing.show import say, show

if TYPE_CHECKING:
    from clouds.sync.world import SyncWorld

FLOWS = ("site", "uploads", "metadata")
USAGE = """Usage: dr sync site|uploads|metadata|all|verify|watch|stage|freeze|unfreeze|reconcile|direction [OPTIONS]

  site       the static site, S3 and $web: replaces what changed, deletes what is obsolete (SYNC-1)
  uploads    the images, S3 and Blob: never deletes (SYNC-2)
  metadata   the table, DynamoDB and Cosmos DB: export, convert, import (SYNC-3)
  all        the three, one after the other
  verify     the proofs alone, and what AWS accepted since the cutover; changes nothing
  watch      carry changes as they happen, until stopped
  stage      export the table and stage it; a Spark cluster imports it (docs/spark.md)
  freeze     block writes to the primary's uploads and table, and prove it (ACT-2)
  unfreeze   take that back, byte for byte
  reconcile  convert the uploads whose documents are missing or incomplete, and only those (ACT-3)
  direction  show which way data may flow, or turn it: dr sync direction forward|off|reverse --why TEXT

Examples:
  dr sync all
  dr sync all --reverse --dry-run
  dr sync uploads --format json
  dr sync uploads --changes          (after the first full run)
  dr sync verify

`dr sync VERB --help` explains one."""

Reverse = Annotated[bool, typer.Option("--reverse", help="From Azure back to AWS (BACK-2).")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
MaxDelete = Annotated[
    int, typer.Option("--max-delete", help="Most obsolete objects deleted, in percent of the target.")
]
ByChanges = Annotated[
    bool,
    typer.Option(
        "--changes", help="Objects: what S3's events name since the last run, without listing anything."
    ),
]
Copy = Annotated[
    str,
    typer.Option("--copy", help="Objects: auto, pull (Azure fetches them itself) or stream (through here)."),
]
Format = Annotated[str, typer.Option("--format", help="text or json.")]


def _flow_verb(flow: str) -> Callable[..., int]:
    def command(
        reverse: Reverse = False,
        dry_run: DryRun = False,
        max_delete: MaxDelete = 10,
        changes: ByChanges = False,
        copy: Copy = "auto",
        format: Format = "text",
    ) -> int:
        flows = FLOWS if flow == "all" else (flow,)
        return carry(
            flows,
            reverse=reverse,
            dry_run=dry_run,
            max_delete=max_delete,
            format=format,
            changes=changes,
            way=copy,
        )

    command.__doc__ = (
        f"Carry {'everything' if flow == 'all' else flow} from AWS to Azure (--reverse: back), and prove it."
    )
    return command


def direction(
    to: Annotated[str, typer.Argument(help="forward, off or reverse; nothing: show it.")] = "",
    why: Annotated[str, typer.Option("--why", help="The reason, for the journal.")] = "",
    settle: Annotated[
        bool, typer.Option("--settle", help="Decide what holds after a fault in the record.")
    ] = False,
) -> int:
    """Which way data may flow: shown, or turned under a new epoch. Between forward and reverse lies off."""
    from clouds.sync.direction import Directions

    if to and to not in set(Direction):
        raise BadInput(
            f"there is no direction {to!r}",
            "nothing was changed",
            "dr sync direction forward|off|reverse --why TEXT",
        )
    if to and not why:
        raise BadInput(
            "turning the direction needs a reason",
            "the next person must know why",
            f'dr sync direction {to} --why "..."',
        )
    world = opened()
    try:
        directions = Directions(world.journal)
        now = (
            directions.turn(Direction(to), getpass.getuser(), why, settled=settle)
            if to
            else directions.read()
        )
        if to == Direction.FORWARD and not now.fault:
            from clouds.sync.triggers import Triggers

            for name in Triggers(world).restore():
                say(f"{name}: AWS's own triggers stand again as before the contingency")
    finally:
        world.close()
    print("\n".join(direction_lines(now)))
    return int(ExitCode.FINDING if now.fault else ExitCode.CLEAN)


def direction_lines(now: Standing) -> list[str]:
    """The direction as a person reads it, with what it means and what is owed."""
    out = [f"direction {now.direction}, epoch {now.epoch}: {MEANS[now.direction]}"]
    if not now.epoch and not now.fault:
        out = [f"no direction yet: this standby was never synced. The first time: {FIRST}, then dr sync all"]
    out += (
        [f"FAULT: {now.fault} (dr sync direction forward|off|reverse --settle --why TEXT)"]
        if now.fault
        else []
    )
    return out + [f"owed since {one.since}: {one.what}" for one in now.obligations.values()]


def verify(
    reverse: Reverse = False,
    format: Format = "text",
    flows: Annotated[str, typer.Option("--flows", help="Comma-separated: site,uploads,metadata.")] = ",".join(
        FLOWS
    ),
    newest: Annotated[
        int, typer.Option("--newest", help="Newest uploads whose bytes are read on both sides.")
    ] = 10,
) -> int:
    """The proofs alone, at a cut, and what AWS accepted since the cutover. Changes nothing."""
    known_format(format)
    from clouds.sync import verify as proofs

    world = opened()
    try:
        outcomes = proofs.run(world, flows.split(","), reverse=reverse, newest=newest)
    finally:
        world.close()
    return show(outcomes, format)


Only = Annotated[str, typer.Option("--only", help="uploads or table; both when it is left out.")]


def freeze(only: Only = "") -> int:
    """Block writes to the primary's uploads and table, proven by a refused write; what was there is kept."""
    from clouds.sync import owed

    return _freezing(only, owed.freeze)


def unfreeze(only: Only = "") -> int:
    """Put the former policies back, byte for byte."""
    from clouds.sync import owed

    return _freezing(only, owed.unfreeze)


def _freezing(only: str, act: Callable[[SyncWorld, str], str]) -> int:
    from clouds.sync.freeze import TARGETS

    if only and only not in TARGETS:
        raise BadInput(
            f"--only {only!r} is not known (known: {', '.join(TARGETS)})",
            "nothing was changed",
            "dr sync freeze --only uploads",
        )
    world, errors = opened(), []
    try:
        for name in (only,) if only else TARGETS:
            try:
                print(act(world, name))
            except DrError as error:  # the other one is still frozen: half a freeze is better than none
                errors.append(error)
    finally:
        world.close()
    for earlier in errors[:-1]:
        say(f"dr sync: {earlier}")
    if errors:
        raise errors[-1]
    return int(ExitCode.CLEAN)


def watch(
    seconds: Annotated[float, typer.Option("--seconds", help="Stop after so many; 0: never.")] = 0.0,
    format: Format = "text",
) -> int:
    """Carry changes of the table and the buckets as they happen, with the lag. Ctrl-C or SIGTERM stops it; it goes on where it stopped.

    \b
    A first full import, and a gap longer than the stream keeps, are made good before it watches on.
    Examples:
      dr sync watch
      dr sync watch --seconds 60 --format json
    """
    from scripts.syncing.follow import follow

    return follow(seconds or None, format)


def stage() -> int:
    """Export what the table took in since the last export, stage it, and say how a Spark cluster imports it (docs/spark.md)."""
    from clouds.sync import metadata
    from clouds.sync.direction import Directions
    from clouds.sync.spread import place_of

    world = opened()
    try:
        chain = metadata.stage(world, Directions(world.journal).fence(Direction.FORWARD))
        place = place_of(world)
    finally:
        world.close()
    say(
        f"{len(chain.open)} staged exports wait for their import: {', '.join(one.export for one in chain.open)}"
    )
    options = " ".join(f"--{name} '{value}'" for name, value in place.options().items())
    print(f"spark-submit scripts/spark_import.py {options}")
    return int(ExitCode.CLEAN)


def reconcile(dry_run: DryRun = False) -> int:
    """Find uploads whose documents are missing or incomplete and send only those to the converter."""
    from clouds.sync import reconcile as reconciling
    from clouds.sync.direction import Directions

    world = opened()
    try:
        directions = Directions(world.journal)
        now = directions.read()
        if now.direction is Direction.FORWARD and not dry_run:
            raise Stopped(
                "AWS is the origin: its own converter makes the documents",
                "two converters would write the same keys",
                "dr sync reconcile --dry-run",
            )

        def fence() -> None:
            if directions.read().epoch != now.epoch:
                raise Stopped(
                    "the direction was turned while uploads were being sent to the converter",
                    "two converters would write the same keys", "dr sync direction",
                )  # fmt: skip

        done = asyncio.run(reconciling.run(world, dry_run=dry_run, fence=fence))
    finally:
        world.close()
    print(
        "\n".join(
            [
                *done.missing[:100],
                *(f"{one} (never converted; it is copied like any other)" for one in done.refused[:100]),
                f"{done.complete:,} uploads have whole documents, {len(done.missing):,} have not, {done.sent:,} were sent to the converter; {len(done.refused):,} are not for it.",
            ]
        )
    )
    return int(ExitCode.FINDING if dry_run and done.missing else ExitCode.CLEAN)


VERBS: dict[str, Callable[..., int]] = {
    **{flow: _flow_verb(flow) for flow in (*FLOWS, "all")},
    "direction": direction,
    "verify": verify,
    "freeze": freeze,
    "unfreeze": unfreeze,
    "watch": watch,
    "stage": stage,
    "reconcile": reconcile,
}


def main(argv: Sequence[str]) -> int:
    """`dr sync`."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else int(ExitCode.USAGE)
    if argv[0] not in VERBS:
        raise BadInput(f"there is no dr sync {argv[0]!r}", "nothing was changed", "dr sync --help")
    return run(VERBS[argv[0]], argv[1:], f"sync {argv[0]}")
