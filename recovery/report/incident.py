"""A run as a report: post-incident (COMM-3) or post-rollback (BACK-6), from its journal alone. Pure.

Root cause, corrective actions and lessons are slots: people fill them in, the tool never invents them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recovery.journal.chain import Kind, Record
from recovery.journal.direction import standing
from recovery.model import Json
from recovery.runbook.path import critical_path, plan, sequential
from recovery.runbook.state import Mode, Phase, State

RTO_TARGET_SECONDS = 15 * 60
RPO_TARGET_SECONDS = 60


@dataclass(frozen=True)
class Bar:
    """One step in the Gantt. Seconds from the run's start; budget: simulated seconds at p95. people: waited for them."""

    step: str
    title: str
    phase: str
    start: float
    end: float
    budget: float
    people: float = 0.0
    critical: bool = False

    @property
    def worked(self) -> float:
        """Seconds without people's waiting time."""
        return max(0.0, self.end - self.start - self.people)


@dataclass(frozen=True)
class Line:
    """One moment of the timeline. at: UTC, ISO 8601."""

    at: str
    what: str
    loud: bool = False


@dataclass(frozen=True)
class Incident:
    """The report's content. seconds are real ones; scale: simulated seconds per real second (1 outside a rehearsal)."""

    kind: str
    run: str
    runbook: str
    title: str
    started: str
    ended: str
    mode: str
    scenario: str
    reason: str
    person: str
    drill: bool
    scale: float
    rto: float | None
    people_seconds: float
    critical_p95: float
    sequential_p95: float
    plan_seconds: tuple[float, float]
    rpo: str
    rpo_seconds: float | None = None
    bars: tuple[Bar, ...] = ()
    timeline: tuple[Line, ...] = ()
    proofs: tuple[Mapping[str, Json], ...] = ()
    divergence: tuple[str, ...] = ()
    approvals: tuple[Mapping[str, Json], ...] = ()
    messages: tuple[Mapping[str, Json], ...] = ()
    owed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    deadlines: tuple[Mapping[str, Json], ...] = ()
    path: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def worked(self) -> float | None:
        """Simulated seconds from the declaration to the goal, people's waiting time on the path apart."""
        return None if self.rto is None else max(0.0, self.rto - self.people_seconds) * self.scale

    @property
    def sentence(self) -> str:
        """The verdict."""
        if self.worked is None:
            return f"{self.title}: {self.mode}; the goal was not reached."
        if self.scale != 1:
            return self._rehearsed()
        within = "within" if self.worked <= RTO_TARGET_SECONDS else "NOT within"
        goal = "Service was restored" if self.kind == "post-incident" else "The standby was clean again"
        target = (
            f", {within} the target of {RTO_TARGET_SECONDS / 60:.0f} min"
            if self.kind == "post-incident"
            else ""
        )
        drill = "Drill: " if self.drill else ""
        return (
            f"{drill}{goal} {minutes(self.worked)} after the beginning, people's waiting time apart{target}."
        )

    def _rehearsed(self) -> str:
        """At another scale the tool's own seconds are not scaled: the promise is what the duration table gives."""
        done = "Service was restored" if self.kind == "post-incident" else "The standby was clean again"
        worked = max(0.0, (self.rto or 0.0) - self.people_seconds)
        path = f"{minutes(self.critical_p95)} at the duration table's p95 on the critical path"
        if self.kind == "post-incident":
            within = "within" if self.critical_p95 <= RTO_TARGET_SECONDS else "NOT within"
            path += f", {within} the target of {RTO_TARGET_SECONDS / 60:.0f} min"
        ratio = self.sequential_p95 / self.critical_p95 if self.critical_p95 else 0.0
        return (
            f"{'Drill' if self.drill else 'Rehearsal'}: {done.lower()} after {minutes(worked)} of real work at {self.scale:g}:1; {path} "
            f"(one step after another {minutes(self.sequential_p95)}, {ratio:.1f}x), people's waiting time apart."
        )


