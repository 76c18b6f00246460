"""`dr rollback`: the runbook rollback, from the approval to the clean standby."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from scripts import switch
from scripts.command import run
from scripts.failover import Engine, Format, Speaker, Wait


def rollback(
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in every message.")] = "",
    engine: Engine = "auto",
    wait: Wait = None,
    speaker: Speaker = "",
    format: Format = "text",
) -> int:
    """Return to AWS: write the data back and prove it, cut back, drain, scale down, check for drift.

    Killed at any point, `dr resume` goes on. Answers come from `dr approve`, here or on another machine.

    \b
    Example:
      dr rollback --reason 'AWS has been healthy for six hours'
    """
    from clouds.program import project_root
    from scripts.running import begin, carry_on

    switch.check_options("standby", engine, format)
    root = project_root()
    begun = begin(root, "rollback", engine, reason=reason, scenario="", drill=False, primary_gone=False)
    return carry_on(root, begun, wait, format, speaker)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(rollback, argv, "rollback")
