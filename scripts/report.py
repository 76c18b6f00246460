"""`dr report`: the post-incident or post-rollback report of a run, as HTML and Markdown; meets its deadline when filed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from scripts import switch
from scripts.command import run


def report(
    run_: Annotated[str, typer.Option("--run", help="Which run; by default the newest.")] = "",
    out: Annotated[Path, typer.Option("--out", help="Folder for the two files.")] = Path("out/reports"),
    root_cause: Annotated[str, typer.Option("--root-cause", help="Text for the slot.")] = "",
    actions: Annotated[str, typer.Option("--actions", help="Text for the slot.")] = "",
    lessons: Annotated[str, typer.Option("--lessons", help="Text for the slot.")] = "",
    file: Annotated[
        bool, typer.Option("--file", help="It is final: its deadline is met (needs --root-cause).")
    ] = False,
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Write the report of a run from its journal: timeline, RTO and RPO against target, proofs, approvals, messages.

    \b
    Examples:
      dr report
      dr report --run failover-20261122T030000-1a2b --root-cause 'us-east-1 lost power' --file
    """
    from clouds import journal_place
    from clouds.endpoints import load
    from clouds.program import project_root
    from clouds.runbook.runs import newest, state_of
    from recovery.journal.chain import Kind
    from recovery.report.incident import incident
    from recovery.report.incident_page import html, markdown
    from scripts.running import open_journal

    if file and not root_cause:
        raise BadInput(
            "a report without a root cause is not final",
            "COMM-3 asks for it",
            "dr report --root-cause '...' --file",
        )
    root = project_root()
    checked = journal_place.read(root)
    begun = newest(checked.records, id=run_)
    if begun is None:
        raise BadInput("there is no run to report on", "nothing was written", "dr journal show")
    texts = {"root cause": root_cause, "actions": actions, "lessons": lessons}
    made = incident(
        state_of(begun, checked.records), checked.records, begun.to_json(), load().scale,
        {name: text for name, text in texts.items() if text},
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    page, text = out / f"{begun.id}.html", out / f"{begun.id}.md"
    page.write_text(html(made), encoding="utf-8")
    text.write_text(markdown(made), encoding="utf-8")
    if file:
        journal = open_journal(root)
        try:
            journal.append(Kind.DEADLINE, begun.id, {"id": f"{begun.id}/{made.kind}", "met": True})
        finally:
            journal.rest()
    if not checked.sound:
        switch.say("the journal is DAMAGED (dr journal verify): this report says what is left of it")
    if format == "json":
        switch.print_json({"run": begun.id, "kind": made.kind, "rto": made.rto, "worked": made.worked, "rpo": made.rpo,
                           "html": str(page), "markdown": str(text), "verdict": made.sentence})  # fmt: skip
    else:
        print(f"  {page}\n  {text}\n{made.sentence}")
    return int(ExitCode.CLEAN)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(report, argv, "report")
