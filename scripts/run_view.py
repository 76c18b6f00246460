"""A run as a person sees it: what happens, what is asked, how long it still takes, and the sentence at its end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from recovery.exit_codes import ExitCode
from recovery.model import Json
from recovery.runbook.machine import Output
from recovery.runbook.path import critical_path
from recovery.runbook.state import SETTLED, Ask, Do, Mode, Phase, State, outstanding

if TYPE_CHECKING:
    from clouds.runbook.runs import Begun

QUIET_PHASES = (Phase.CHECK, Phase.GUARD, Phase.VERIFY)


def asks(state: State) -> list[Ask]:
    """What people are asked now."""
    return [one for one in outstanding(state) if isinstance(one, Ask)]


def document(state: State) -> dict[str, Json]:
    """What is asked, as published for approvers on other machines."""
    return {
        "runbook": state.runbook.id,
        "mode": str(state.mode),
        "asks": [
            {
                "key": one.key,
                "step": one.step,
                "title": state.runbook.step(one.step).title,
                "sentence": one.sentence,
                "missing": sorted(map(str, one.missing)),
                "alternatives": [sorted(map(str, roles)) for roles in one.any_of],
                "evidence": {step: dict(seen) for step, seen in one.evidence.items()},
            }
            for one in asks(state)
        ],
        "stuck": [{"step": id, "reason": state.of(id).reason} for id in state.stuck],
    }


def seconds_left(state: State, scale: float, now: float) -> float:
    """Simulated seconds on the critical path from now on, at p95, people's waiting time apart."""
    seen = {}
    for step in state.runbook.steps:
        one = state.of(step.id)
        if one.phase in SETTLED:
            seen[step.id] = 0.0
        elif one.started is not None and one.phase is not Phase.APPROVAL:
            seen[step.id] = max(0.0, step.budget.p95 - (now - one.started) * scale)
    return critical_path(state.runbook, seen=seen).seconds


class Terminal:
    """Talks to stderr. publish: called with the questions whenever they change."""

    def __init__(self, begun: Begun, scale: float, publish: Callable[[Mapping[str, Json]], None]) -> None:
        self._begun, self._scale, self._publish = begun, scale, publish
        self._phases: dict[str, Phase] = {}
        self._asked: set[tuple[str, str]] = set()
        self._published: Mapping[str, Json] = {}
        self._lock = threading.Lock()

    def said(self, text: str, loud: bool = False) -> None:
        """One line; what must not be overlooked stands in a frame of its own."""
        with self._lock:
            print(f"\n  !!! {text}\n" if loud else f"  {text}", file=sys.stderr, flush=True)

    def changed(self, state: State, out: Sequence[Output]) -> None:
        """What is new since the last look."""
        now = time.time()
        if not self._phases:  # what was done before a resume was said then
            self._phases = {id: one.phase for id, one in state.steps.items() if one.phase in SETTLED}
        for step in state.runbook.steps:
            one = state.of(step.id)
            if self._phases.get(step.id, Phase.WAITING) is one.phase:
                continue
            self._phases[step.id] = one.phase
            if one.phase in SETTLED or one.phase in (
                Phase.FAILED,
                Phase.REFUSED,
                Phase.UNDONE,
                Phase.UNDO_FAILED,
            ):
                self.said(self._ended(state, step.id, now))
            elif one.phase in (Phase.DO, Phase.UNDO) and step.do is not None:
                self.said(
                    f"begun    {step.id}: {step.title}" if one.phase is Phase.DO else f"undoing  {step.id}"
                )
        for ask in asks(state):
            mark = (ask.key, ",".join(sorted(ask.missing)))
            if mark not in self._asked:
                self._asked.add(mark)
                self._ask(ask)
        document_ = document(state)
        if document_ != self._published:
            self._published = document_
            self._publish(document_)

    def listen(self, spoken: Callable[[str], str]) -> None:
        """Answers typed here: `yes STEP as WHO`, `no STEP as WHO`, `pause`, ... (each signed like any other)."""

        def go() -> None:
            for line in sys.stdin:
                if line.strip():
                    self.said(spoken(line.strip()))

        threading.Thread(target=go, daemon=True, name="stdin").start()

    def _ended(self, state: State, id: str, now: float) -> str:
        one = state.of(id)
        took = (one.ended or now) - (one.started or one.ended or now)
        why = f" ({one.reason})" if one.reason and one.phase is not Phase.DONE else ""
        if state.of(state.runbook.goal).phase in SETTLED:
            rest = ""
        else:
            rest = f"; at most {seconds_left(state, self._scale, now) / 60:.1f} min left, people's waiting time apart"
        return f"{one.phase:<8} {id} after {took:.1f} s{why}{rest}"

    def _ask(self, ask: Ask) -> None:
        who = " or ".join(" and ".join(sorted(roles & ask.missing or roles)) for roles in ask.any_of)
        shown = [f"{step}: {_short(seen)}" for step, seen in ask.evidence.items()]
        lines = [
            f"ASKED    {ask.step}, of the {who}: {ask.sentence}",
            *(f"           {one}" for one in shown),
        ]
        lines.append(
            f"           dr approve {ask.step} --as WHO    (or, to say no: dr approve {ask.step} --as WHO --no)"
        )
        self.said("\n  ".join(lines))


