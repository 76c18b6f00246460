"""What an effect's implementation is given, and what it answers: the contract of every table of effects.

A table is ``dict[str, Handler]``: effect kind -> function. The executor merges those of this package with
`clouds.sync.runbook.effects(root, environ)` where that module exists. A kind that nobody implements is refused, never
passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from recovery.journal.chain import Kind, Record
from recovery.journal.direction import Standing, standing
from recovery.model import Json
from recovery.runbook.events import Event, Result
from recovery.runbook.state import Phase, State


class Journal(Protocol):
    """The part of a journal that a run needs. Appends are on the disk when they return."""

    @property
    def records(self) -> Sequence[Record]: ...

    def append(self, kind: Kind, run: str, body: Mapping[str, Json]) -> Record: ...

    def rest(self) -> None: ...


@dataclass(frozen=True)
class Heard:
    """A person's word. note: the record that says that it was taken in, written after its event: a kill between the
    two has it taken in twice, which changes nothing (the machine takes an answer once)."""

    event: Event
    note: Mapping[str, Json]


@dataclass(frozen=True)
class Outcome:
    """How an effect ended, and what was seen."""

    result: Result
    evidence: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One effect asked for. key: the same after a restart. state: the run's, when it was asked for.

    drill: nothing may touch the public records, the primary, or production's direction.
    """

    key: str
    step: str
    phase: Phase
    state: State
    journal: Journal
    say: Callable[[str], None] = lambda text: None
    drill: bool = False
    scale: float = 1.0

    @property
    def run(self) -> str:
        """The run's id."""
        return self.state.run

    def standing(self) -> Standing:
        """What the journal says now."""
        return standing(self.journal.records)

    def note(self, kind: Kind, body: Mapping[str, Json]) -> Record:
        """Write a record of this run."""
        return self.journal.append(kind, self.run, body)

    def noted(self, what: str) -> Mapping[str, Json] | None:
        """The newest NOTE of this run with this ``what``."""
        for record in reversed(self.journal.records):
            if record.kind is Kind.NOTE and record.run == self.run and record.body.get("what") == what:
                return record.body
        return None


Handler = Callable[[Mapping[str, Json], Call], Outcome]


def ok(**evidence: Json) -> Outcome:
    """Done, or as wanted."""
    return Outcome(Result.OK, evidence)


def todo(**evidence: Json) -> Outcome:
    """Of a check: not as wanted yet."""
    return Outcome(Result.TODO, evidence)


def failed(error: str, **evidence: Json) -> Outcome:
    """Tried, and failed."""
    return Outcome(Result.FAILED, {"error": error, **evidence})


def unknown(error: str, **evidence: Json) -> Outcome:
    """Could not be observed: treated as a failure, never as done."""
    return Outcome(Result.UNKNOWN, {"error": error, **evidence})


def unreachable(error: str, **evidence: Json) -> Outcome:
    """The primary does not answer at all."""
    return Outcome(Result.UNREACHABLE, {"error": error, **evidence})


def seen(good: bool, call: Call, why: str, **evidence: Json) -> Outcome:
    """As wanted: ok. Not: `todo` for a check (there is something to do), a failure for anything else."""
    if good:
        return ok(**evidence)
    return todo(**evidence) if call.phase is Phase.CHECK else failed(why, **evidence)
