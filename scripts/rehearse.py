"""`dr rehearse`: the whole story on a local cloud of its own, with a report at the end, whatever the end is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from recovery.errors import BadInput, DrError
from scripts.command import run
from scripts.stopping import as_ctrl_c

DEFAULT_SCALE = 60.0
DEFAULT_OUT = Path("out/rehearsal")
ENGINES = ("auto", "pulumi", "direct")


def rehearse(
    engine: Annotated[
        str, typer.Option(help="auto, pulumi or direct; auto takes pulumi when its CLI is on PATH.")
    ] = "auto",
    scale: Annotated[
        float, typer.Option(help="Simulated seconds of slow operations per real second.")
    ] = DEFAULT_SCALE,
    durations: Annotated[
        str,
        typer.Option(help="median or p95 of the duration table; by default p95 at --scale 1, else median."),
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.")] = DEFAULT_OUT,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the local cloud's state folder (data and logs).")
    ] = False,
    format: Annotated[str, typer.Option(help="text or json: what is printed on stdout at the end.")] = "text",
) -> int:
    """Build a standby, meddle with it, repair it, carry data to it, fail over to it and back by the runbooks, and account for it.

    Everything runs on this machine, on loopback, in a folder that is thrown away. Examples:

      dr rehearse

      dr rehearse --engine direct --scale 30 --keep

      dr rehearse --scale 1      (slow operations last as long as they do, at their p95; the build alone is instant)

      dr rehearse --format json > report.json
    """
    _check(engine, scale, format)
    if durations not in ("", "median", "p95"):
        raise BadInput(
            f"there are no durations {durations!r}", "nothing was started", "dr rehearse --durations p95"
        )
    durations = durations or ("p95" if scale <= 1 else "median")
    from recovery.report.html import render
    from recovery.report.verdict import judge
    from scripts.rehearsal import leftovers
    from scripts.rehearsal.recorder import Ended, Recorder
    from scripts.rehearsal.show import Show
    from scripts.rehearsal.story import TITLES, Story
    from scripts.rehearsal.wiring import choose, open_world

    show = Show()
    chosen = choose(engine)
    record = Recorder(chosen, scale, TITLES, show)
    own = leftovers.mark()
    state = Path(tempfile.mkdtemp(prefix="dr-rehearsal-"))
    show.say(f"rehearsing with the {chosen} engine; slow operations at 1/{scale:g} of their duration")
    with as_ctrl_c(signal.SIGTERM, signal.SIGHUP):
        try:
            with open_world(chosen, state, scale, record) as world:
                Story(world, record, out=out.absolute(), durations=durations).run()
        except KeyboardInterrupt:
            record.stopped_by_person = True
        except Ended:
            pass  # the record knows why
        except Exception as error:  # noqa: BLE001  the report of what ran until then is still wanted, and says why
            record.failed(error)
            if not isinstance(error, DrError):
                traceback.print_exc()
    with _uninterruptible():
        record.stop_polling()
        record.left_running = leftovers.end(own)
        report = record.report()
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.html").write_text(render(report), encoding="utf-8")
        document = json.dumps(report.to_json(), indent=1, ensure_ascii=False)
        (out / "report.json").write_text(document + "\n", encoding="utf-8")
        if keep:
            show.say(f"state kept in {state}")
        else:
            shutil.rmtree(state, ignore_errors=True)
    verdict = judge(report)
    if report.failure:
        show.say(
            f"{report.failure.summary}\n  why it matters: {report.failure.detail}\n  fix: {report.failure.fix}"
        )
    show.say(f"report: {out / 'report.html'}")
    print(document if format == "json" else f"{verdict.sentence} (exit code {int(verdict.code)})")
    return int(verdict.code)


def _check(engine: str, scale: float, format: str) -> None:
    why = "nothing was started"
    if engine not in ENGINES:
        raise BadInput(f"there is no engine {engine!r}", why, f"dr rehearse --engine {'|'.join(ENGINES)}")
    if not 0 < scale <= 3600:
        raise BadInput(
            f"the scale must be above 0 and at most 3600 (found {scale:g})", why, "dr rehearse --scale 60"
        )
    if format not in ("text", "json"):
        raise BadInput(f"there is no format {format!r}", why, "dr rehearse --format text|json")


@contextmanager
def _uninterruptible() -> Iterator[None]:
    """Clearing up is short and must not be left half done: a second Ctrl-C is ignored until it is over."""
    before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: Sequence[str]) -> int:
    """`dr rehearse`."""
    before = dict(os.environ)
    try:
        return run(rehearse, argv, "rehearse")
    finally:
        os.environ.clear()
        os.environ.update(before)
