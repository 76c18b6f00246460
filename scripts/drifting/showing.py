"""One report in the format that was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from recovery.drift import text
from recovery.drift.report import Report

FORMATS = ("text", "json", "html", "sarif")


def shown(report: Report, format: str, stack: str, against: str, now: datetime) -> str:
    """The whole output, without its last line end."""
    shows: dict[str, Callable[[], str]] = {
        "text": lambda: "\n".join(text.lines(report)),
        "json": lambda: json.dumps(report.to_json(), indent=2, ensure_ascii=False, default=str),
        "html": lambda: _html(report, stack, against, now),
        "sarif": lambda: _sarif(report),
    }
    return shows[format]()


def _html(report: Report, stack: str, against: str, now: datetime) -> str:
    from recovery.report.drift_page import render

    return render(report, stack, against, f"{now:%Y-%m-%d %H:%M} UTC")


def _sarif(report: Report) -> str:
    from importlib.metadata import PackageNotFoundError, version

    from recovery.drift.sarif import to_sarif

    try:
        own = version("standby")
    except PackageNotFoundError:
        own = "0"
    return json.dumps(to_sarif(report, own), indent=2, ensure_ascii=False, default=str)
