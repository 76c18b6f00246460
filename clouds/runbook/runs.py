"""The runs in a journal: which runbook, who began it, with whom, in which way; which one is unfinished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clouds.runbook.executor import events_of
from recovery.errors import BadInput
from recovery.journal.chain import Kind, Record
from recovery.model import Json
from recovery.runbook.drill import drilled
from recovery.runbook.image_app import FAILOVER
from recovery.runbook.image_app_rollback import ROLLBACK
from recovery.runbook.machine import fold
from recovery.runbook.roles import Role
from recovery.runbook.state import State
from recovery.runbook.steps import Runbook

BOOKS: Mapping[str, Runbook] = {book.id: book for book in (FAILOVER, ROLLBACK)}


@dataclass(frozen=True)
class Begun:
    """A run's first record. keys: identity -> public key (or Entra object id), as they were when it began."""

    id: str
    at: str
    book: str
    engine: str = "auto"
    person: str = ""
    reason: str = ""
    scenario: str = ""
    drill: bool = False
    primary_gone: bool = False
    people: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    ended: str = ""

    def to_json(self) -> dict[str, Json]:
        """The record's body."""
        return {
            "runbook": self.book, "engine": self.engine, "person": self.person, "reason": self.reason,
            "scenario": self.scenario, "drill": self.drill, "primaryGone": self.primary_gone,
            "people": {who: sorted(map(str, roles)) for who, roles in self.people.items()},
            "verifiers": dict(self.keys),
        }  # fmt: skip


def book_named(name: str) -> Runbook:
    """The runbook of that name. Raises BadInput."""
    if name not in BOOKS:
        raise BadInput(
            f"there is no runbook {name!r} (known: {', '.join(BOOKS)})",
            "nothing was begun, and nothing is guessed",
            f"dr runbook show {next(iter(BOOKS))}",
        )
    return BOOKS[name]


def book_of(begun: Begun) -> Runbook:
    """The runbook that a run carries out: as it is drilled, where it is a drill. Raises BadInput."""
    book = book_named(begun.book)
    return drilled(book) if begun.drill else book


def runs(records: Iterable[Record]) -> list[Begun]:
    """All runs, the oldest first."""
    found: dict[str, Begun] = {}
    ends: dict[str, str] = {}
    for record in records:
        if record.kind is not Kind.RUN:
            continue
        body = record.body
        if "ended" in body:
            ends[record.run] = str(body["ended"])
        elif "runbook" in body and record.run not in found:
            people = {
                str(w): frozenset(Role(r) for r in roles) for w, roles in body.get("people", {}).items()
            }
            found[record.run] = Begun(
                record.run, record.at, str(body["runbook"]), str(body.get("engine", "auto")),
                str(body.get("person", "")), str(body.get("reason", "")), str(body.get("scenario", "")),
                bool(body.get("drill")), bool(body.get("primaryGone")), people, dict(body.get("verifiers", {})),
            )  # fmt: skip
    return [Begun(**{**one.__dict__, "ended": ends.get(id, "")}) for id, one in found.items()]


def unfinished(records: Iterable[Record]) -> Begun | None:
    """The newest run without an end; None when there is none."""
    return next((one for one in reversed(runs(records)) if not one.ended), None)


def newest(records: Iterable[Record], book: str = "", id: str = "") -> Begun | None:
    """The newest run (of a runbook, or the one with this id)."""
    return next(
        (
            one
            for one in reversed(runs(records))
            if (not book or one.book == book) and (not id or one.id == id)
        ),
        None,
    )


def state_of(begun: Begun, records: Sequence[Record]) -> State:
    """Where a run stands, folded from its events."""
    mine = [record for record in records if record.run == begun.id]
    return fold(book_of(begun), begun.id, begun.people, events_of(mine))
