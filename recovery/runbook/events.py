"""What happens to a run, as plain data that the journal keeps; folding them again gives the same state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from recovery.model import Json
from recovery.runbook.roles import Role


class Result(StrEnum):
    """How an effect ended. UNKNOWN is treated as a failure: it is looked at again before anything is done."""

    OK = "ok"
    TODO = "todo"  # of a check: not done yet
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"  # the primary does not answer at all


@dataclass(frozen=True)
class Started:
    """The run begins. at: epoch seconds, on this and all events."""

    at: float


@dataclass(frozen=True)
class Finished:
    """An effect ended. key: the one it was asked for under; an old key changes nothing."""

    key: str
    result: Result
    at: float
    evidence: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """A person answered the question `key`. shown: the sentence they saw."""

    key: str
    role: Role
    identity: str
    yes: bool
    shown: str
    at: float


@dataclass(frozen=True)
class BrokeGlass:
    """A person went on without an approver who could not be reached. Loud, and recorded."""

    key: str
    role: Role
    identity: str
    reason: str
    at: float


@dataclass(frozen=True)
class Ticked:
    """Time has passed."""

    at: float


@dataclass(frozen=True)
class Paused:
    """Nothing new is begun until Resumed; what is under way ends."""

    identity: str
    reason: str
    at: float


@dataclass(frozen=True)
class Resumed:
    """The run goes on."""

    identity: str
    at: float


@dataclass(frozen=True)
class Aborted:
    """Stop, and undo what this run has done."""

    identity: str
    reason: str
    at: float


@dataclass(frozen=True)
class Skipped:
    """A person leaves a step out, with the reason."""

    step: str
    identity: str
    reason: str
    at: float


@dataclass(frozen=True)
class Retried:
    """A person has a failed or refused step tried again from its beginning."""

    step: str
    identity: str
    at: float


Event = Started | Finished | Answered | BrokeGlass | Ticked | Paused | Resumed | Aborted | Skipped | Retried
_TYPES = {kind.__name__: kind for kind in Event.__args__}


def to_json(event: Event) -> dict[str, Json]:
    """The body of the journal's record of this event."""
    return {"event": type(event).__name__} | asdict(event)


def from_json(body: Mapping[str, Json]) -> Event:
    """The event of a journal's record. ValueError when it is none."""
    fields = dict(body)
    try:
        kind = _TYPES[fields.pop("event")]
        if "role" in fields:
            fields["role"] = Role(fields["role"])
        if "result" in fields:
            fields["result"] = Result(fields["result"])
        event: Event = kind(**fields)
    except (KeyError, TypeError, ValueError) as exc:
        raise ValueError(f"no event: {exc}") from exc
    return event
