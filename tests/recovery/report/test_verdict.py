"""One sentence and one exit code; what was not observed never counts as good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.exit_codes import ExitCode
from recovery.report.model import Failure, Outcome, Report, Served
from recovery.report.verdict import judge, span
from tests.recovery.report import sample


def ending(outcome: Outcome, **more: object) -> Report:
    """A rehearsal whose fifth step ended so, with nothing after it."""
    good = sample.good()
    steps = [
        replace(
            s, outcome=outcome if s.number == 5 else Outcome.DONE if s.number < 5 else Outcome.NOT_REACHED
        )
        for s in good.steps
    ]
    return replace(good, steps=tuple(steps), **more)  # type: ignore[arg-type]  # fields by name


def without_way_back() -> Report:
    """Traffic that went to Azure and was never seen to come back."""
    good = sample.good()
    stuck = tuple(replace(r, side=Served.AZURE) if r.at > 50 else r for r in good.requests)
    return replace(good, requests=stuck)


GATE = Failure("after 60 s the backends are unhealthy", "traffic would meet errors", "dr status")


@pytest.mark.parametrize(
    ("report", "code", "words"),
    [
        (sample.good(), ExitCode.CLEAN, "0 of 750 requests failed"),
        (sample.bumpy(), ExitCode.FINDING, "11 of 750 requests failed"),
        (ending(Outcome.FAILED, failure=GATE), ExitCode.FAILED, "the backends are unhealthy"),
        (ending(Outcome.STOPPED, failure=GATE), ExitCode.STOPPED, "step 5"),
        (ending(Outcome.STOPPED, stopped_by_person=True), ExitCode.STOPPED, "Stopped by a person in step 5"),
        (ending(Outcome.NOT_REACHED), ExitCode.UNOBSERVED, "were not reached"),
        (replace(sample.good(), steps=()), ExitCode.UNOBSERVED, "Nothing may be concluded"),
        (replace(sample.good(), requests=()), ExitCode.UNOBSERVED, "polling client"),
        (without_way_back(), ExitCode.UNOBSERVED, "polling client"),
        (replace(sample.good(), left_running=("azurite (process 7)",)), ExitCode.FAILED, "still running"),
        (replace(sample.good(), failure=GATE), ExitCode.FAILED, "the backends are unhealthy"),
    ],
)
def test_every_ending_has_its_sentence_and_its_exit_code(report: Report, code: ExitCode, words: str) -> None:
    """The verdict speaks in one sentence, first, with its figures."""
    verdict = judge(report)
    assert verdict.code is code
    assert words in verdict.sentence
    assert verdict.holds is (code is ExitCode.CLEAN)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (12.34, "12.3 s"), (99.9, "99.9 s"), (125, "2 min 05 s"), (3840, "1 h 04 min")],
)
def test_times_are_said_as_a_person_would(seconds: float, said: str) -> None:
    assert span(seconds) == said
