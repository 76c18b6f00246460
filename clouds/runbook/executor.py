"""The executor: carries out what the machine asks for, and can be killed at any point.

Order, for every effect: intent on the disk, effect, event on the disk, fold. For everything else (a person's word,
the clock): event on the disk, fold. So after a kill the journal's events give the state back, what was under way is
asked for again under the same key, and begins with a look at what it did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clouds.runbook import duties
from clouds.runbook.calls import Call, Handler, Heard, Journal, Outcome, failed
from clouds.runbook.runner import Runner
from recovery.journal.chain import Kind, Record
from recovery.runbook import events as ev
from recovery.runbook.events import Event, from_json, to_json
from recovery.runbook.machine import Output, advance, fold
from recovery.runbook.roles import Role
from recovery.runbook.state import Ask, Do, Mode, State, outstanding
from recovery.runbook.steps import Runbook

TICK_SECONDS = 2.0
IDLE_SECONDS = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Simulated seconds before a second attempt; each further one waits twice as long, up to the longest."""
LEAST_PAUSE = 0.5
"""Real seconds: however fast simulated time goes, what failed an instant ago is not asked again at once."""
ENDED = (Mode.ABORTED, Mode.COMPLETED)


class Watcher(Protocol):
    """Whoever looks on: the terminal, the published questions. Called after every change of the state."""

    def changed(self, state: State, out: Sequence[Output]) -> None: ...

    def said(self, text: str, loud: bool = False) -> None: ...


@dataclass
class Quiet:
    """Looks on and says nothing."""

    def changed(self, state: State, out: Sequence[Output]) -> None:
        """Nothing."""

    def said(self, text: str, loud: bool = False) -> None:
        """Nothing."""


@dataclass
class Executor:
    """One run of one runbook.

    words: what people have sent since the last look (approvals and the like), already proven to be theirs.
    patience: real seconds to wait when only people can go on; None for ever. clock: epoch seconds.
    beside: called at every turn (the timer of status updates); it must not wait.
    """

    book: Runbook
    run: str
    people: Mapping[str, frozenset[Role]]
    journal: Journal
    effects: Mapping[str, Handler]
    runner: Runner
    clock: Callable[[], float]
    words: Callable[[State], Sequence[Heard]] = lambda state: ()
    watcher: Watcher = field(default_factory=Quiet)
    patience: float | None = None
    drill: bool = False
    scale: float = 1.0
    tick: float = TICK_SECONDS
    idle: float = IDLE_SECONDS
    sleep: Callable[[float], None] = time.sleep
    beside: Callable[[State], None] = lambda state: None
    _running: set[str] = field(default_factory=set)
    _meant: set[str] = field(default_factory=set)
    _ticked: float = 0.0

    def go(self) -> State:
        """Until the run has ended, or only people can go on and patience is over. Returns where it stands."""
        state = self.resume()
        duties.settle(self.journal, state, self.drill)
        if state.mode is Mode.READY:
            state = self.send(state, ev.Started(self.clock()))
        else:
            self.watcher.changed(state, outstanding(state))
        waiting_since: float | None = None
        while state.mode not in ENDED:
            self._begin(state)
            self.beside(state)
            state, moved = self._look(state)
            if moved or self._running:
                waiting_since = None
                continue
            if not any(isinstance(one, Do) for one in outstanding(state)):
                now = self.clock()
                waiting_since = now if waiting_since is None else min(waiting_since, now)
                asked = bool(outstanding(state)) or state.mode is Mode.PAUSED
                if not asked or (self.patience is not None and now - waiting_since >= self.patience):
                    break  # stuck steps need a decision, given with another command
                self.journal.rest()
        duties.settle(self.journal, state, self.drill)
        self.journal.rest()
        return state

    def resume(self) -> State:
        """The state that the journal gives."""
        mine = [r for r in self.journal.records if r.run == self.run]
        self._meant = {str(r.body.get("key")) for r in mine if r.kind is Kind.INTENT}
        return fold(self.book, self.run, self.people, events_of(mine))

    def send(self, state: State, event: Event) -> State:
        """Journal an event, then fold it."""
        self.journal.append(Kind.EVENT, self.run, to_json(event))
        state, out = advance(state, event)
        for one in out:
            if not isinstance(one, Do | Ask):
                self.watcher.said(one.text, one.loud)
        duties.settle(self.journal, state, self.drill)
        self.watcher.changed(state, out)
        return state

    def _begin(self, state: State) -> None:
        for one in outstanding(state):
            if not isinstance(one, Do) or one.key in self._running:
                continue
            if one.key not in self._meant:
                body = {"key": one.key, "step": one.step, "phase": str(one.phase), "effect": str(one.effect)}
                self.journal.append(Kind.INTENT, self.run, body)
                self._meant.add(one.key)
            self._running.add(one.key)
            self.runner.start(one.key, self._work(one, self._call(one, state)))

    def _call(self, do: Do, state: State) -> Call:
        def say(text: str) -> None:
            self.watcher.said(f"{do.step}: {text}")

        return Call(do.key, do.step, do.phase, state, self.journal, say, self.drill, self.scale)

    def _work(self, do: Do, call: Call) -> Callable[[], Outcome]:
        handler, attempt = self.effects.get(do.effect.kind), call.state.of(do.step).attempt
        if handler is None:
            return lambda: failed(
                f"nothing here can carry out {do.effect.kind}: do it by hand",
                manual=list(self.book.step(do.step).manual),
            )
        found = handler

        def work() -> Outcome:
            if attempt > 1:
                self.sleep(pause_before(attempt, self.scale))
            return found(do.effect.args, call)

        return work

    def _look(self, state: State) -> tuple[State, bool]:
        """What has ended, what people say, what time it is. Returns whether anything changed."""
        before = state
        for key, outcome in self.runner.ended(self.idle):
            self._running.discard(key)
            state = self.send(state, ev.Finished(key, outcome.result, self.clock(), outcome.evidence))
        for heard in self.words(state):
            state = self.send(state, heard.event)
            self.journal.append(Kind.NOTE, self.run, heard.note)
        now = self.clock()
        if abs(now - self._ticked) >= self.tick:
            self._ticked = now
            ticked = ev.Ticked(now)
            if advance(state, ticked)[0] != state:  # a tick that changes nothing needs no record
                state = self.send(state, ticked)
        alive = {one.key for one in outstanding(state) if isinstance(one, Do)}
        self._running &= alive  # given up by the clock: its late answer changes nothing
        return state, state != before


def pause_before(attempt: int, scale: float) -> float:
    """Real seconds to wait before an attempt after the first."""
    return max(LEAST_PAUSE, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 2)) / scale)


def events_of(records: Sequence[Record]) -> list[Event]:
    """The machine's events among a run's records."""
    return [from_json(record.body) for record in records if record.kind is Kind.EVENT]
