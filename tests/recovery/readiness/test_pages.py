"""The pages and SARIF: self-contained, escaped, whole for every ending, and a year of history on one page."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest

from recovery.readiness import pages
from recovery.readiness.model import Result, Verdict
from recovery.readiness.registry import CHECKS
from recovery.readiness.report import Report, runs
from recovery.readiness.sarif import sarif
from recovery.readiness.trail import fold

VOID = {"meta", "img", "col", "path", "br", "link", "polyline"}
DAY = datetime(2026, 12, 7, 3, tzinfo=UTC)


class Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [v or "" for k, v in attrs if k in ("src", "href", "data", "action", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def parse(text: str) -> Balance:
    page = Balance()
    page.feed(text)
    assert page.open == []
    return page


def made(day: datetime, *, bad: str = "", blind: str = "", text: str = "as it must be") -> Report:
    results = []
    for check in CHECKS:
        verdict = (
            Verdict.NOT_READY if check.id == bad else Verdict.UNKNOWN if check.id == blind else Verdict.READY
        )
        fix = "" if verdict is Verdict.READY else check.fix
        results.append(
            Result(
                check.id,
                check.requirement,
                str(check.severity),
                check.title,
                verdict,
                text,
                fix,
                0.4,
                {"seen": text},
            )
        )
    return Report(
        f"{day:%Y%m%d}-run",
        "standby",
        day.isoformat(timespec="seconds"),
        3.2,
        1.0,
        "somebody",
        "host",
        tuple(results),
        len(CHECKS),
    )


YEAR = [
    made(
        DAY - timedelta(days=n), bad="certificate" if n in (40, 41) else "", blind="image" if n == 90 else ""
    )
    for n in range(364, -1, -1)
]
TRAILS = fold([one.to_json() for one in YEAR])
PAGES = {
    "ready": pages.page(YEAR[-1], [], YEAR),
    "not ready": pages.page(made(DAY, bad="site", blind="drift"), TRAILS, YEAR),
    "first run": pages.page(made(DAY, bad="site"), fold([made(DAY, bad="site").to_json()]), []),
    "month": pages.monthly_page("2026-12", YEAR[-7:], TRAILS, ""),
    "empty month": pages.monthly_page("2026-12", [], [], "403"),
    "trend": pages.trend_page(YEAR, TRAILS, ""),
    "no trend": pages.trend_page([], [], "the journal container: 403"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_nothing_runs_nothing_and_is_well_formed(name: str) -> None:
    page = parse(PAGES[name])
    assert [load for load in page.loads if not load.startswith("data:")] == []
    assert "script" not in page.tags
    assert not re.search(r"url\(|@import|https?://", PAGES[name])


def test_what_came_from_the_world_is_shown_and_never_taken_for_markup() -> None:
    evil = '"><script>alert(1)</script>'
    report = replace(made(DAY, bad="site", text=evil), person=evil, host=evil)
    trails = fold([report.to_json()])
    for text in (
        pages.page(report, trails, [report]),
        pages.monthly_page("2026-12", [report], trails, evil),
        pages.trend_page([report], trails, evil),
    ):
        assert "script" not in parse(text).tags
        assert "&lt;script&gt;" in text


def test_every_check_with_its_evidence_and_fix_stands_in_the_page() -> None:
    text = PAGES["not ready"]
    for check in CHECKS:
        assert check.title in html.unescape(text)
    assert "dr sync site" in text
    assert text.count("<details>") == len(CHECKS)


def test_a_year_of_daily_runs_is_one_column_a_week_with_the_worst_verdict_in_it() -> None:
    grid = pages.grid(YEAR, DAY.date())
    assert {len(row.cells) for row in grid.rows} == {pages.WEEKS}
    assert len(grid.rows) == len(CHECKS)
    certificate = next(row for row in grid.rows if row.check == "certificate")
    assert [c.css for c in certificate.cells].count("bad") == 1
    image = next(row for row in grid.rows if row.check == "image")
    assert [c.css for c in image.cells].count("blind") == 1
    assert certificate.share == "99.5 %"
    assert image.share == "99.7 %", "one failure in a year is not rounded away"


def test_the_worst_stands_first_and_an_unknown_before_what_is_ready() -> None:
    shown = pages.worst_first(list(made(DAY, bad="drill", blind="drift").results))
    assert [one.id for one in shown[:2]] == ["drill", "drift"]


def test_a_week_without_a_run_is_empty_and_not_green() -> None:
    grid = pages.grid([made(DAY)], DAY.date())
    assert [c.css for c in grid.rows[0].cells].count("none") == pages.WEEKS - 1


@pytest.mark.parametrize("day", [DAY.date() - timedelta(days=n) for n in range(0, 371, 1)])
def test_headings_cover_every_week_and_none_stands_where_it_would_run_into_the_next(day: date) -> None:
    grid = pages.grid([], day)
    for spans in (grid.years, grid.months):
        assert sum(span.columns for span in spans) == pages.WEEKS
        assert all(
            len(span.label) in (3, 4) if span.columns >= pages.ROOM else not span.label for span in spans
        )
    assert sum(bool(span.label) for span in grid.months) >= 11
    assert sum(bool(span.label) for span in grid.years) >= 1


def test_the_duration_line_stays_inside_its_drawing() -> None:
    points = [tuple(map(float, p.split(","))) for p in pages.line(pages.longest(YEAR)).split()]
    assert len(points) == len(YEAR)
    assert all(0 <= x <= 1000 and 0 <= y <= 90 for x, y in points)


def test_an_empty_month_says_that_the_validation_did_not_happen() -> None:
    assert "did not happen" in PAGES["empty month"]
    assert "Incomplete" in PAGES["empty month"]


def test_a_kept_run_comes_back_as_it_was_and_garbage_is_left_out() -> None:
    kept = json.loads(json.dumps(YEAR[0].to_json()))
    assert runs([kept, {"kind": "run"}, {"kind": "unreadable"}]) == [
        replace(YEAR[0], results=YEAR[0].results)
    ]


def test_the_sentence_names_what_is_wrong_and_ready_needs_every_check() -> None:
    assert made(DAY).sentence.startswith("READY: all")
    assert "site" in made(DAY, bad="site").sentence
    assert made(DAY, blind="drift").sentence.startswith("UNKNOWN")
    some = replace(made(DAY), results=made(DAY).results[:3])
    assert "as far as asked" in some.sentence


def test_sarif_holds_what_is_not_ready_and_what_is_unknown_with_rules_and_places() -> None:
    """SARIF 2.1.0: ruleIndex points into the driver's rules; a kind other than fail has level none (3.27.10)."""
    log = sarif(made(DAY, bad="site", blind="drift"), CHECKS)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [r["id"] for r in rules] == [c.id for c in CHECKS]
    by_rule = {r["ruleId"]: r for r in run["results"]}
    assert set(by_rule) == {"site", "drift"}
    assert by_rule["site"]["level"] == "error"
    assert (by_rule["drift"]["kind"], by_rule["drift"]["level"]) == ("review", "none")
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
