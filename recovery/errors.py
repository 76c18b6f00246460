"""Every error a person can meet has three parts: what is wrong, why it matters, the command that fixes it.

DrError
├── BadInput        exit 2  a setting, an option or a file is wrong; nothing was changed
├── Stopped         exit 4  a gate, a lock, a missing approval or a person stopped the run
├── Unobserved      exit 5  something could not be observed, so nothing may be concluded
└── Failed          exit 1  the work was tried and failed
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.exit_codes import ExitCode


@dataclass(eq=False)
class DrError(Exception):
    """An error for a person.

    summary: what is wrong, with the figures. detail: why it matters. fix: a command to copy, or an
    imperative sentence where no command exists. `retry` answers "would trying again help?".
    """

    summary: str
    detail: str
    fix: str
    retry: bool = False

    exit_code = ExitCode.FAILED

    def __str__(self) -> str:
        return f"{self.summary}\n  why it matters: {self.detail}\n  fix: {self.fix}"


class Failed(DrError):
    """The work was tried and failed."""


class BadInput(DrError):
    """A setting, an option or a file is wrong. Raised before anything is changed."""

    exit_code = ExitCode.USAGE


class Stopped(DrError):
    """A gate, a lock, a missing approval or a person stopped the run."""

    exit_code = ExitCode.STOPPED


class Unobserved(DrError):
    """Evidence could not be had: neither yes nor no may be concluded."""

    exit_code = ExitCode.UNOBSERVED
