"""`dr preview`: what an up would change, by either engine; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from recovery.exit_codes import ExitCode
from recovery.model import Action
from scripts import switch
from scripts.command import run
from scripts.up import EngineName, Exclude, Format, Stack


def preview(
    stack: Stack,
    engine: EngineName = "auto",
    exclude: Exclude = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="Let the safety gate pass create, delete or replace.")
    ] = None,
    first_build: Annotated[
        bool, typer.Option("--first-build", help="The footprint does not exist yet.")
    ] = False,
    expect_no_changes: Annotated[
        bool, typer.Option("--expect-no-changes", help="Exit 3 when anything would change.")
    ] = False,
    format: Format = "text",
) -> int:
    """Show what an up would change, and whether the safety gate would let it pass.

    \b
    Examples:
      dr preview -s active
      dr preview -s standby --expect-no-changes
      dr preview -s active --engine direct --format json
    """
    from clouds.program import project_root
    from recovery.safety import check

    switch.check_options(stack, engine, format)
    allowed = switch.allowed(allow or [], first_build)
    accept = stack if Action.CREATE in allowed else ""
    plan = switch.make_engine(engine, project_root(), accept_older=accept).preview(stack, exclude or [])
    if format == "json":
        switch.print_json(switch.plan_json(plan))
    else:
        print("\n".join(switch.plan_lines(plan)), flush=True)
    check(plan, allowed)
    if format == "text":
        print(f"An up of stack {stack} would change {len(plan.changes)} of {len(plan.steps)} resources.")
    return int(ExitCode.FINDING if expect_no_changes and plan.changes else ExitCode.CLEAN)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(preview, argv, "preview")
