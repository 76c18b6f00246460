"""`dr cost`: what the standby costs a month and an active day costs, from the program and a dated price file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from scripts.command import run

if TYPE_CHECKING:
    from recovery.readiness.cost import Bill

PRICES = Path(__file__).resolve().parent.parent / "recovery" / "readiness" / "prices.json"


def reckoned(root: Path, file: Path = PRICES) -> Bill:
    """Both modes priced. Raises BadInput for a file that cannot be read."""
    from clouds.program import desired
    from recovery.readiness.cost import bill

    try:
        raw = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{file} cannot be read as JSON: {error}",
            "without prices nothing can be reckoned",
            f"less {file}",
        ) from error
    return bill(desired(root, "standby", os.environ), desired(root, "active", os.environ), raw)


def cost(
    prices: Annotated[Path, typer.Option("--prices", help="Another price file.")] = PRICES,
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """What is known to cost something, and what no price is known for. Touches no cloud.

    A price that is not in the file is unknown, never 0: the sums are lower bounds, and say so.

    \b
    Examples:
      dr cost
      dr cost --prices brazilsouth.json --format json
    """
    from clouds.program import project_root

    if format not in ("text", "json"):
        raise BadInput(
            f"--format {format!r} is not known (known: text, json)",
            "nothing was reckoned",
            "dr cost --format json",
        )
    made = reckoned(project_root(), prices)
    if format == "json":
        print(json.dumps(made.to_json(), indent=1, ensure_ascii=False))
        return int(ExitCode.CLEAN)
    width = max((len(line.what) for line in made.lines), default=0)
    print(f"  {'':<{width}}  {'a month':>10}  {'active day':>10}")
    for line in made.lines:
        print(f"  {line.what:<{width}}  {line.month:>10.2f}  {line.day:>10.2f}  {line.why}")
    print("  no price is known for:")
    for kind, count in made.unknown:
        print(f"    {count} x {kind}")
    print(made.sentence)
    return int(ExitCode.CLEAN)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(cost, argv, "cost")
