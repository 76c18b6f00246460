"""`dr up`: preview, safety gate, confirmation, up, hand-over, all under the two-stack lock."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.engine import Event
from recovery.errors import DrError
from recovery.exit_codes import ExitCode
from recovery.model import Action, Json, Plan
from scripts import switch
from scripts.command import run

if TYPE_CHECKING:
    from clouds.run_records import RunRecord

Stack = Annotated[str, typer.Option("--stack", "-s", help="standby or active.")]
EngineName = Annotated[
    str, typer.Option("--engine", help="auto (pulumi where its CLI is on PATH), pulumi, direct.")
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="URN pattern that stays as it is ('**-record'); may be repeated."),
]
Format = Annotated[str, typer.Option("--format", help="text or json.")]


def up(
    stack: Stack,
    engine: EngineName = "auto",
    exclude: Exclude = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="Let the safety gate pass create, delete or replace.")
    ] = None,
    first_build: Annotated[
        bool, typer.Option("--first-build", help="The footprint does not exist yet: create it.")
    ] = False,
    hand_over: Annotated[
        bool,
        typer.Option("--hand-over/--no-hand-over", help="Give the other stack the checkpoint at the end."),
    ] = True,
    format: Format = "text",
) -> int:
    """Bring the footprint to a stack's mode: active is the failover, standby the way back.

    \b
    Examples:
      dr up -s standby --first-build
      dr up -s active
      dr up -s active --exclude '**-record'      everything but the traffic
      dr up -s standby --engine direct --yes
    """
    from clouds.program import project_root

    switch.check_options(stack, engine, format)
    allowed = switch.allowed(allow or [], first_build)
    return go(
        project_root(), stack, engine, exclude or [], allowed,
        yes=yes, hand_over=hand_over, format=format,
    )  # fmt: skip


def go(
    root: Path,
    stack: str,
    engine_name: str,
    exclude: Sequence[str],
    allow: frozenset[Action],
    *,
    yes: bool,
    hand_over: bool,
    format: str,
) -> int:
    """The whole of an up, also for `dr resume`. Raises recovery.errors; the run record says how it ended."""
    from clouds.pulumi_cli import Killed
    from clouds.run_records import RunRecord, runs_folder
    from recovery.safety import check

    began = time.monotonic()
    record: RunRecord | None = None
    with switch.FootprintLock(root, stack) as lock:

        def started(pid: int) -> None:
            if record is not None:
                record.cli_started(pid)

        accept = stack if Action.CREATE in allow else ""
        engine = switch.make_engine(
            engine_name, root, on_start=started, before_change=lock.check, accept_older=accept
        )
        if engine.name == "pulumi":
            _ensure_stack(root, stack, allow)
        switch.say(f"{engine.name}: looking at what stack {stack} would change")
        plan = engine.preview(stack, exclude)
        check(plan, allow)
        if format == "text":
            print("\n".join(switch.plan_lines(plan)), flush=True)
        done = plan
        handed: dict[str, Json] = {}
        if Action.CREATE in allow and plan.changes:
            _say_cost(root)
        if plan.changes:
            switch.confirm(plan, yes)
        record = RunRecord.begin(
            runs_folder(root),
            stack=stack,
            engine=engine.name,
            command=["dr", *sys.argv[1:]],
            exclude=exclude,
            allow=[str(a) for a in allow],
        )
        try:
            if plan.changes:
                done = engine.apply(stack, exclude=exclude, allow=allow, on_event=_watch(lock))
            if hand_over and engine.name == "pulumi":
                handed = _hand_over(root, stack, refreshed=bool(plan.changes))
        except Killed as error:
            record.note(interrupted=switch.outcome_of(error))  # no end: `dr resume` finishes it
            raise
        except BaseException as error:
            record.end(switch.outcome_of(error))
            raise
        record.end("done")
    seconds = time.monotonic() - began
    verdict = _verdict(stack, done, handed, seconds, exclude)
    if format == "json":
        switch.print_json(
            {
                "plan": switch.plan_json(plan),
                "done": switch.plan_json(done),
                "handover": handed,
                "seconds": round(seconds, 1),
                "verdict": verdict,
            }
        )
    else:
        print(verdict)
    return int(ExitCode.CLEAN)


def _ensure_stack(root: Path, stack: str, allow: frozenset[Action]) -> None:
    """The first build makes its stack; anything else on a missing stack is Pulumi's own error."""
    from clouds.pulumi_cli import PulumiCli

    cli = PulumiCli(root)
    if Action.CREATE in allow and stack not in cli.stacks():
        switch.say(f"making stack {stack}")
        provider = os.environ.get("DR_SECRETS_PROVIDER")
        cli.run("stack", "init", stack, *(("--secrets-provider", provider) if provider else ()))


def _say_cost(root: Path) -> None:
    """What is about to be made costs money: said before anybody agrees to it."""
    from scripts.cost import reckoned

    try:
        switch.say(f"cost: {reckoned(root).sentence} (dr cost has the lines)")
    except DrError as error:
        switch.say(f"cost: not known ({error.summary})")


def _watch(lock: switch.FootprintLock) -> Callable[[Event], None]:
    def watch(event: Event) -> None:
        switch.show_event(event)
        lock.saw(event)

    return watch


def _hand_over(root: Path, stack: str, refreshed: bool) -> dict[str, Json]:
    from clouds.checkpoint import hand_over
    from clouds.pulumi_cli import PulumiCli

    to = switch.other(stack)
    switch.say(f"handing the checkpoint over to {to}")
    done = hand_over(PulumiCli(root), stack, to, refresh=not refreshed, environ=os.environ, say=switch.say)
    return {"to": to, "resources": done.resources, "footprint": done.footprint}


def _verdict(stack: str, done: Plan, handed: dict[str, Json], seconds: float, exclude: Sequence[str]) -> str:
    left = f", {', '.join(exclude)} left as it was" if exclude else ""
    over = f"; handed over to {handed['to']} ({handed['resources']} resources)" if handed else ""
    return f"Stack {stack} is up: {switch.counted(done)}{left}{over}, in {seconds:.0f} s."


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(up, argv, "up")
