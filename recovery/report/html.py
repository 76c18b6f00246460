"""`report.html`: one self-contained page, escaped by construction, no script, light and dark, narrow and wide."""

from __future__ import annotations

import json

from jinja2 import Environment, PackageLoader, StrictUndefined

from recovery.model import Json
from recovery.report.figures import figures
from recovery.report.model import Report
from recovery.report.timeline import drawing, overview, sky
from recovery.report.verdict import judge, span


def value(thing: Json) -> str:
    """A desired or live value for a cell: text as it is, nothing as a dash, all else as compact JSON; 200 characters."""
    if thing is None:
        return "–"
    text = thing if isinstance(thing, str) else json.dumps(thing, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 200 else text[:199] + "…"


def named(identity: str) -> tuple[str, str]:
    """What kind of resource an ARM id is, and its name, without what all ids share: ("dnsZones/A", "demay.com/@")."""
    parts = identity.rsplit("/providers/", 1)[-1].split("/")[1:] if "/providers/" in identity else []
    return ("/".join(parts[::2]), "/".join(parts[1::2])) if parts else ("", identity)


def render(report: Report) -> str:
    """The page. Everything that came from the world goes through autoescape."""
    environment = Environment(
        loader=PackageLoader("recovery.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(span=span, value=value, named=named)
    picture = drawing(report)
    return environment.get_template("report.html.j2").render(
        report=report,
        verdict=judge(report),
        figures=figures(report),
        drawing=picture,
        overview=overview(report),
        sky=sky(report.requests, picture.window) if picture else [],
        failed=[r for r in report.requests if r.failed],
    )
