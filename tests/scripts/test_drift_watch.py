"""`dr drift --watch`: only what is new is said, and a cloud that does not answer ends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from recovery.drift.report import Report
from recovery.errors import DrError, Unobserved
from recovery.model import Finding, Severity, Verdict
from scripts import drift
from scripts.drifting.watching import watch

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def report(*paths: str) -> Report:
    return Report(
        tuple(Finding(Verdict.CHANGED, "/x/y", p, 0, 1, Severity.LOW, "", "dr up", "") for p in paths), 5, 0
    )


def watched(format: str, steps: Iterable[Report | DrError]) -> tuple[int, list[str], list[str]]:
    rest, said, aside = iter(steps), [], []  # type: ignore[var-annotated]

    def check() -> Report:
        step = next(rest, None)
        if step is None:
            raise KeyboardInterrupt
        if isinstance(step, DrError):
            raise step
        return step

    code = watch(check, 60, format, said.append, aside.append, lambda _: None, lambda: NOW)
    return code, said, aside


def test_the_first_check_is_told_whole_and_an_equal_one_is_not_told_again() -> None:
    code, said, _ = watched("text", [report("a"), report("a"), report("a")])
    assert code == 3
    assert sum("Drift: 1 changed" in line for line in said) == 2  # the first report, and the last word


def test_what_is_new_and_what_is_gone_is_told_with_its_time() -> None:
    code, said, _ = watched("text", [report("a"), report("b"), report()])
    assert code == 0
    assert [line for line in said if line.startswith("03:00:00 +")] == [
        "03:00:00 + low /x/y b: want 0, have 1"
    ]
    assert sum(line.startswith("03:00:00 -") for line in said) == 2
    assert said[-1].startswith("Clean")


def test_json_is_one_object_a_line_and_only_when_something_changed() -> None:
    _, said, _ = watched("json", [report("a"), report("a"), report()])
    first, last = map(json.loads, said)
    assert ([f["path"] for f in first["appeared"]], first["gone"]) == (["a"], [])
    assert ([f["path"] for f in last["gone"]], last["complete"]) == (["a"], True)


def test_a_check_that_fails_is_said_and_tried_again() -> None:
    away = Unobserved("the cloud does not answer", "nothing is concluded", "dr drift")
    code, said, aside = watched("text", [away, report()])
    assert code == 0 and "does not answer" in aside[0] and said[-1].startswith("Clean")
    assert watched("text", [report(), away])[0] == 5


@pytest.mark.parametrize(
    "more", [["--format", "html"], ["-o", "x"], ["--every", "0.1"], ["--baseline-write"]]
)
def test_a_watch_that_makes_no_sense_is_refused_in_three_parts(more: list[str]) -> None:
    with pytest.raises(DrError) as refused:
        drift.main(["--watch", *more])
    assert refused.value.exit_code == 2 and refused.value.fix.startswith("dr drift")
