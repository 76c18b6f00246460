"""`dr desired`: print the desired state that the program declares for a stack. Touches no cloud."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Annotated

import typer

from recovery.errors import BadInput
from scripts import command


def _desired(
    stack: Annotated[str, typer.Option("-s", "--stack", help="Whose mode: standby or active.")] = "standby",
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> int:
    """Print what the program declares for a stack: one line a resource, or the whole as JSON.

    \b
    Examples:
      dr desired -s standby
      dr desired -s active --format json > desired.json
    """
    if format not in ("text", "json"):
        raise BadInput(
            f"--format {format} is not known", "the output would not be what was expected", "--format json"
        )
    from clouds.program import desired, project_root

    found = desired(project_root(), stack, os.environ)
    if format == "json":
        typer.echo(json.dumps([d.to_json() for d in found], indent=2, ensure_ascii=False))
        return 0
    for item in found:
        typer.echo(f"{item.options.get('name', ''):<28} {item.arm_type or item.type:<62} {item.source}")
    typer.echo(f"{len(found)} resources are declared for stack {stack}.")
    return 0


def main(argv: Sequence[str]) -> int:
    """Run `dr desired`."""
    return command.run(_desired, argv, "desired")
