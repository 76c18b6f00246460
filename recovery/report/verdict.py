"""One sentence and one exit code for a whole rehearsal."""

from __future__ import annotations

from dataclasses import dataclass

from recovery.exit_codes import ExitCode
from recovery.report.figures import figures
from recovery.report.model import Outcome, Report


@dataclass(frozen=True)
class Verdict:
    """holds: may one rely on this standby, as far as this rehearsal went?"""

    holds: bool
    sentence: str
    code: ExitCode


def span(seconds: float) -> str:
    """A time for people: `0.4 s`, `12.3 s`, `2 min 05 s`, `1 h 04 min`."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def judge(report: Report) -> Verdict:
    """The verdict of a finished, failed or interrupted rehearsal. What was not observed never counts as good."""
    if report.left_running:
        return Verdict(
            False,
            f"It does not hold: still running after the end: {', '.join(report.left_running)}.",
            ExitCode.FAILED,
        )
    broken = next((s for s in report.steps if s.outcome in (Outcome.FAILED, Outcome.STOPPED)), None)
    if report.stopped_by_person:
        where = f" in step {broken.number} ({broken.title})" if broken else ""
        return Verdict(False, f"Stopped by a person{where}: nothing is concluded.", ExitCode.STOPPED)
    if broken:
        why = f": {report.failure.summary}" if report.failure else ""
        code = ExitCode.STOPPED if broken.outcome is Outcome.STOPPED else ExitCode.FAILED
        return Verdict(False, f"It does not hold: step {broken.number} ({broken.title}) failed{why}.", code)
    if report.failure:
        return Verdict(False, f"It does not hold: {report.failure.summary}.", ExitCode.FAILED)
    missing = [s.number for s in report.steps if s.outcome is not Outcome.DONE]
    if missing or not report.steps:
        return Verdict(
            False, f"Nothing may be concluded: {len(missing)} step(s) were not reached.", ExitCode.UNOBSERVED
        )
    known = figures(report)
    if (
        not known.requests
        or known.out is None
        or known.out.last is None
        or known.back is None
        or known.back.last is None
    ):
        return Verdict(
            False,
            "Nothing may be concluded: the polling client did not see both switches arrive at every resolver.",
            ExitCode.UNOBSERVED,
        )
    switches = (
        f"the traffic was at the standby after {span(known.out.last)} and back after {span(known.back.last)}, "
        f"{known.found} of {known.expected} changes behind its back were found, and nothing drifted"
    )
    if known.failed:
        return Verdict(
            False,
            f"It works, but not unnoticed: {known.failed} of {known.requests} requests failed "
            f"(up to {span(known.longest_gap)} without a good answer); {switches}.",
            ExitCode.FINDING,
        )
    return Verdict(True, f"It holds: 0 of {known.requests} requests failed, {switches}.", ExitCode.CLEAN)
