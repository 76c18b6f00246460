"""`dr announce TEMPLATE`: a message by hand, shown first or sent on its audience's channels, and recorded."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
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
    draft: Annotated[
        Path | None,
        typer.Option(
            "--draft", help="A text (first line: subject) in place of the template's, as the PM; - is stdin."
        ),
    ] = None,
    identity: Annotated[str, typer.Option("--as", help="Who drafts (the PM's identity).")] = "",
    run_: Annotated[str, typer.Option("--run", help="Which run; by default the newest.")] = "",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Write a message from the run's facts. External ones are sent by their runbook step, which the CTO approves.

    \b
    Examples:
      dr announce status --preview
      dr announce external-first --preview --language pt
      dr announce status
      dr announce external-first --draft notice.txt --language pt --as pm@demay.com
    """
    from clouds import journal_place
    from clouds.endpoints import load
    from clouds.notify import channels, deliver
    from clouds.program import project_root
    from clouds.runbook.messages import facts_of
    from clouds.runbook.runs import Begun, book_named, newest, state_of
    from recovery.journal.chain import Kind
    from recovery.messages.drafts import drafted
    from recovery.messages.texts import LANGUAGES, TEMPLATES
    from recovery.runbook.state import begin
    from scripts.running import open_journal

    if draft is not None:
        return _draft(project_root(), template, draft, language, identity, run_)
    root, now = project_root(), time.time()
    records = journal_place.read(root).records
    begun = newest(records, id=run_)
    state = state_of(begun, records) if begun else begin(book_named("failover"), "(no run yet)", {})
    facts = facts_of(state, begun or Begun("(no run yet)", "", "failover"), now, load().scale)
    languages = [language] if language else list(LANGUAGES)
    messages = [drafted(template, one, facts, records, state.run) for one in languages]
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


def _draft(root: Path, template: str, file: Path, language: str, identity: str, run_: str) -> int:
    from recovery.messages.texts import LANGUAGES, TEMPLATES
    from scripts.speaking import current, say

    if TEMPLATES.get(template) != "external" or language not in LANGUAGES:
        raise BadInput(
            f"a draft is of an external message in one language (found {template}, {language or 'no language'})",
            "nothing was kept",
            "dr announce external-first --draft notice.txt --language pt",
        )
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read: {error}", "nothing was kept", f"ls {file}") from error
    begun, asked = current(root, run_)
    print(say(root, begun, asked, "draft", step=f"{template}/{language}", identity=identity, reason=text))
    print(
        f"Whoever is asked to approve {template} is shown this text; see it: dr announce {template} --preview"
    )
    return int(ExitCode.CLEAN)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(announce, argv, "announce")