def minutes(seconds: float) -> str:
    """``4.2 min``; seconds below two minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def incident(
    state: State, records: Sequence[Record], begun: Mapping[str, Json], scale: float = 1.0,
    notes: Mapping[str, str] | None = None,
) -> Incident:  # fmt: skip
    """The report of one run. records: of the whole journal; begun: the body of the run's first record."""
    mine = [one for one in records if one.run == state.run]
    book, started = state.runbook, state.started or 0.0
    path = critical_path(book)
    asked = _people(state, mine)
    bars = tuple(
        Bar(step.id, step.title, str(one.phase), one.started - started, (one.ended or one.started) - started,
            step.budget.p95, asked.get(step.id, 0.0), step.id in path.steps)
        for step in book.steps if (one := state.of(step.id)).started is not None
    )  # fmt: skip
    goal = state.of(book.goal)
    rto = goal.ended - started if goal.phase is Phase.DONE and goal.ended else None
    failover = book.id == "failover"
    now = standing(records)
    rpo = _rpo_of_drill(state) if begun.get("drill") else _rpo(state)
    return Incident(
        kind="post-incident" if failover else "post-rollback",
        run=state.run, runbook=book.id, title=book.title, started=_first(mine), ended=mine[-1].at if mine else "",
        mode=str(state.mode), scenario=str(begun.get("scenario") or ""), reason=str(begun.get("reason") or ""),
        person=str(begun.get("person") or ""), drill=bool(begun.get("drill")), scale=scale, rto=rto,
        people_seconds=_on_path(bars), critical_p95=path.seconds, sequential_p95=sequential(book), plan_seconds=plan(book),
        rpo=rpo[1], rpo_seconds=rpo[0], bars=bars, timeline=tuple(_timeline(state, mine)),
        proofs=tuple(dict(one) for record in mine if record.kind is Kind.PROOF for one in record.body.get("flows", [])),
        divergence=tuple(_divergence(state)), approvals=tuple(_approvals(state, mine)),
        messages=tuple({**record.body, "at": record.body.get("at") or record.at} for record in mine
                       if record.kind is Kind.MESSAGE and record.body.get("state") != "sending"),
        owed=tuple(one.what for id, one in now.obligations.items() if id.startswith(f"{state.run}/")),
        left_out=tuple(f"{step.id}: {said}" for step in book.steps
                       if isinstance(said := state.of(step.id).evidence.get("drill"), str)),
        deadlines=tuple({"what": one.what, "due": one.due, "met": one.met} for id, one in now.deadlines.items()
                        if id.startswith(f"{state.run}/")),
        path=path.steps, actions=tuple(_actions(state)), notes=dict(notes or {}),
    )  # fmt: skip


def _first(mine: Sequence[Record]) -> str:
    return mine[0].at if mine else ""


def _people(state: State, mine: Sequence[Record]) -> dict[str, float]:
    """Step -> seconds it waited for people: from the first asking to the last answer."""
    found: dict[str, float] = {}
    for step in state.runbook.steps:
        one = state.of(step.id)
        if step.approval is None or one.started is None:
            continue
        answers = [
            float(record.body["at"])
            for record in mine
            if record.kind is Kind.EVENT
            and record.body.get("event") in ("Answered", "BrokeGlass")
            and f"/{step.id}/" in str(record.body.get("key"))
        ]
        if answers:
            found[step.id] = max(0.0, max(answers) - one.started)
    return found


def _on_path(bars: Sequence[Bar]) -> float:
    """Seconds in which nothing but people was waited for: no step worked."""
    worked = sorted((bar.start + bar.people, bar.end) for bar in bars if bar.end > bar.start + bar.people)
    waiting = sorted((bar.start, bar.start + bar.people) for bar in bars if bar.people)
    total = 0.0
    for start, end in _merged(waiting):
        busy = sum(max(0.0, min(end, b) - max(start, a)) for a, b in _merged(worked))
        total += end - start - busy
    return max(0.0, total)


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _rpo(state: State) -> tuple[float | None, str]:
    """Seconds of acknowledged writes that may be missing on the live side (None: not known), and why."""
    for id in ("compare", "reverse-proof"):
        flows = state.of(id).evidence.get("flows") if id in state.steps else None
        if flows and state.of(id).phase is Phase.DONE:
            worst = min(flows, key=lambda one: one["equal"] / max(1, one["compared"]))
            figure = f"{100 * worst['equal'] / max(1, worst['compared']):.2f} % of {worst['name']} confirmed"
            if worst["equal"] == worst["compared"]:
                how = "after writes had been stopped" if id == "compare" else "at the cut of the last run"
                return 0.0, f"{figure} {how}: nothing acknowledged is left behind"
            return None, f"{figure}; the rest is listed as divergence"
    oldest, shown = _ages(state)
    if oldest is not None:
        return (
            oldest,
            f"AWS could not be compared with: the last proven copies were that old at the checkpoint ({shown})",
        )
    return None, "not known: no comparison could be made (AWS did not answer, or it was left out)"


def _ages(state: State) -> tuple[float | None, str]:
    """Seconds since the oldest of the last proven copies began, at the checkpoint; and all of them in words."""
    ages = state.of("checkpoint").evidence.get("data_age_seconds") if "checkpoint" in state.steps else None
    if not ages:
        return None, ""
    return max(float(age) for age in ages.values()), ", ".join(
        f"{flow} {age} s" for flow, age in ages.items()
    )


