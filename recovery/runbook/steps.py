"""A runbook as data: steps that name effects, with role, approval, time budget and needs. No behaviour.

`Runbook` refuses to exist if it breaks a rule of safety, with all problems at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from recovery.model import Json
from recovery.runbook.roles import Role


@dataclass(frozen=True)
class Effect:
    """Something done or looked at, by name: the executor knows the kinds, this room does not.

    Every effect can be asked for twice: it looks first and does nothing where nothing is left to do.
    """

    kind: str
    args: Mapping[str, Json] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.args.items())
        return f"{self.kind}({shown})"


@dataclass(frozen=True)
class Budget:
    """Seconds a step takes, people's waiting time apart."""

    median: float
    p95: float


@dataclass(frozen=True)
class Approval:
    """Who must say yes, and to what.

    any_of: alternatives, each a set of roles that must all agree (two roles need two identities).
    sentence: the consequence. rule: id of the comparison step whose evidence chooses the role instead
    (`recovery.runbook.decision`). reopens: steps that are done again when a refused question is retried.
    """

    any_of: tuple[frozenset[Role], ...]
    sentence: str
    rule: str = ""
    reopens: tuple[str, ...] = ()


def one_of(*roles: Role) -> tuple[frozenset[Role], ...]:
    """Any one of these roles is enough."""
    return tuple(frozenset({role}) for role in roles)


def all_of(*roles: Role) -> tuple[frozenset[Role], ...]:
    """All of these roles are needed."""
    return (frozenset(roles),)


@dataclass(frozen=True)
class Step:
    """One step. Its effects run in the order check, (approval), guard, do, verify; `undo` on abort.

    check: is it done already? guard: may it be done now, looked at right before `do`? owed: the obligation
    that stands when the primary cannot be reached ("" = the step fails instead). best_effort: its failure
    never holds anything up (messages). proves_health, moves_traffic: see `Runbook`. timeout: seconds for each
    effect; 0 = three times the p95, at least a minute. retries: after the first attempt.
    """

    id: str
    title: str
    part: str
    role: Role
    budget: Budget
    requirements: tuple[str, ...]
    needs: tuple[str, ...] = ()
    check: Effect | None = None
    guard: Effect | None = None
    do: Effect | None = None
    verify: Effect | None = None
    undo: Effect | None = None
    approval: Approval | None = None
    irreversible: bool = False
    skippable: bool = False
    best_effort: bool = False
    owed: str = ""
    proves_health: bool = False
    moves_traffic: bool = False
    retries: int = 2
    timeout: float = 0.0
    manual: tuple[str, ...] = ()

    @property
    def limit(self) -> float:
        """Seconds after which one effect of this step counts as failed."""
        return self.timeout or max(60.0, 3 * self.budget.p95)


@dataclass(frozen=True)
class Runbook:
    """Steps with their needs. goal: the step at whose end service is restored and validated (the RTO's end).

    plan_seconds: (least, most) that the seeds' plan allows for the whole. parts: the seeds' parts, in their
    order, with their minutes (least, most). Raises ValueError with all problems.
    """

    id: str
    title: str
    steps: tuple[Step, ...]
    goal: str
    plan_seconds: tuple[float, float]
    parts: Mapping[str, tuple[float, float]]

    def __post_init__(self) -> None:
        problems = list(_structure(self)) or [p for step in self.steps for p in _safety(self, step)]
        if problems:
            raise ValueError(f"runbook {self.id}: " + "; ".join(problems))

    def step(self, id: str) -> Step:
        """The step with this id. KeyError when there is none."""
        for step in self.steps:
            if step.id == id:
                return step
        raise KeyError(id)

    def before(self, id: str) -> frozenset[str]:
        """All steps that must be settled before this one, directly or not."""
        known = {step.id: step for step in self.steps}
        found: set[str] = set()
        todo = list(known[id].needs)
        while todo:
            need = todo.pop()
            if need not in found:
                found.add(need)
                todo.extend(known[need].needs)
        return frozenset(found)


def _structure(book: Runbook) -> Iterator[str]:
    """Problems that make the graph unusable."""
    ids = [step.id for step in book.steps]
    for twice in sorted({id for id in ids if ids.count(id) > 1}):
        yield f"step {twice} stands twice"
    for step in book.steps:
        for need in step.needs:
            if need not in ids:
                yield f"{step.id} needs {need}, which is no step"
        if step.approval is not None and step.approval.rule and step.approval.rule not in step.needs:
            yield f"{step.id} is decided by {step.approval.rule}, which it does not need"
        reopens = step.approval.reopens if step.approval is not None else ()
        for other in book.steps:
            if other.id not in (*reopens, step.id) and set(other.needs) & set(reopens):
                yield f"{step.id} reopens what {other.id} was built on"
        if step.part not in book.parts:
            yield f"{step.id} is in part {step.part}, which the plan does not have"
    if book.goal not in ids:
        yield f"the goal {book.goal} is no step"
    done: set[str] = set()
    left = {step.id: set(step.needs) & set(ids) for step in book.steps}
    while free := [id for id, needs in left.items() if needs <= done]:
        done.update(free)
        for id in free:
            del left[id]
    if left:
        yield f"{', '.join(sorted(left))} need each other"


def _safety(book: Runbook, step: Step) -> Iterator[str]:
    """Problems that would make a step dangerous."""
    if step.irreversible:
        if step.approval is None or (not step.approval.any_of and not step.approval.rule):
            yield f"{step.id} is irreversible and nobody approves it"
        if step.skippable or step.best_effort or step.undo is not None:
            yield f"{step.id} is irreversible and yet skippable, best effort or undone"
    if step.moves_traffic:
        before = [book.step(id) for id in book.before(step.id)]
        sure = [
            one for one in before if one.proves_health and not (one.skippable or one.best_effort or one.owed)
        ]
        if not sure:
            yield f"{step.id} moves traffic without a step before it that proves health and cannot be skipped"
        if step.guard is None or step.verify is None or step.approval is None:
            yield f"{step.id} moves traffic without guard, verification or approval"
    if step.proves_health and step.do is None and step.verify is None:
        yield f"{step.id} proves health without looking"
    if step.do is not None and not step.manual:
        yield f"{step.id} has no manual commands"
    if not 0 <= step.budget.median <= step.budget.p95:
        yield f"{step.id} has a median above its p95"
    if not step.requirements:
        yield f"{step.id} names no requirement"
