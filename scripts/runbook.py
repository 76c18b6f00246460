"""`dr runbook show NAME`: a runbook for people, with the commands for who must do it by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.model import Json
from recovery.runbook.steps import Runbook
from scripts import switch
from scripts.command import run

FORMATS = ("md", "dot", "json")
USAGE = """Usage: dr runbook show NAME [--format md|dot|json]
       dr runbook list
       dr runbook write

  show   a runbook with its critical path, roles, approvals and the manual commands of each step
  list   the runbooks there are
  write  write docs/runbooks/ anew from the data

Examples:
  dr runbook show failover
  dr runbook show rollback --format dot | dot -Tsvg > rollback.svg"""


def show(
    name: Annotated[str, typer.Argument(help="failover, rollback.")],
    format: Annotated[str, typer.Option("--format", help="md, dot or json.")] = "md",
) -> int:
    """Print a runbook."""
    from clouds.runbook.runs import book_named
    from recovery.runbook.render import dot, markdown

    if format not in FORMATS:
        raise BadInput(
            f"there is no format {format!r}", "nothing was shown", f"dr runbook show {name} --format md"
        )
    book = book_named(name)
    if format == "json":
        switch.print_json(document(book))
    else:
        print(markdown(book) if format == "md" else dot(book), end="")
    return int(ExitCode.CLEAN)


def list_() -> int:
    """The runbooks, a verdict sentence each."""
    from clouds.runbook.runs import BOOKS
    from recovery.runbook.path import verdict

    for book in BOOKS.values():
        print(verdict(book))
    return int(ExitCode.CLEAN)


def write() -> int:
    """Write docs/runbooks/ anew; a test compares it with the code."""
    from clouds.program import project_root

    folder = project_root() / "docs" / "runbooks"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{len(pages())} runbook(s) written to docs/runbooks/.")
    return int(ExitCode.CLEAN)


def pages() -> dict[str, str]:
    """File name -> text, for every runbook."""
    from clouds.runbook.runs import BOOKS
    from recovery.runbook.render import markdown

    return {f"{name}.md": markdown(book) for name, book in BOOKS.items()}


def stale(folder: Path) -> list[str]:
    """Names of the files that are not what the data says."""
    return [
        name
        for name, text in pages().items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]


def document(book: Runbook) -> dict[str, Json]:
    """A runbook as data."""
    from recovery.runbook.path import critical_path, sequential

    path = critical_path(book)
    return {
        "id": book.id, "title": book.title, "goal": book.goal, "criticalPath": list(path.steps),
        "secondsP95": path.seconds, "sequentialSecondsP95": sequential(book), "planSeconds": list(book.plan_seconds),
        "steps": [
            {"id": s.id, "title": s.title, "role": str(s.role), "needs": list(s.needs), "median": s.budget.median,
             "p95": s.budget.p95, "requirements": list(s.requirements), "irreversible": s.irreversible,
             "approval": s.approval.sentence if s.approval else "", "manual": list(s.manual)}
            for s in book.steps
        ],
    }  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """`dr runbook ...`."""
    verbs: dict[str, Callable[..., int]] = {"show": show, "list": list_, "write": write}
    if not argv or argv[0] not in verbs:
        asked = bool(argv) and argv[0] in ("-h", "--help")
        print(USAGE, file=sys.stdout if asked else sys.stderr)
        return int(ExitCode.CLEAN if asked else ExitCode.USAGE)
    return run(verbs[argv[0]], argv[1:], f"runbook {argv[0]}")
