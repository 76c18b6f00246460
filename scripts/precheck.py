"""`dr precheck failover|rollback`: could we, now; how long would it take; could we come back?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from recovery.exit_codes import ExitCode
from scripts import switch
from scripts.command import run

SENTENCES = {
    0: "{name} could begin now: {path}",
    3: "{name} could NOT go through now: {bad}.",
    5: "It cannot be told whether {name} could go through now: {bad}.",
}


def precheck(
    name: Annotated[str, typer.Argument(help="failover or rollback.")],
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Ask everything that would stop the run, and change nothing. Exit code 0 yes, 3 no, 5 not everything was seen.

    \b
    Examples:
      dr precheck failover
      dr precheck rollback --format json
    """
    from clouds.program import project_root
    from clouds.runbook.footprint import Footprint
    from clouds.runbook.precheck import all_of, exit_of
    from clouds.runbook.runs import book_named
    from recovery.runbook.path import verdict, with_ttl

    book = book_named(name)
    root = project_root()
    footprint = Footprint(root)
    book = with_ttl(book, footprint.ttl())
    answers = all_of(footprint, name, lambda stack: switch.make_engine("direct", root).preview(stack))
    code = exit_of(answers)
    bad = "; ".join(one.question for one in answers if one.says != "yes")
    sentence = SENTENCES[code].format(name=name, path=verdict(book), bad=bad)
    if format == "json":
        switch.print_json(
            {
                "runbook": name,
                "answers": [one.__dict__ for one in answers],
                "verdict": sentence,
                "exitCode": code,
            }
        )
    else:
        width = max(len(one.question) for one in answers)
        for one in answers:
            print(f"  {one.says:<7}  {one.question:<{width}}  {one.detail}")
        print(sentence)
    return int(ExitCode(code))


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(precheck, argv, "precheck")
