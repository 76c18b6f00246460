"""`dr sync`: carry the data one way or the other, prove it, watch it, stop writes to the primary."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recovery.errors import BadInput, DrError, Stopped
from recovery.exit_codes import ExitCode
from recovery.journal.direction import Direction
from scripts.command import run

if TYPE_CHECKING:
    from clouds.sync.outcome import Outcome
    from clouds.sync.world import SyncWorld

FLOWS = ("site", "uploads", "metadata")
USAGE = """Usage: dr sync site|uploads|metadata|all|verify|watch|freeze|unfreeze|reconcile|direction [OPTIONS]

  site       the static site, S3 and $web: replaces what changed, deletes what is obsolete (SYNC-1)
  uploads    the images, S3 and Blob: never deletes (SYNC-2)
  metadata   the table, DynamoDB and Cosmos DB: export, convert, import (SYNC-3)
  all        the three, one after the other
  verify     the proofs alone, and what AWS accepted since the cutover; changes nothing
  watch      carry changes as they happen, until stopped
  freeze     block writes to the primary's uploads and table, and prove it (ACT-2)
  unfreeze   take that back, byte for byte
  reconcile  convert the uploads whose documents are missing or incomplete, and only those (ACT-3)
  direction  show which way data may flow, or turn it: dr sync direction forward|off|reverse --why TEXT

Examples:
  dr sync all
  dr sync all --reverse --dry-run
  dr sync uploads --format json
  dr sync verify

`dr sync VERB --help` explains one."""

Reverse = Annotated[bool, typer.Option("--reverse", help="From Azure back to AWS (BACK-2).")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
MaxDelete = Annotated[
    int, typer.Option("--max-delete", help="Most obsolete objects deleted, in percent of the target.")
]
Format = Annotated[str, typer.Option("--format", help="text or json.")]


def say(text: str) -> None:
    """Talk goes to stderr; stdout is for data."""
    print(text, file=sys.stderr, flush=True)


def opened() -> SyncWorld:
    """The site's data, as the stack files and the declared resources name it."""
    from clouds.program import project_root
    from clouds.sync.world import SyncWorld

    return SyncWorld(project_root(), "standby", os.environ)


def carry(flows: Sequence[str], *, reverse: bool, dry_run: bool, max_delete: int, format: str) -> int:
    """Run the flows one after the other under the fence; each leaves its record."""
    _known_format(format)
    if not 0 <= max_delete <= 100:
        raise BadInput(
            f"--max-delete is a percentage from 0 to 100, not {max_delete}",
            "nothing was changed",
            "dr sync site --max-delete 10",
        )
    from clouds.sync.direction import Directions

    world = opened()
    try:
        directions = Directions(world.journal)
        wanted = Direction.REVERSE if reverse else Direction.FORWARD
        try:
            fence = (lambda: None) if dry_run else directions.fence(wanted)
        except Stopped:
            _divergence(world, flows, directions)
            raise
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
    from clouds.sync import records
    from clouds.sync.outcome import Outcome

    before = records.latest(world.home, flow) or {}
    known = (before.get("counts") or {}).get("sourceKeys")
    epoch, cutover = directions.read().epoch, directions.cutover()
    with Bar(flow, known) as bar:
        try:
            if flow == "metadata":
                from clouds.sync import metadata

                done = metadata.run(
                    world,
                    reverse=reverse,
                    fence=fence,
                    cutover=cutover,
                    dry_run=dry_run,
                    on_change=bar.figures,
                )
            else:
                from clouds.sync import objects

                done = asyncio.run(
                    objects.run(world, flow, reverse=reverse, fence=fence, cutover=cutover, max_delete=max_delete,
                                dry_run=dry_run, on_change=bar.objects)
                )  # fmt: skip
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


def _divergence(world: SyncWorld, flows: Sequence[str], directions: Any) -> None:
    """Why it matters that this run was refused: what AWS took in since the cutover. Never hides the refusal."""
    from clouds.objects.model import ObjectError
    from clouds.sync import objects

    since = directions.cutover()
    if since is None:
        return
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


