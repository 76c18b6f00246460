"""The report in the forms in which others read it: JSON by its schema, SARIF 2.1.0, what a watch says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from recovery.drift.changes import between
from recovery.drift.report import Report
from recovery.drift.sarif import to_sarif
from recovery.drift.schema import SCHEMA
from recovery.model import Finding, Severity, Verdict

SCHEMA_CHECK = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
words = st.text(min_size=1, max_size=12)
values = st.one_of(st.none(), st.booleans(), st.integers(), words, st.lists(words, max_size=2))


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    verdict = draw(st.sampled_from([v for v in Verdict if v is not Verdict.SAME]))
    changed, unknown = verdict is Verdict.CHANGED, verdict is Verdict.UNKNOWN
    return Finding(
        verdict, "/subscriptions/S/" + draw(words), draw(words) if changed else "",
        None if unknown else draw(values), None if unknown else draw(values), draw(st.sampled_from(Severity)),
        draw(st.sampled_from(["", "components/dns.py:12", "__main__.py"])), "dr up -s standby",
        draw(words) if unknown else "",
    )  # fmt: skip


reports = st.builds(
    Report, st.lists(findings(), max_size=5).map(tuple), st.integers(0, 9), st.integers(0, 9), st.just(1),
    st.just(({"id": "/x", "path": "", "verdict": "~", "reason": "r", "owner": "o", "expires": "2026-12-01"},)),
)  # fmt: skip


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@given(reports)
def test_every_report_is_valid_by_the_schema(report: Report) -> None:
    SCHEMA_CHECK.validate(report.to_json())


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("a verdict of its own", {"verdict": "="}),
    ("an unknown without its reason", {"verdict": "?", "want": None, "have": None, "reason": ""}),
    ("an unknown that claims a value", {"verdict": "?", "reason": "403", "have": 1}),
    ("a change of nothing", {"path": ""}),
    ("no fix", {"fix": ""}),
    ("a severity of its own", {"severity": "bad"}),
    ("a key more", {"note": "x"}),
]


@pytest.mark.parametrize(("what", "changes"), BROKEN, ids=[what for what, _ in BROKEN])
def test_the_schema_refuses_what_no_finding_may_be(what: str, changes: dict[str, Any]) -> None:
    good = Finding(Verdict.CHANGED, "/x", "a", 1, 2, Severity.LOW, "", "dr up", "").to_json()
    body = Report((), 1, 0).to_json()
    SCHEMA_CHECK.validate({**body, "findings": [good]})
    with pytest.raises(ValidationError):
        SCHEMA_CHECK.validate({**body, "findings": [{**good, **changes}]})


@given(reports)
def test_sarif_has_one_result_a_finding_with_its_rule_place_and_stable_print(report: Report) -> None:
    """What SARIF 2.1.0 asks of these objects (sections 3.14, 3.27, 3.28, 3.29, 3.30)."""
    log = to_sarif(report, "1.0")
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    [run] = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    assert len(run["results"]) == len(report.findings)
    for finding, result in zip(report.findings, run["results"], strict=True):
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        assert all(isinstance(v, str) for v in result["partialFingerprints"].values())
        place = result["locations"][0].get("physicalLocation")
        assert (place is not None) == bool(finding.source)
        if place:
            assert not place["artifactLocation"]["uri"].startswith("/")
            assert place.get("region", {"startLine": 1})["startLine"] >= 1
    assert run["invocations"][0]["executionSuccessful"] is report.complete
    moved = Report(tuple(replace(f, have="other", fix="x") for f in report.findings), 0, 0)
    again = to_sarif(moved, "2.0")["runs"][0]["results"]
    assert [r["partialFingerprints"] for r in again] == [r["partialFingerprints"] for r in run["results"]]


@given(reports)
def test_between_a_report_and_itself_nothing_is_new(report: Report) -> None:
    assert not between(report, report)


def test_a_watch_says_what_appeared_what_moved_on_and_what_is_gone() -> None:
    def one(path: str, have: int) -> Finding:
        return Finding(Verdict.CHANGED, "/x", path, 0, have, Severity.LOW, "", "dr up", "")

    before = Report((one("a", 1), one("b", 1), one("c", 1)), 0, 0)
    after = Report((one("a", 1), one("b", 2), one("d", 1)), 0, 0)
    new = between(before, after)
    assert ([f.path for f in new.appeared], [f.path for f in new.gone]) == (["b", "d"], ["c"])