def _short(seen: Mapping[str, Json]) -> str:
    text = ", ".join(f"{name} {value}" for name, value in seen.items())
    return text if len(text) <= 200 else text[:199] + "…"


def verdict(state: State) -> tuple[ExitCode, str]:
    """The exit code and the sentence at the end."""
    book, run = state.runbook, state.run
    if state.mode is Mode.COMPLETED:
        goal, owed = state.of(book.goal), state.obligations
        took = (goal.ended or 0.0) - (state.started or 0.0)
        left = f" Still owed: {'; '.join(owed.values())}." if owed else ""
        missed = [id for id, one in state.steps.items() if one.phase in (Phase.MISSED, Phase.SKIPPED)]
        out = f" Left out: {', '.join(missed)}." if missed else ""
        return (
            ExitCode.CLEAN,
            f"{book.title}: done, {book.goal} {took:.0f} s after it began (run {run}).{left}{out}",
        )
    if state.mode is Mode.ABORTED:
        kept = [id for id, one in state.steps.items() if one.phase is Phase.KEPT]
        stays = f" What has no undo stays: {', '.join(kept)}." if kept else ""
        return ExitCode.STOPPED, f"The run {run} was aborted and undone: {state.reason}.{stays}"
    if state.stuck:
        step = state.stuck[0]
        others = "" if len(state.stuck) == 1 else f" (and {', '.join(state.stuck[1:])})"
        return ExitCode.FAILED, (
            f"The run {run} waits for a decision: {step} {state.of(step).phase}{others}: {state.of(step).reason}. "
            f"Then: dr resume --retry {step}, or dr skip {step} --reason '...', or dr abort --reason '...'."
        )
    open_ones = ", ".join(one.step for one in asks(state)) or str(state.mode)
    return (
        ExitCode.STOPPED,
        f"The run {run} waits for people: {open_ones}. Answer (dr approve), then: dr resume.",
    )


def summary(state: State, begun: Begun, scale: float) -> dict[str, Json]:
    """The run for `--format json`."""
    now = time.time()
    return {
        "run": state.run, "runbook": state.runbook.id, "mode": str(state.mode), "drill": begun.drill,
        "engine": begun.engine, "started": state.started, "ended": state.ended, "scale": scale,
        "goal": {"step": state.runbook.goal, "ended": state.of(state.runbook.goal).ended},
        "secondsLeft": round(seconds_left(state, scale, now), 1), "owed": dict(state.obligations),
        "steps": {
            id: {"phase": str(one.phase), "started": one.started, "ended": one.ended, "reason": one.reason,
                 "evidence": dict(one.evidence)}
            for id, one in state.steps.items()
        },
        **document(state),
    }  # fmt: skip


def under_way(state: State) -> list[str]:
    """Steps whose effects are asked for now."""
    return [one.step for one in outstanding(state) if isinstance(one, Do)]
