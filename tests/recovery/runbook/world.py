"""A small world for the machine: effects that happen or fail, people that answer, a process that is killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from recovery.runbook import events as ev
from recovery.runbook.events import Event, Result, from_json, to_json
from recovery.runbook.machine import advance, fold
from recovery.runbook.roles import Role
from recovery.runbook.state import Ask, Do, Mode, Phase, State, begin, outstanding
from recovery.runbook.steps import Runbook

PEOPLE = {f"{role.name.lower()}@demay": frozenset({role}) for role in Role}
FLOWS = {"flows": [{"name": "uploads", "equal": 100, "compared": 100, "population": 1000}]}


def person(role: Role) -> str:
    """The one person of a role."""
    return f"{role.name.lower()}@demay"


@dataclass
class World:
    """What is true outside of the machine. applied: steps whose `do` has happened and was not undone.

    fate: for a key, whether the effect happens and what is answered. Happening and answering are apart: an
    effect may happen although the answer says failed, which is what a lost answer looks like.
    """

    fate: Callable[[str], tuple[bool, Result]] = lambda key: (True, Result.OK)
    applied: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)  # every `do` and `undo` that happened, in order

    def perform(self, do: Do, at: float) -> ev.Finished:
        """Carry out one effect, idempotently by its state."""
        happens, result = self.fate(do.key)
        if do.phase is Phase.CHECK:
            if result is Result.OK:
                result = Result.OK if do.step in self.applied else Result.TODO
            return ev.Finished(do.key, result, at)
        if do.phase is Phase.DO and happens and do.step not in self.applied:
            self.applied.add(do.step)
            self.done.append(do.step)
        if do.phase is Phase.UNDO and happens and do.step in self.applied:
            self.applied.discard(do.step)
            self.done.append(f"undo {do.step}")
        if do.phase is Phase.UNDO and result is Result.OK and do.step in self.applied:
            result = Result.FAILED
        if do.phase is Phase.VERIFY and result is Result.OK and do.step not in self.applied:
            result = Result.FAILED
        return ev.Finished(do.key, result, at, FLOWS if do.effect.kind == "sync.prove" else {})


def yes(ask: Ask, at: float) -> Event:
    """The next missing role's yes."""
    role = sorted(ask.missing)[0]
    return ev.Answered(ask.key, role, person(role), True, ask.sentence, at)


@dataclass
class Run:
    """A machine with its journal; `restart` throws the state away and folds the journal."""

    book: Runbook
    people: dict[str, frozenset[Role]] = field(default_factory=lambda: dict(PEOPLE))
    journal: list[str] = field(default_factory=list)
    state: State = None  # type: ignore[assignment]  # set below
    said: list[str] = field(default_factory=list)
    asked: list[Do | Ask] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = begin(self.book, "r1", self.people)

    def send(self, event: Event) -> None:
        """Journal the event, then fold it in."""
        self.journal.append(json.dumps(to_json(event)))
        self.state, out = advance(self.state, event)
        for one in out:
            if isinstance(one, Do | Ask):
                self.asked.append(one)
            else:
                self.said.append(one.text)

    def restart(self) -> None:
        """kill -9, and resume from the journal alone."""
        before = self.state
        self.state = fold(
            self.book, "r1", self.people, [from_json(json.loads(line)) for line in self.journal]
        )
        assert self.state == before, "the journal does not give the state back"

    def run(
        self, world: World, *, restarts: bool = False, until: Callable[[State], bool] | None = None
    ) -> State:
        """Answer everything until the run ends or nothing is asked for."""
        at = self.state.started or 0.0
        if self.state.mode is Mode.READY:
            self.send(ev.Started(at))
        while asked := outstanding(self.state):
            if until is not None and until(self.state):
                break
            at += 1
            first = asked[0]
            self.send(yes(first, at) if isinstance(first, Ask) else world.perform(first, at))
            if restarts:
                self.restart()
        return self.state
