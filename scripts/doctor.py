"""`dr doctor`: what is missing, on this machine and in this account, before anything else fails confusingly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from recovery.errors import BadInput
from scripts.command import run

SIGNS = {"ok": "=", "missing": "!", "unknown": "?"}


def doctor(
    role: Annotated[
        str, typer.Option("--role", help="Whose permissions are wanted (docs/permissions.md).")
    ] = "operator",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Versions, credentials, each permission, reachability, globally unique names, delegation: each with its fix.

    \b
    Changes nothing. Exit code 0: all is there. 3: something is missing. 5: something could not be told. Examples:
      dr doctor
      dr doctor --role readiness
      dr doctor --format json | jq '.answers[] | select(.says != "ok")'
    """
    from clouds.doctor import Doctor
    from clouds.program import project_root
    from recovery.readiness.doctor import exit_of, sentence

    if format not in ("text", "json"):
        raise BadInput(
            f"--format {format!r} is not known (known: text, json)",
            "nothing was asked",
            "dr doctor --format json",
        )
    answers = Doctor(project_root(), role).all()
    code = exit_of(answers)
    if format == "json":
        rows = [one.__dict__ for one in answers]
        print(
            json.dumps(
                {"role": role, "answers": rows, "verdict": sentence(answers), "exitCode": int(code)}, indent=1
            )
        )
        return int(code)
    group = said = ""
    for one in answers:
        if one.group != group:
            group = one.group
            print(group)
        fix = one.fix if one.fix != said else ""  # one command may mend many lines
        said = one.fix or said
        print(f"  {SIGNS[one.says]} {one.question}: {one.detail}" + (f"\n      fix: {fix}" if fix else ""))
    print(sentence(answers))
    return int(code)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(doctor, argv, "doctor")
