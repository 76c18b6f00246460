"""What an engine is: something that can say what it would change, and change it. Two implement it.

``clouds/pulumi_engine.py`` runs the real CLI, ``clouds/direct_engine.py`` goes to ARM without one. Both
answer with the same `Plan` and end in the same live state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from recovery.model import Action, Plan

DIALS_ONLY: frozenset[Action] = frozenset({Action.SAME, Action.UPDATE, Action.READ})
"""What a mode switch may do: change dials of what exists. Anything more is named by a person."""


class EventKind(StrEnum):
    """What happened to one resource (or, for MESSAGE, to none)."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    MESSAGE = "message"


@dataclass(frozen=True)
class Event:
    """One moment of an up, for a person who watches.

    action: what is being done (None for a message). id: ARM id, or the URN where there is none. name: the
    last part of the URN. text: what a message or a failure says; never holds a secret.
    """

    kind: EventKind
    action: Action | None = None
    id: str = ""
    type: str = ""
    name: str = ""
    text: str = ""


class Engine(Protocol):
    """preview changes nothing. up changes what the plan says, and nothing that `allow` does not hold.

    exclude: URN patterns (``**-record``) of resources that stay as they are. Both raise recovery.errors:
    Stopped (a gate, the program's own guard, a lock, the safety gate) or Failed.
    """

    name: str

    def preview(self, stack: str, exclude: Sequence[str] = ()) -> Plan: ...

    def up(
        self,
        stack: str,
        *,
        exclude: Sequence[str] = (),
        allow: frozenset[Action] = DIALS_ONLY,
        on_event: Callable[[Event], None],
    ) -> Plan: ...

    def apply(
        self,
        stack: str,
        *,
        exclude: Sequence[str] = (),
        allow: frozenset[Action] = DIALS_ONLY,
        on_event: Callable[[Event], None],
    ) -> Plan:
        """The up alone, for a plan that has just been shown, checked and confirmed."""
        ...
