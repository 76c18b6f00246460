"""The page: self-contained, escaped, whole for every ending; and the document beside it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from recovery.model import Finding, Severity, Verdict
from recovery.report.html import named, render, value
from recovery.report.model import SCHEMA, DriftRecord, Report
from recovery.report.timeline import drawing, short_names
from tests.recovery.report import sample

VOID = {"meta", "img", "col", "path", "br"}


class Balance(HTMLParser):
    """Checks that every element is closed in order; collects what the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [v or "" for k, v in attrs if k in ("src", "href", "data", "action", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def parse(report: Report) -> Balance:
    page = Balance()
    page.feed(render(report))
    assert page.open == []
    return page


ENDINGS = {
    "good": sample.good(),
    "bumpy": sample.bumpy(),
    "empty": Report.empty("2026-11-22T04:00:00+00:00", "direct", 60),
    "no requests": replace(sample.good(), requests=(), gates=(), dials=(), picture=None),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_the_page_loads_nothing_and_runs_nothing(name: str) -> None:
    """Self-contained."""
    page = parse(ENDINGS[name])
    assert all(load.startswith("data:") for load in page.loads)
    assert "script" not in page.tags
    assert not re.search(r"url\(|@import|https?://", render(ENDINGS[name])), (
        "a style must not load anything either"
    )


def test_what_came_from_the_world_is_shown_and_never_taken_for_markup() -> None:
    """A resource's name is somebody else's text."""
    evil = '"><script>alert(1)</script>'
    finding = Finding(Verdict.UNMANAGED, evil, evil, evil, {"k": evil}, Severity.LOW, evil, evil, evil)
    report = replace(sample.good(), drift=(DriftRecord(evil, 1.0, True, 1, (finding,)),), engine=evil)
    assert "script" not in parse(report).tags
    assert "&lt;script&gt;" in render(report)


def test_the_page_shows_every_finding_with_want_have_source_and_fix() -> None:
    page = render(sample.good())
    for finding in sample.FINDINGS:
        assert named(finding.id)[1] in page
        assert finding.path in page
    assert "components/image_app/api.py:71" in page
    assert "az resource delete --ids" in page


def test_the_scale_of_slow_operations_stands_in_the_report() -> None:
    """Simulated times state their scale."""
    assert "1/60 of their real duration" in render(sample.good())


def test_the_document_has_a_schema_the_verdict_and_every_request() -> None:
    document = json.loads(json.dumps(sample.good().to_json()))
    assert document["schema"] == SCHEMA
    assert document["verdict"]["exitCode"] == 0
    assert len(document["requests"]) == 750
    assert document["scale"] == 60
    assert document["drift"][1]["findings"][0].keys() >= {
        "verdict",
        "id",
        "path",
        "want",
        "have",
        "severity",
        "source",
        "fix",
    }
    assert "data" not in document["picture"]


def test_every_bar_and_mark_lies_inside_the_drawing() -> None:
    picture = drawing(sample.bumpy())
    assert picture is not None
    for lane in picture.lanes:
        assert lane.summary, "a lane that cannot be seen is read out"
        for bar in lane.bars:
            assert 0 <= bar.left <= 100
            assert bar.left + bar.width <= 100.7
    assert [m.number for m in picture.marks] == list(range(1, len(picture.marks) + 1))
    assert [m.left for m in picture.marks] == sorted(m.left for m in picture.marks)


def test_names_below_the_apex_are_said_short() -> None:
    assert short_names(["demay.com", "api.demay.com", "www.demay.com"]) == ["apex", "api", "www"]


def test_a_long_value_is_cut_and_nothing_is_a_dash() -> None:
    assert len(value("x" * 500)) == 200
    assert value(None) == "–"
    assert value({"b": 1, "a": 2}) == '{"a": 2, "b": 1}'
