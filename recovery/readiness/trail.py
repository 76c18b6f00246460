"""READY-8: what became of each failure. Found, fixed, retested; or escalated to the CTO, with the message that was sent.

The trail is folded from the kept documents alone (runs, and what people wrote down between them), so it is the same on
every machine and cannot be edited without editing them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from recovery.model import Json
from recovery.readiness.model import Verdict

WINDOW = timedelta(hours=8)
"""The maintenance window: a failure that is not fixed and retested within it goes to the CTO the same day (plan, 3.2.2)."""


class State(StrEnum):
    """Where a failure stands."""

    FOUND = "found"
    FIXED = "fixed, not retested"
    ESCALATED = "escalated"
    CLOSED = "closed"


@dataclass(frozen=True)
class Note:
    """One thing that happened to a failure. what: found, fixed, retested, escalated. who: a person, or the run.

    delivered: of an escalation, what each channel said. reached: whether one that people read took it.
    """

    at: str
    what: str
    who: str
    text: str
    delivered: tuple[Mapping[str, Json], ...] = ()
    reached: bool = False


@dataclass(frozen=True)
class Trail:
    """One failure of one check, from the run that found it to the run that found it ready again."""

    check: str
    requirement: str
    title: str
    found: str
    verdict: Verdict
    notes: tuple[Note, ...] = field(default=())
    closed: str = ""

    @property
    def state(self) -> State:
        """Closed by a run alone: nobody's word closes a failure."""
        if self.closed:
            return State.CLOSED
        if any(note.what == "escalated" and note.reached for note in self.notes):
            return State.ESCALATED
        last = next((n for n in reversed(self.notes) if n.what in ("found", "fixed", "retested")), None)
        return State.FIXED if last is not None and last.what == "fixed" else State.FOUND

    @property
    def sentence(self) -> str:
        """What is wrong, as the newest run that saw it says."""
        return next((n.text for n in reversed(self.notes) if n.what in ("found", "retested")), "")


def fold(documents: Iterable[Mapping[str, Json]]) -> list[Trail]:
    """Every trail, the oldest first. documents: in the order of time; unreadable ones change nothing."""
    every: list[Trail] = []
    open_: dict[str, int] = {}
    for document in documents:
        kind = document.get("kind")
        if kind == "run":
            _run(document, every, open_)
        elif kind in ("fixed", "escalated"):
            at = open_.get(str(document.get("check")))
            if at is not None:
                note = Note(
                    str(document["at"]), str(kind), str(document.get("by", "")), str(document.get("text", "")),
                    tuple(document.get("delivered") or ()), document.get("reached") is True,
                )  # fmt: skip
                every[at] = replace(every[at], notes=(*every[at].notes, note))
    return every


def _run(document: Mapping[str, Json], every: list[Trail], open_: dict[str, int]) -> None:
    at, run = str(document["started"]), str(document["run"])
    for result in document["results"]:
        check, verdict = str(result["id"]), Verdict(result["verdict"])
        known = open_.get(check)
        if known is None:
            if verdict is Verdict.READY:
                continue
            note = Note(at, "found", run, str(result["sentence"]))
            open_[check] = len(every)
            every.append(Trail(check, str(result["requirement"]), str(result["title"]), at, verdict, (note,)))
            continue
        trail = every[known]
        note = Note(at, "retested", run, f"{verdict}: {result['sentence']}")
        done = at if verdict is Verdict.READY else ""
        every[known] = replace(trail, notes=(*trail.notes, note), closed=done)
        if done:
            del open_[check]


def due(trails: Iterable[Trail], now: datetime, window: timedelta = WINDOW) -> list[Trail]:
    """Failures that stand open beyond the window and have not reached the CTO."""
    late = []
    for trail in trails:
        if trail.state in (State.FOUND, State.FIXED) and now - datetime.fromisoformat(trail.found) >= window:
            late.append(trail)
    return late


def touched(trails: Iterable[Trail], month: str) -> list[Trail]:
    """The trails of a monthly report: open at some time in `month` (``2026-12``)."""
    return [t for t in trails if t.found[:7] <= month and (not t.closed or t.closed[:7] >= month)]


def message(trails: list[Trail], run: str) -> tuple[str, str]:
    """(subject, body) of the escalation, in Portuguese and English."""
    lines = "\n".join(
        f"- {t.requirement} {t.title}: {t.sentence} ({t.found[:16].replace('T', ' ')} UTC)" for t in trails
    )
    count = len(trails)
    subject = f"Prontidão de DR: {count} falha(s) sem correção, para o CTO | DR readiness: {count} unresolved, for the CTO"
    body = (
        f"A validação de prontidão encontrou falhas que não foram corrigidas e retestadas na janela de manutenção:\n{lines}\n"
        f"Pedido: priorizar a correção e acompanhar. Relatório: {run}. Depois: dr ready\n\n"
        f"The readiness check found failures that were not fixed and retested within the maintenance window:\n{lines}\n"
        f"Asked of you: priority for the fix, and follow-up. Report: {run}. Afterwards: dr ready\n"
    )
    return subject, body
