"""`dr announce TEMPLATE`: a message by hand, shown first or sent on its audience's channels, and recorded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from scripts import switch
from scripts.command import run


def announce(
    template: Annotated[
        str, typer.Argument(help="declaration, status, stabilised, external-first, ...")
    ] = "status",
    preview: Annotated[
        bool, typer.Option("--preview", help="Show it in both languages; send nothing.")
    ] = False,
    language: Annotated[str, typer.Option("--language", help="pt or en; default both.")] = "",
    run_: Annotated[str, typer.Option("--run", help="Which run; by default the newest.")] = "",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Write a message from the run's facts. External ones are sent by their runbook step, which the CTO approves.

    \b
    Examples:
      dr announce status --preview
      dr announce external-first --preview --language pt
      dr announce status
    """
    from clouds import journal_place
    from clouds.notify import channels, deliver
    from clouds.program import project_root
    from clouds.runbook.messages import facts_of
    from clouds.runbook.runs import Begun, book_named, newest, state_of
    from recovery.journal.chain import Kind
    from recovery.messages.texts import LANGUAGES, TEMPLATES, render
    from recovery.runbook.state import begin
    from scripts.running import open_journal

    root, now = project_root(), time.time()
    records = journal_place.read(root).records
    begun = newest(records, id=run_)
    state = state_of(begun, records) if begun else begin(book_named("failover"), "(no run yet)", {})
    facts = facts_of(state, begun or Begun("(no run yet)", "", "failover"), now)
    languages = [language] if language else list(LANGUAGES)
    messages = [render(template, one, facts) for one in languages]
    if format == "json":
        switch.print_json({"messages": [one.__dict__ for one in messages], "sent": not preview})
    elif preview:
        for one in messages:
            print(f"--- {one.language}, {one.audience}\n{one.subject}\n\n{one.body}")
    if preview:
        print("Nothing was sent (preview).") if format == "text" else None
        return int(ExitCode.CLEAN)
    if TEMPLATES[template] == "external":
        raise BadInput(
            f"{template} goes to users: it is sent by its step, after the CTO's approval",
            "nobody outside is told anything that the CTO has not approved (COMM-2)",
            f"dr announce {template} --preview",
        )
    if begun is None:
        raise BadInput("there is no run to speak of", "nothing was sent", f"dr announce {template} --preview")
    journal = open_journal(root)
    taken = missed = 0
    try:
        for channel in channels(root, TEMPLATES[template]):
            for one in messages:
                done = deliver(channel, one)
                taken, missed = taken + done.sent, missed + (not done.sent)
                journal.append(
                    Kind.MESSAGE, begun.id,
                    {"step": "", "template": template, "channel": channel.name, "language": one.language,
                     "audience": one.audience, "subject": one.subject, "text": one.body, "at": done.at,
                     "state": "sent" if done.sent else "failed", "reason": done.reason},
                )  # fmt: skip
    finally:
        journal.rest()
    if format == "text":
        print(f"{template}: taken {taken} time(s), not taken {missed} time(s); recorded in the journal.")
    return int(ExitCode.CLEAN if taken else ExitCode.FAILED)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(announce, argv, "announce")
