"""The exit codes of every `dr` command, in one place (the README's table is tested against it)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell, CI and a runbook may conclude from the end of a command."""

    CLEAN = 0
    FAILED = 1
    USAGE = 2
    FINDING = 3
    STOPPED = 4
    UNOBSERVED = 5


MEANING: dict[ExitCode, str] = {
    ExitCode.CLEAN: "done, and nothing to report",
    ExitCode.FAILED: "it was tried and failed",
    ExitCode.USAGE: "bad input or usage; nothing was changed",
    ExitCode.FINDING: "a finding: drift, or not ready",
    ExitCode.STOPPED: "stopped by a gate, a lock, a person, or an approval that is missing",
    ExitCode.UNOBSERVED: "not everything could be observed, so nothing is concluded",
}