def show(outcomes: Sequence[Outcome], format: str) -> int:
    """Figures on stdout, a verdict sentence last; returns the worst exit code."""
    code = max((one.code for one in outcomes), key=_severity, default=ExitCode.CLEAN)
    if format == "json":
        print(
            json.dumps(
                {"flows": [one.to_json() for one in outcomes], "exitCode": int(code)},
                indent=1,
                ensure_ascii=False,
            )
        )
        return int(code)
    for one in outcomes:
        print("\n".join(lines(one)))
    words = {
        ExitCode.CLEAN: "It is carried and proven."
        if not all(o.dry_run for o in outcomes)
        else "Nothing was changed (dry run).",
        ExitCode.FINDING: "It is not proven: see above.",
        ExitCode.STOPPED: "Deletions were refused: see above.",
    }
    print(words.get(code, "It failed: see above."))
    return int(code)


def _severity(code: ExitCode) -> int:
    return [
        ExitCode.CLEAN,
        ExitCode.FINDING,
        ExitCode.STOPPED,
        ExitCode.UNOBSERVED,
        ExitCode.USAGE,
        ExitCode.FAILED,
    ].index(code)


def lines(one: Outcome) -> list[str]:
    """An outcome as a person reads it."""
    counts = {k: v for k, v in one.counts.items() if v}
    out = [
        f"{one.flow} ({one.direction}, {one.seconds:.1f} s): "
        + (", ".join(f"{k} {v:,}" for k, v in counts.items()) or "nothing")
    ]
    out += [f"  {text}" for text in one.would[:50]]
    out += [f"  error: {text}" for text in one.errors[:20]]
    out += [f"  {one.refused}"] if one.refused else []
    out += [f"  divergence (in AWS alone, written since the cutover): {key}" for key in one.divergence[:20]]
    out += [
        f"  conflict (written on both sides, AWS's version kept aside): {key}" for key in one.conflicts[:20]
    ]
    for proof in one.proofs:
        word = "holds" if proof.holds else "DOES NOT HOLD"
        out.append(
            f"  proof {proof.name} at {proof.cut}: {word}; {proof.equal:,} of {proof.compared:,} equal "
            f"({proof.percent:.1f} %), {proof.population:,} in the source, {proof.later:,} later"
        )
        out += [f"    {name}: {value}" for name, value in proof.notes.items() if value not in ([], "")]
        out += [f"    {text}" for text in proof.differing[:10]]
    return out


class Bar:
    """Progress on stderr: what was judged and carried, the rate, the rest by the last run's size."""

    def __init__(self, flow: str, known: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} keys  {task.fields[said]}"),
            TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task(flow, total=known, said="")

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def objects(self, now: Any) -> None:
        """clouds.objects.mover.Progress."""
        rate = now.copied_bytes / now.seconds / 1e6 if now.seconds else 0.0
        said = f"{now.copied:,} copied, {rate:.1f} MB/s, {now.error_count} errors"
        self._progress.update(self._task, completed=now.tally.source_keys, said=said)

    def figures(self, done: int, said: str) -> None:
        """A count and words."""
        self._progress.update(self._task, completed=done, said=said)


def _known_format(format: str) -> None:
    if format not in ("text", "json"):
        raise BadInput(
            f"there is no format {format!r}", "nothing was changed", "dr sync all --format text|json"
        )


def _flow_verb(flow: str) -> Callable[..., int]:
    def command(
        reverse: Reverse = False, dry_run: DryRun = False, max_delete: MaxDelete = 10, format: Format = "text"
    ) -> int:
        flows = FLOWS if flow == "all" else (flow,)
        return carry(flows, reverse=reverse, dry_run=dry_run, max_delete=max_delete, format=format)

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
    finally:
        world.close()
    print(f"direction {now.direction}, epoch {now.epoch}" + (f"; FAULT: {now.fault}" if now.fault else ""))
    return int(ExitCode.FINDING if now.fault else ExitCode.CLEAN)


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
    _known_format(format)
    from clouds.sync import verify as proofs

    world = opened()
    try:
        outcomes = proofs.run(world, flows.split(","), reverse=reverse, newest=newest)
    finally:
        world.close()
    return show(outcomes, format)


VERBS: dict[str, Callable[..., int]] = {
    **{flow: _flow_verb(flow) for flow in (*FLOWS, "all")},
    "direction": direction,
    "verify": verify,
}


def main(argv: Sequence[str]) -> int:
    """`dr sync`."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else int(ExitCode.USAGE)
    if argv[0] not in VERBS:
        raise BadInput(f"there is no dr sync {argv[0]!r}", "nothing was changed", "dr sync --help")
    return run(VERBS[argv[0]], argv[1:], f"sync {argv[0]}")
