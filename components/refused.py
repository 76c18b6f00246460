"""How the program refuses: Pulumi's language host prints a RunError by its words alone, anything else with its code.

The words begin on a line of their own, so that a list of problems stays aligned in the CLI's output.
"""

from __future__ import annotations

import pulumi

from components.schema import SettingsError


class Refused(pulumi.RunError):
    """The program will not go on, and a person is told why in three parts."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class RefusedSettingsError(Refused, SettingsError):
    """Wrong settings. They keep their class's name in the words: by it `dr` tells a wrong value (exit 2) from a stop."""

    def __str__(self) -> str:
        return f"\n{SettingsError.__name__}: {self.args[0]}"
