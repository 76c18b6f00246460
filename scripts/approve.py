"""`dr approve`: a person's answer to what a run asks, from this machine or any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.report.evidence import said
from scripts import switch
from scripts.command import run

As = Annotated[str, typer.Option("--as", help="Who speaks (identity of the plan).")]
Run = Annotated[str, typer.Option("--run", help="Which run; by default the unfinished one.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the journal.")]


def approve(
    step: Annotated[str, typer.Argument(help="The step whose question is answered.")] = "",
    identity: As = "",
    role: Annotated[str, typer.Option("--role", help="In which role, for a person of several.")] = "",
    no: Annotated[bool, typer.Option("--no", help="Refuse.")] = False,
    break_glass: Annotated[
        str,
        typer.Option(
            "--break-glass",
            help="Go on although the approver cannot be reached; give the reason. Loud and recorded.",
        ),
    ] = "",
    list_: Annotated[bool, typer.Option("--list", help="Show what is asked, and answer nothing.")] = False,
    run_: Run = "",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Answer a question of the run, signed with your own key. Two roles need two people; nothing else answers for you.

    \b
    Examples:
      dr approve --list
      dr approve cutover --as ic@demay.com
      dr approve decide --as cto@demay.com --no
      dr approve notice --as sre@demay.com --break-glass 'CTO on a plane, three calls unanswered'
    """
    from clouds.program import project_root
    from scripts.speaking import current, say

    root = project_root()
    begun, asked = current(root, run_)
    if list_ or not step:
        if format == "json":
            switch.print_json({"run": begun.id, **asked})
        else:
            for one in asked["asks"]:
                print(f"  {one['step']}, of the {' or '.join(one['missing'])}: {one['sentence']}")
                for name, seen in one["evidence"].items():
                    if text := said(seen):
                        print(f"      seen: {name}: {text}")
                for language, text in (one.get("drafts") or {}).items():
                    print(
                        f"      draft ({language}):\n        | " + text.strip().replace("\n", "\n        | ")
                    )
            print(f"{len(asked['asks'])} question(s) are open in {begun.id}.")
        return int(ExitCode.CLEAN)
    if no and break_glass:
        raise BadInput(
            "--no and --break-glass exclude each other", "nothing was said", f"dr approve {step} --no"
        )
    kind = "no" if no else "glass" if break_glass else "yes"
    print(say(root, begun, asked, kind, step=step, identity=identity, role=role, reason=break_glass))
    return int(ExitCode.CLEAN)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(approve, argv, "approve")
