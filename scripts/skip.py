"""`dr skip STEP --reason`: leave out a step that may be left out; who and why stand in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from scripts.approve import As, Reason, Run
from scripts.command import run


def skip(
    step: Annotated[str, typer.Argument(help="The step to leave out.")],
    reason: Reason = "",
    identity: As = "",
    run_: Run = "",
) -> int:
    """Leave a step out. What proves health, and what is irreversible, cannot be left out.

    \b
    Example:
      dr skip telemetry --reason 'Application Insights is slow tonight' --as sre@demay.com
    """
    from clouds.program import project_root
    from clouds.runbook.runs import book_named
    from scripts.speaking import current, say

    if not reason.strip():
        raise BadInput(
            "leaving a step out needs a reason", "it stands in the report", f"dr skip {step} --reason '...'"
        )
    root = project_root()
    begun, asked = current(root, run_)
    book = book_named(begun.book)
    known = [one.id for one in book.steps if one.skippable]
    if step not in known:
        raise BadInput(
            f"{step} cannot be left out of {book.id} (may be: {', '.join(known)})",
            "what is left of the run would rest on something that nobody has seen",
            f"dr resume --retry {step}",
        )
    print(say(root, begun, asked, "skip", step=step, identity=identity, reason=reason))
    return int(ExitCode.CLEAN)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(skip, argv, "skip")
