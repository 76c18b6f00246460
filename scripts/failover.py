"""`dr failover`: the runbook failover, from the declaration to the validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from scripts import switch
from scripts.command import run

Engine = Annotated[
    str, typer.Option("--engine", help="auto (pulumi where its CLI is on PATH), pulumi, direct.")
]
Wait = Annotated[
    float | None,
    typer.Option("--wait", help="Seconds to wait when only people can go on; without it, for ever."),
]
Format = Annotated[str, typer.Option("--format", help="text or json.")]
Speaker = Annotated[str, typer.Option("--as", help="Who types at this terminal (identity of the plan).")]


def failover(
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in every message.")] = "",
    scenario: Annotated[str, typer.Option("--scenario", help="What is broken on AWS.")] = "",
    engine: Engine = "auto",
    drill: Annotated[
        bool,
        typer.Option(
            "--drill",
            help="Everything but the public records, the freeze and writes to AWS; then cheap again.",
        ),
    ] = False,
    primary_gone: Annotated[
        bool,
        typer.Option(
            "--aws-unreachable", help="Your word that AWS does not answer at all: what needs it is owed."
        ),
    ] = False,
    wait: Wait = None,
    speaker: Speaker = "",
    format: Format = "text",
) -> int:
    """Fail over to Azure: declare, block and sync, scale up, cut over, validate. Each irreversible step is asked first.

    Killed at any point, `dr resume` goes on. Answers come from `dr approve`, here or on another machine.

    \b
    Examples:
      dr failover --reason 'us-east-1 does not answer since 02:40'
      dr failover --reason 'quarterly drill' --drill
      dr failover --reason 'AWS is gone' --aws-unreachable --engine direct
    """
    from clouds.program import project_root
    from scripts.running import begin, carry_on

    switch.check_options("active", engine, format)
    root = project_root()
    begun = begin(
        root, "failover", engine, reason=reason, scenario=scenario, drill=drill, primary_gone=primary_gone
    )
    return carry_on(root, begun, wait, format, speaker)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(failover, argv, "failover")