def _rpo_of_drill(state: State) -> tuple[float | None, str]:
    """A drill stops no writes and carries no fresh export: what counts is what AWS's loss at its beginning would have cost."""
    oldest, shown = _ages(state)
    if oldest is None:
        return None, "not known: this machine has no record of a sync that ended well"
    return (
        oldest,
        f"writes went on all through the drill: had AWS been lost at the checkpoint, the last proven copies were that old ({shown})",
    )


def _divergence(state: State) -> list[str]:
    found: list[str] = []
    for one in state.steps.values():
        for name in ("divergence", "conflicts", "uploads", "differing"):
            held = one.evidence.get(name)
            found += [f"{name}: {item}" for item in held] if isinstance(held, list) else []
    return found


def _approvals(state: State, mine: Sequence[Record]) -> list[dict[str, Json]]:
    found: list[dict[str, Json]] = []
    for record in mine:
        if record.kind is Kind.EVENT and record.body.get("event") in ("Answered", "BrokeGlass"):
            body = record.body
            glass = body["event"] == "BrokeGlass"
            found.append(
                {"at": record.at, "step": str(body["key"]).split("/")[1], "role": body["role"], "who": body["identity"],
                 "answer": "BREAK-GLASS" if glass else "yes" if body["yes"] else "no",
                 "shown": body.get("reason") if glass else body.get("shown")}
            )  # fmt: skip
    return found


def _timeline(state: State, mine: Sequence[Record]) -> list[Line]:
    titles = {step.id: step.title for step in state.runbook.steps}
    found: list[Line] = []
    for record in mine:
        body = record.body
        if record.kind is Kind.RUN:
            found.append(Line(record.at, f"ended: {body['ended']}" if "ended" in body else "the run began"))
        elif record.kind is Kind.INTENT and body.get("phase") in ("do", "undo"):
            word = "begun" if body["phase"] == "do" else "being undone"
            found.append(Line(record.at, f"{word}: {titles.get(str(body['step']), body['step'])}"))
        elif record.kind is Kind.EVENT:
            found += _event(record, titles)
        elif record.kind is Kind.OBLIGATION:
            found.append(
                Line(
                    record.at,
                    f"owed: {body['what']}" if body.get("open") else f"met: {body.get('how')}",
                    True,
                )
            )
        elif record.kind is Kind.MESSAGE and body.get("state") != "sending":
            found.append(
                Line(
                    record.at,
                    f"message {body['template']} ({body['language']}) {body['state']} on {body['channel']}",
                )
            )
    return found


def _event(record: Record, titles: Mapping[str, str]) -> list[Line]:
    body, name = record.body, record.body.get("event")
    if name == "Finished":
        step, phase = str(body["key"]).split("/")[1:3]
        bad = body["result"] not in ("ok", "todo")
        if phase == "do" or bad:
            why = f" ({(body.get('evidence') or {}).get('error', '')})" if bad else ""
            return [Line(record.at, f"{body['result']}: {titles.get(step, step)}{why}", bad)]
        return []
    if name == "Answered":
        return [
            Line(
                record.at,
                f"{body['identity']} ({body['role']}) says {'yes' if body['yes'] else 'NO'} to {str(body['key']).split('/')[1]}",
            )
        ]
    if name == "BrokeGlass":
        return [
            Line(
                record.at, f"BREAK-GLASS by {body['identity']} for the {body['role']}: {body['reason']}", True
            )
        ]
    if name in ("Paused", "Resumed", "Aborted", "Skipped", "Retried"):
        return [
            Line(
                record.at,
                f"{name.lower()} by {body['identity']}: {body.get('step') or body.get('reason') or ''}",
                True,
            )
        ]
    return []


def _actions(state: State) -> list[str]:
    """What the run itself shows to be mended; people add theirs."""
    found = []
    for step in state.runbook.steps:
        one = state.of(step.id)
        if one.attempt > 1 or one.round > 1:
            found.append(
                f"{step.id} needed {one.round} round(s), attempt {one.attempt} in the last: find out why"
            )
        if one.phase in (Phase.MISSED, Phase.SKIPPED, Phase.OWED, Phase.FAILED):
            found.append(f"{step.id} ended {one.phase}: {one.reason}")
        if any(given.glass for given in one.given):
            found.append(f"{step.id} went on by break-glass: name a deputy")
    if state.mode is not Mode.COMPLETED:
        found.append(f"the run is {state.mode}")
    return found
