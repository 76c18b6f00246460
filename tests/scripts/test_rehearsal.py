"""The rehearsal's own rules: exactly the findings that were caused, a record for every ending, nothing left running."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.errors import Failed, Stopped
from recovery.exit_codes import ExitCode
from recovery.model import Finding, Severity, Verdict
from recovery.report.model import Outcome, Served
from recovery.report.verdict import judge
from scripts.rehearsal import leftovers
from scripts.rehearsal.changes import Expected, compare
from scripts.rehearsal.recorder import Ended, Recorder
from scripts.rehearsal.show import Show

EXPECTED = [
    Expected("capacity", frozenset({Verdict.CHANGED}), "/rg/vmss", "capacity"),
    Expected("rule", frozenset({Verdict.CHANGED, Verdict.UNMANAGED}), "/rg/nsg", "let-me-in"),
    Expected("record", frozenset({Verdict.MISSING}), "/rg/zone/A/dr", ""),
]
CAUSED = [
    Finding(Verdict.CHANGED, "/RG/vmss", "sku.capacity", 0, 1, Severity.MEDIUM, "", ""),
    Finding(
        Verdict.CHANGED, "/rg/nsg", "properties.securityRules[let-me-in]", None, {}, Severity.HIGH, "", ""
    ),
    Finding(Verdict.MISSING, "/rg/zone/A/dr", "", {}, None, Severity.HIGH, "", ""),
]


@given(st.permutations(CAUSED))
def test_the_caused_findings_fit_in_any_order(findings: list[Finding]) -> None:
    """Exactly those, compared as a set."""
    assert compare(EXPECTED, findings) == ([], [])


@given(st.integers(0, 2))
def test_one_finding_too_few_is_named(index: int) -> None:
    missed, surplus = compare(EXPECTED, [f for i, f in enumerate(CAUSED) if i != index])
    assert (missed, surplus) == ([EXPECTED[index]], [])


@given(st.integers(0, 2), st.sampled_from(["twice", "elsewhere", "unknown"]))
def test_one_finding_too_many_is_named(index: int, how: str) -> None:
    """A change reported twice, something nobody did, or a question mark: all are wrong."""
    extra = {
        "twice": replace(CAUSED[index], severity=Severity.LOW),
        "elsewhere": replace(CAUSED[index], id="/rg/other"),
        "unknown": replace(CAUSED[index], verdict=Verdict.UNKNOWN),
    }[how]
    missed, surplus = compare(EXPECTED, [*CAUSED, extra])
    assert missed == []
    assert surplus == [extra]


def recorder() -> Recorder:
    return Recorder("direct", 60, ("first", "second", "third"), Show(io.StringIO()))


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (Stopped("the gate is shut", "b", "c"), Outcome.STOPPED, ExitCode.STOPPED),
        (Failed("it broke", "b", "c"), Outcome.FAILED, ExitCode.FAILED),
    ],
)
def test_an_error_ends_the_story_and_the_report_says_why(
    error: Failed, outcome: Outcome, code: ExitCode
) -> None:
    record = recorder()
    with record.step("first"):
        record.fact("1 of 1")
    with pytest.raises(Ended), record.step("second"):
        raise error
    report = record.report()
    assert [s.outcome for s in report.steps] == [Outcome.DONE, outcome, Outcome.NOT_REACHED]
    assert report.steps[0].facts == ("1 of 1",)
    assert report.failure is not None
    assert report.failure.summary == error.summary
    assert judge(report).code is code


def test_ctrl_c_is_a_person_and_no_failure() -> None:
    record = recorder()
    with pytest.raises(KeyboardInterrupt), record.step("first"):
        raise KeyboardInterrupt
    report = record.report()
    assert report.stopped_by_person
    assert report.failure is None
    assert judge(report).code is ExitCode.STOPPED


def test_a_fault_of_the_program_is_kept_and_goes_up() -> None:
    record = recorder()
    with pytest.raises(ZeroDivisionError), record.step("first"):
        raise ZeroDivisionError("division by zero")
    assert judge(record.report()).code is ExitCode.FAILED
    assert "ZeroDivisionError" in judge(record.report()).sentence


def test_an_address_of_nobody_is_never_taken_for_a_side() -> None:
    from clouds.poller import Polled

    record = recorder()
    record.sides["203.0.113.10"] = Served.AZURE
    sides = {
        record.side(Polled(0, 1, "n", "r", address, None, error))
        for address, error in (
            ("203.0.113.10", ""),
            ("198.51.100.7", ""),
            ("", "the name leads nowhere"),
            ("", "name not resolved: timeout"),
        )
    }
    assert sides == {Served.AZURE, Served.NOBODY, Served.UNKNOWN}


@pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="no /proc: running processes cannot be looked up"
)
def test_a_marked_process_that_outlives_its_end_is_found_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `make rehearse` nothing it started is left running; a grandchild without a parent counts too."""
    monkeypatch.delenv(leftovers.MARK, raising=False)
    own = leftovers.mark()
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {script!r}], start_new_session=True)"
    subprocess.run([sys.executable, "-c", outer], check=True)  # noqa: S603 (our own interpreter)
    assert len(leftovers.running(own)) == 1
    assert leftovers.end(own, patience=0.3) == ()
    assert leftovers.running(own) == {}
    assert os.getpid() not in leftovers.running(own)


def test_where_there_is_no_terminal_every_step_is_a_plain_line() -> None:
    stream = io.StringIO()
    record = Recorder("direct", 60, ("build",), Show(stream))
    with record.step("build"):
        record.fact("34 created")
    said = stream.getvalue()
    assert "1/1  build ..." in said
    assert "34 created" in said
    assert "\x1b" not in said
