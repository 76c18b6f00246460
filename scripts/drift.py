"""`dr drift`: say where reality has left the code. Reads only; never writes state."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from recovery.drift import accepted, report
from recovery.drift import baseline as baselines
from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from scripts import command, switch
from scripts.drifting import inputs, watching
from scripts.drifting.showing import FORMATS, shown

SHORTEST_WATCH = 5.0
"""Seconds between two checks: more often would eat the subscription's budget of reads."""


def _drift(
    stack: Annotated[
        str,
        typer.Option(
            "-s",
            "--stack",
            help="Whose mode is wanted: standby or active; or source, or a stack of site trustlayer.",
        ),
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
    accepted_file: Annotated[
        Path | None,
        typer.Option(
            "--accepted",
            help="Accepted differences: a list of id, path, reason, owner, expires. Default: accepted-drift.yaml in the project, if it is there.",
        ),
    ] = None,
    format: Annotated[str, typer.Option(help=f"{', '.join(FORMATS)}.")] = "text",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file instead of stdout.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of --format json, and end.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Check again and again; say what is new and what is gone.")
    ] = False,
    every: Annotated[float, typer.Option(help="Seconds between two checks of --watch.")] = 60.0,
) -> int:
    """Say where reality has left the code: changed, missing, unmanaged, or not observed.

    Exit code 0: as declared. 3: drift. 5: something could not be observed. 2: bad input.

    \b
    Examples:
      dr drift -s standby
      dr drift -s standby --format json
      dr drift -s standby --format html -o drift.html     for people
      dr drift -s standby --format sarif -o drift.sarif   for a code host
      dr drift --desired desired.json --live live.json    two files, no cloud
      dr drift -s source                                  the primary's side, in AWS
      dr drift -s trustlayer-standby                      site trustlayer: AWS and Kubernetes
      dr drift -s standby --watch --every 30              until Ctrl-C
      dr drift -s standby --baseline-write                right after a clean deployment
    """
    if schema:
        from recovery.drift.schema import SCHEMA

        typer.echo(json.dumps(SCHEMA, indent=2))
        return int(ExitCode.CLEAN)
    _check_options(format, watch, every, output, baseline_write)
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="backslashreplace")  # live text may be no Unicode
    known = None if baseline_write else inputs.baseline(baseline, stack, from_file=live is not None)
    agreed = inputs.acceptances(accepted_file, _now().date(), from_file=live is not None)

    def check() -> report.Report:
        wanted, found = inputs.read(stack, desired, live)
        result, unused = accepted.settle(checker(stack)(wanted, found, known, stack), agreed, _now().date())
        for entry in unused:
            typer.echo(f"no longer needed, delete it: the acceptance of {entry.id} {entry.path}", err=True)
        return result

    if baseline_write:
        wanted, found = inputs.read(stack, desired, live)
        return _write(
            baseline or inputs.baseline_path(stack), checker(stack)(wanted, found, None, stack), stack
        )
    if watch:
        return watching.watch(
            check, every, format, typer.echo, lambda line: typer.echo(line, err=True), time.sleep, _now
        )
    result = check()
    _put(shown(result, format, stack, _against(desired, live), _now()), output)
    return int(result.exit_code)


def _check_options(format: str, watch: bool, every: float, output: Path | None, baseline_write: bool) -> None:
    if format not in FORMATS:
        raise BadInput(
            f"--format {format} is not known (known: {', '.join(FORMATS)})",
            "the output would not be what was expected",
            "dr drift --format json",
        )
    if watch and (format not in ("text", "json") or output or baseline_write):
        raise BadInput(
            "--watch says what is new on stdout, as text or JSON lines: no html, no sarif, no --output, no --baseline-write",
            "a file that is replaced while it is read is half of two reports",
            "dr drift --watch --format json > drift.jsonl",
        )
    if watch and every < SHORTEST_WATCH:
        raise BadInput(
            f"--every {every:g} is shorter than {SHORTEST_WATCH:g} s",
            "the reads of a subscription are budgeted, and a failover needs them too",
            f"dr drift --watch --every {SHORTEST_WATCH:g}",
        )


def checker(stack: str) -> Callable[..., report.Report]:
    """The comparison of the stack's site: the same findings, its own repairs and severities."""
    if stack.startswith("trustlayer-"):
        from recovery.trustlayer.drift import check

        return check
    if stack == switch.SOURCE:
        from recovery.aws.drift import check as of_source

        return of_source
    return report.check


def _against(desired: Path | None, live: Path | None) -> str:
    return f"{desired.name if desired else 'the program'} against {live.name if live else 'the cloud'}"


def _put(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n", errors="backslashreplace")
    except OSError as exc:
        raise BadInput(
            f"{output} cannot be written: {exc}", "the report would be lost", "dr drift -o drift.html"
        ) from exc
    typer.echo(f"written: {output}", err=True)


def _write(path: Path, now: report.Report, stack: str) -> int:
    from clouds.baselines import noise

    repair = f"dr up -s {stack}" if stack in ("standby", "active") else f"pulumi up -s {stack}"
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


def _now() -> datetime:
    return datetime.now(UTC)


def main(argv: Sequence[str]) -> int:
    """Run `dr drift`."""
    return command.run(_drift, argv, "drift")
