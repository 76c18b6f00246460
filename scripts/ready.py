"""`dr ready`: could this standby take over? Each check really does what it asks about; unknown is a verdict."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.model import Json
from scripts.command import run

if TYPE_CHECKING:
    from clouds.readiness.kept import History
    from clouds.readiness.world import ReadyWorld
    from recovery.readiness.model import Result
    from recovery.readiness.report import Report
    from recovery.readiness.trail import Trail

FORMATS = ("text", "json", "html", "sarif")
SIGNS = {"ready": "=", "not ready": "~", "unknown": "?"}


def ready(
    stack: Annotated[
        str, typer.Option("--stack", "-s", help="Whose mode is expected: standby or active.")
    ] = "standby",
    format: Annotated[str, typer.Option("--format", help="text, json, html or sarif.")] = "text",
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the report to this file instead of stdout.")
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", help="Only this check, or this requirement; may be repeated."),
    ] = None,
    if_first_monday: Annotated[
        bool, typer.Option("--if-first-monday", help="Do nothing on any other day (cron cannot say it).")
    ] = False,
    engine: Annotated[str, typer.Option("--engine", help="Whose preview: auto, pulumi or direct.")] = "auto",
    window: Annotated[
        float, typer.Option("--window", help="Hours after which an open failure goes to the CTO.")
    ] = 8.0,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Keep the run here and in the journal container.")
    ] = True,
) -> int:
    """Ask everything that would fail on the day, all at the same time, by really doing it; then clean up.

    Exit code 0: ready. 3: something is not ready. 5: something could not be seen, so nothing may be called ready.
    A failure opens a trail: found, fixed, retested, or escalated to the CTO once the maintenance window is over.

    \b
    Examples:
      dr ready
      dr ready --format html --out out/readiness.html
      dr ready --check READY-6 --check drift
      dr ready --if-first-monday             from a daily or Monday schedule
      dr ready list                          every check, what it proves, the fault that it finds
      dr ready fixed certificate --how 'renewed by hand'
      dr ready report 2026-12                the monthly report, trails included
      dr ready trend                         the kept runs as a page
    """
    from recovery.readiness import calendar
    from recovery.readiness.registry import CHECKS, named

    if format not in FORMATS:
        raise BadInput(
            f"--format {format!r} is not known (known: {', '.join(FORMATS)})",
            "nothing was looked at",
            "dr ready --format json",
        )
    if stack not in ("standby", "active"):
        raise BadInput(
            f"-s {stack!r} is not known (known: standby, active)",
            "nothing was looked at",
            "dr ready -s standby",
        )
    if not window > 0:
        raise BadInput(
            f"--window {window:g} is no time",
            "a failure would be escalated before it could be fixed",
            "--window 8",
        )
    try:
        chosen = named(check) if check else CHECKS
    except KeyError as unknown:
        raise BadInput(f"there is no check {unknown}", "nothing was looked at", "dr ready list") from None
    today = datetime.now(UTC).date()
    if if_first_monday and not calendar.is_first_monday(today):
        say(
            f"{today} is no first Monday: nothing was asked. The next one is {calendar.next_first_monday(today)}."
        )
        return int(ExitCode.CLEAN)

    world, report = _carry_out(stack, engine, chosen, quiet=format != "text" and out is None)
    try:
        note = _keep(world, report) if keep else ""
        history = _history(world, report)
        trails = _escalate(world, report, history, window) if keep else _trails(history)
    finally:
        world.close()
    _show(report, trails, history, format, out)
    for text in (
        note,
        f"earlier runs in Azure could not be read: {history.unseen}" if history.unseen else "",
    ):
        if text:
            say(text)
    return int(report.code)


def say(text: str) -> None:
    """Talk goes to stderr."""
    print(text, file=sys.stderr, flush=True)


def open_world(stack: str = "standby", engine: str = "auto") -> ReadyWorld:
    """The world of a run, with the preview of the engine that is asked for."""
    from clouds.program import project_root
    from clouds.readiness import kept
    from clouds.readiness.world import ReadyWorld
    from recovery.model import Plan
    from scripts import switch

    root = project_root()

    def preview(other: str) -> Plan:
        return switch.make_engine(engine, root).preview(other)

    return ReadyWorld(root, kept.new_id(datetime.now(UTC)), stack, preview=preview)


def _carry_out(
    stack: str, engine: str, checks: Sequence[object], *, quiet: bool
) -> tuple[ReadyWorld, Report]:
    from clouds.readiness import kept
    from clouds.readiness.run import run as ask
    from recovery.readiness.registry import CHECKS
    from recovery.readiness.report import Report

    world = open_world(stack, engine)
    world.prepare()
    started, began = datetime.now(UTC), time.monotonic()
    arrived: list[Result] = []

    def show(result: Result) -> None:
        arrived.append(result)
        if not quiet and sys.stderr.isatty():
            print(
                f"\r  {len(arrived)} of {len(checks)}: {result.id:<20}", end="", file=sys.stderr, flush=True
            )

    results = ask(world, checks, on_result=show)  # type: ignore[arg-type]  # checks of the registry
    if not quiet and sys.stderr.isatty():
        print("\r" + " " * 40, end="\r", file=sys.stderr)
    return world, Report(
        world.run, stack, started.isoformat(timespec="seconds"), time.monotonic() - began, world.endpoints.scale,
        kept.person(), socket.gethostname(), tuple(results), len(CHECKS),
    )  # fmt: skip


def _keep(world: ReadyWorld, report: Report) -> str:
    from clouds.readiness import kept

    path, error = kept.keep(world, report.run, report.to_json())
    if error is not None:
        return f"this run is kept on this machine alone ({path}): {error.summary}"
    return f"kept: {path}, and readiness/{path.name} in the journal container"


def _history(world: ReadyWorld, report: Report) -> History:
    from dataclasses import replace

    from clouds.readiness import kept

    found = kept.history(world)
    if any(d.get("run") == report.run for d in found.documents):
        return found
    return replace(found, documents=(*found.documents, report.to_json()))


def _trails(history: History) -> list[Trail]:
    from recovery.readiness.trail import fold

    return fold(history.documents)


def _escalate(world: ReadyWorld, report: Report, history: History, window: float) -> list[Trail]:
    """Send what is over its window to the CTO, and write down on which channels it arrived."""
    from datetime import timedelta

    from clouds.readiness.escalate import escalate
    from recovery.readiness.trail import due

    trails = _trails(history)
    late = due(trails, datetime.now(UTC), timedelta(hours=window))
    if not late:
        return trails
    documents = escalate(world, late, report.run)
    sent = all(one["reached"] for one in documents)
    say(
        f"{len(late)} failure(s) are open beyond {window:g} h: "
        + ("the CTO was told" if sent else "the CTO could NOT be told")
    )
    from recovery.readiness.trail import fold

    return fold([*history.documents, *documents])


def _show(report: Report, trails: Sequence[Trail], history: History, format: str, out: Path | None) -> None:
    from recovery.readiness.registry import CHECKS

    if format == "text":
        text = "\n".join(lines(report, trails))
    elif format == "json":
        from recovery.readiness.report import trail_line

        document = report.to_json() | {"trails": [trail_line(t) for t in trails if not t.closed]}
        text = json.dumps(document, indent=1, ensure_ascii=False)
    elif format == "sarif":
        from recovery.readiness.sarif import sarif

        text = json.dumps(sarif(report, CHECKS), indent=1, ensure_ascii=False)
    else:
        from recovery.readiness.pages import page
        from recovery.readiness.report import runs

        text = page(report, trails, runs(history.documents))
    if out is None:
        print(text)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")
        print(f"  {out}\n{report.sentence}")


def lines(report: Report, trails: Sequence[Trail]) -> list[str]:
    """The report as text: a line a check, the fixes, the open trails, the verdict last."""
    from recovery.readiness.report import trail_line

    width = max(len(one.title) for one in report.results)
    mark = max(len(one.requirement) for one in report.results)
    shown = []
    for one in report.results:
        head = f"{SIGNS[one.verdict]} {one.requirement:<{mark}}  {one.title:<{width}}  {one.seconds:5.1f} s  "
        shown.append(f"{head}{one.sentence}")
        if one.fix:
            shown.append(f"{'':<{len(head)}}fix ({one.severity}): {one.fix}")
    older = [t for t in trails if not t.closed and t.found != report.started]
    if older:
        shown += ["", "open since an earlier run:", *(f"  {trail_line(t)}" for t in older), ""]
    if report.scale != 1:
        shown.append(f"(local cloud: slow operations run at 1/{report.scale:g} of their real duration)")
    return [*shown, report.sentence]


def listed(format: Annotated[str, typer.Option("--format", help="text or json.")] = "text") -> int:
    """Every check: what it proves, how grave it is, the fault that it finds, and what mends it."""
    from recovery.readiness.registry import CHECKS

    if format == "json":
        rows: list[Json] = [
            {
                k: str(getattr(c, k))
                for k in ("id", "requirement", "severity", "title", "proves", "fault", "fix")
            }
            for c in CHECKS
        ]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for one in CHECKS:
        print(
            f"{one.id} ({one.requirement}, {one.severity})\n  ready means: {one.proves}\n  finds: {one.fault}\n  fix: {one.fix}"
        )
    return 0


def fixed(
    check: Annotated[str, typer.Argument(help="The check's id.")],
    how: Annotated[str, typer.Option("--how", help="What was done.")],
    by: Annotated[str, typer.Option("--by", help="Who did it; by default you.")] = "",
) -> int:
    """Write down that a failure was fixed. It stays open until a run finds it ready: `dr ready --check CHECK`."""
    from clouds.readiness import kept

    world = open_world()
    try:
        open_ids = {t.check for t in _trails(kept.history(world)) if not t.closed}
        if check not in open_ids:
            raise BadInput(
                f"no failure of {check} is open (open: {', '.join(sorted(open_ids)) or 'none'})",
                "a fix is written down at the failure that it fixes", "dr ready",
            )  # fmt: skip
        now = datetime.now(UTC)
        document = {
            "kind": "fixed",
            "check": check,
            "at": now.isoformat(timespec="seconds"),
            "by": by or kept.person(),
            "text": how,
        }
        _, error = kept.keep(world, kept.new_id(now, "fixed"), document)
    finally:
        world.close()
    if error is not None:
        say(f"written on this machine alone: {error.summary}")
    print(f"Written down. Retest: dr ready --check {check}")
    return 0


def monthly(
    month: Annotated[str, typer.Argument(help="YYYY-MM; by default this month.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="The page's file.")] = None,
) -> int:
    """The monthly readiness report: every run of the month, and the trail of each failure (READY-8)."""
    from clouds.readiness import kept
    from recovery.readiness.pages import monthly_page
    from recovery.readiness.report import runs, trail_line
    from recovery.readiness.trail import fold, touched

    chosen = month or f"{datetime.now(UTC):%Y-%m}"
    try:
        datetime.strptime(chosen, "%Y-%m")
    except ValueError as error:
        raise BadInput(f"{month!r} is no month", "nothing was written", "dr ready report 2026-12") from error
    world = open_world()
    try:
        history = kept.history(world)
    finally:
        world.close()
    mine = [one for one in runs(history.documents) if one.started.startswith(chosen)]
    trails = touched(fold(history.documents), chosen)
    path = out or Path("out/readiness") / f"{chosen}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(monthly_page(chosen, mine, trails, history.unseen), encoding="utf-8")
    for trail in trails:
        print(f"  {trail_line(trail)}")
    print(f"  {path}")
    if history.unseen:
        print(f"Incomplete: the runs kept in Azure could not be read ({history.unseen}).")
        return int(ExitCode.UNOBSERVED)
    print(
        f"{chosen}: {len(mine)} run(s), {len(trails)} failure(s), {sum(1 for t in trails if not t.closed)} still open."
    )
    return int(ExitCode.CLEAN if mine else ExitCode.FINDING)


def trend(
    out: Annotated[Path, typer.Option("--out", help="The page's file.")] = Path("out/readiness/trend.html"),
) -> int:
    """The kept runs as one page: each check over the last year."""
    from clouds.readiness import kept
    from recovery.readiness.pages import trend_page
    from recovery.readiness.report import runs
    from recovery.readiness.trail import fold

    world = open_world()
    try:
        history = kept.history(world)
    finally:
        world.close()
    every = runs(history.documents)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(trend_page(every, fold(history.documents), history.unseen), encoding="utf-8")
    print(f"  {out}\n{len(every)} kept run(s).")
    return int(ExitCode.UNOBSERVED if history.unseen else ExitCode.CLEAN)


PARTS: dict[str, Callable[..., int]] = {"list": listed, "fixed": fixed, "report": monthly, "trend": trend}


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    if argv and argv[0] in PARTS:
        return run(PARTS[argv[0]], argv[1:], f"ready {argv[0]}")
    return run(ready, argv, "ready")


__all__ = ["fixed", "lines", "listed", "main", "monthly", "open_world", "ready", "trend"]
