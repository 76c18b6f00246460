"""`dr drift`: say where reality has left the code. Reads only; never writes state."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.drift import baseline as baselines
from recovery.drift import files, report, text
from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.model import Json
from scripts import command

if TYPE_CHECKING:
    from recovery.drift.report import Live
    from recovery.model import Desired


def _drift(
    stack: Annotated[
        str, typer.Option("-s", "--stack", help="Whose mode is wanted: standby or active.")
    ] = "standby",
    desired: Annotated[
        Path | None,
        typer.Option(help="Compare this file (as `dr desired` prints it) instead of the program."),
    ] = None,
    live: Annotated[
        Path | None,
        typer.Option(help="Compare with this file (a list of ARM GET bodies) instead of the cloud."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(help="Baseline file. Default: baseline-STACK.json in DR_HOME, if it is there."),
    ] = None,
    baseline_write: Annotated[
        bool,
        typer.Option("--baseline-write", help="Record what the service filled in, after a clean deployment."),
    ] = False,
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> int:
    """Say where reality has left the code: changed, missing, unmanaged, or not observed.

    Exit code 0: as declared. 3: drift. 5: something could not be observed. 2: bad input.

    \b
    Examples:
      dr drift -s standby
      dr drift -s standby --format json
      dr drift --desired desired.json --live live.json    two files, no cloud
      dr drift -s standby --baseline-write                right after a clean deployment
    """
    if format not in ("text", "json"):
        raise BadInput(
            f"--format {format} is not known", "the output would not be what was expected", "--format json"
        )
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # live text may be no Unicode
    wanted, found = _read(stack, desired, live)
    if baseline_write:
        return _write(baseline or _default(stack), report.check(wanted, found, None, stack), stack)
    # Files from elsewhere are compared as they are: only a baseline that was named is applied to them.
    known = baselines.parse(_json(baseline)) if baseline else None
    if known is None and not live and (path := _default(stack)).exists():
        known = baselines.parse(_json(path))
    result = report.check(wanted, found, known, stack)
    if format == "json":
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False, default=str))
    else:
        for line in text.lines(result):
            typer.echo(line)
    return int(result.exit_code)


def _read(stack: str, desired: Path | None, live: Path | None) -> tuple[list[Desired], Live]:
    wanted = files.parse_desired(_json(desired), str(desired)) if desired else _program(stack)
    if live:
        return wanted, files.parse_live(_json(live), wanted, str(live))
    from clouds.azure.arm import Arm
    from clouds.azure.live import read_live
    from clouds.endpoints import load

    arm = Arm(load())
    try:
        return wanted, read_live(arm, wanted)
    finally:
        arm.close()


def _program(stack: str) -> list[Desired]:
    from clouds.program import desired, project_root

    return desired(project_root(), stack, os.environ)


def _write(path: Path, now: report.Report, stack: str) -> int:
    from clouds.baselines import noise

    repair = f"dr up -s {stack}"
    baselines.record(now.findings, repair)  # refuses what is missing or was not seen
    new = baselines.record(noise(now.findings), repair)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(new.to_json(), indent=2) + "\n")
    typer.echo(f"Baseline written: {len(new.entries)} differences are the service's own ({path}).")
    left = len(now.findings) - len(new.entries)
    if left:
        typer.echo(
            f"{left} differences would break an activation or are unmanaged: not accepted. Repair: {repair}"
        )
    return int(ExitCode.FINDING if left else ExitCode.CLEAN)


def _json(path: Path) -> Json:
    try:
        return json.loads(path.read_text(), parse_constant=_no_json)
    except (OSError, ValueError, RecursionError) as exc:
        raise BadInput(
            f"{path} cannot be read as JSON: {exc}",
            "without it there is nothing to compare",
            "ls -l " + str(path),
        ) from exc


def _no_json(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value")


def _default(stack: str) -> Path:
    from clouds.baselines import path_of
    from clouds.program import project_root

    return path_of(project_root(), stack)


def main(argv: Sequence[str]) -> int:
    """Run `dr drift`."""
    return command.run(_drift, argv, "drift")
