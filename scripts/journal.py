"""`dr journal verify|show`: is the journal whole, and what stands in it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.journal.chain import Damage, Verified
from scripts import switch
from scripts.command import run

USAGE = """Usage: dr journal verify|show [OPTIONS]

  verify  check every record's hash, the chain, and the head kept in the second place; says where it is damaged
  show    print the records

Examples:
  dr journal verify
  dr journal verify --journal copy.jsonl --head copy-head.json
  dr journal show --run failover-20261122T030000-1a2b"""

Format = Annotated[str, typer.Option("--format", help="text or json.")]
Journal = Annotated[Path | None, typer.Option("--journal", help="Another journal file than this machine's.")]
Head = Annotated[Path | None, typer.Option("--head", help="Its head in the second place.")]


def verify(journal: Journal = None, head: Head = None, format: Format = "text") -> int:
    """Any edit, removal, insertion or truncation is found and placed. Exit code 0 whole, 3 damaged, 5 not provable."""
    checked, path = _checked(journal, head)
    damage = [one for one in checked.findings if one.damage is not Damage.TAIL]
    if format == "json":
        switch.print_json(
            {
                "journal": str(path),
                "records": len(checked.records),
                "sound": checked.sound,
                "findings": [
                    {"damage": str(o.damage), "line": o.line, "detail": o.detail} for o in checked.findings
                ],
            }
        )
    else:
        for one in checked.findings:
            print(f"  {one}")
        if checked.sound:
            print(
                f"The journal is whole: {len(checked.records)} records, the head agrees ({checked.head.hash[:16]})."
            )
        else:
            print(f"The journal is DAMAGED in {len(damage)} place(s); the first at line {damage[0].line}.")
    return int(ExitCode.CLEAN if checked.sound else ExitCode.FINDING)


def show(
    run_: Annotated[str, typer.Option("--run", help="Only this run's records.")] = "",
    journal: Journal = None,
    head: Head = None,
    format: Format = "text",
) -> int:
    """Print the records, the oldest first."""
    checked, _ = _checked(journal, head)
    chosen = [one for one in checked.records if run_ in ("", one.run)]
    if format == "json":
        switch.print_json(
            {
                "records": [
                    {"seq": r.seq, "at": r.at, "run": r.run, "kind": str(r.kind), "body": dict(r.body)}
                    for r in chosen
                ]
            }
        )
    else:
        for one in chosen:
            text = ", ".join(f"{name}={value}" for name, value in one.body.items())
            print(f"{one.seq:>5}  {one.at}  {one.kind:<10}  {text[:220]}")
        print(
            f"{len(chosen)} record(s){'' if checked.sound else '; the journal is DAMAGED (dr journal verify)'}."
        )
    return int(ExitCode.CLEAN)


def _checked(journal: Path | None, head: Path | None) -> tuple[Verified, Path]:
    from clouds import journal_file, journal_place
    from clouds.program import project_root

    if journal is None:
        path, known = journal_place.paths(project_root())
    else:
        path, known = journal, head or journal.with_name("journal-head.json")
    if not path.exists():
        raise BadInput(f"there is no journal at {path}", "there is nothing to check", "dr status")
    if journal_file.read_head(known) is None:
        switch.say(f"no head can be read at {known}: whether the end is missing cannot be told")
    return journal_file.read(path, known), path


def main(argv: Sequence[str]) -> int:
    """`dr journal ...`."""
    verbs: dict[str, Callable[..., int]] = {"verify": verify, "show": show}
    if not argv or argv[0] not in verbs:
        asked = bool(argv) and argv[0] in ("-h", "--help")
        print(USAGE, file=sys.stdout if asked else sys.stderr)
        return int(ExitCode.CLEAN if asked else ExitCode.USAGE)
    return run(verbs[argv[0]], argv[1:], f"journal {argv[0]}")
