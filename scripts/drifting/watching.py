"""`dr drift --watch`: the same check again and again, saying only what is new and what is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from recovery.drift import changes, text
from recovery.drift.report import Report
from recovery.errors import DrError
from recovery.exit_codes import ExitCode

Say = Callable[[str], None]


def watch(
    check: Callable[[], Report], every: float, format: str, say: Say, aside: Say,
    sleep: Callable[[float], None], now: Callable[[], datetime],
) -> int:  # fmt: skip
    """Check until Ctrl-C, then return the last report's exit code.

    say: stdout, one line (a JSON object with format json). aside: stderr. A check that fails as a whole (no
    network, not signed in) is said and tried again: a watch that ends when the cloud is away watches nothing.
    """
    last: Report | None = None
    failed = False
    try:
        while True:
            try:
                report = check()
            except DrError as error:
                failed = True
                aside(f"{now():%H:%M:%S} not observed: {error}")
            else:
                failed = False
                _say(last, report, format, say, now())
                last = report
            sleep(every)
    except KeyboardInterrupt:
        if failed or last is None:
            return int(ExitCode.UNOBSERVED)
        if format == "text":
            say(text.verdict(last))
        return int(last.exit_code)


def _say(last: Report | None, report: Report, format: str, say: Say, at: datetime) -> None:
    new = changes.between(last, report) if last else changes.Changes(report.findings, ())
    if last and not new:
        return
    if format == "json":
        body = {
            "at": at.isoformat(timespec="seconds"), "appeared": [f.to_json() for f in new.appeared],
            "gone": [f.to_json() for f in new.gone], "counts": report.counts, "complete": report.complete,
        }  # fmt: skip
        say(json.dumps(body, ensure_ascii=False, default=str))
        return
    if last is None:
        for line in text.lines(report):
            say(line)
        return
    for mark, findings in (("+", new.appeared), ("-", new.gone)):
        for found in findings:
            what = (
                f"{found.path}: want {text.show(found.want)}, have {text.show(found.have)}"
                if found.path
                else str(found.verdict)
            )
            say(f"{at:%H:%M:%S} {mark} {found.severity} {text.short(found.id)} {what}")
    say(f"{at:%H:%M:%S} {text.verdict(report)}")
