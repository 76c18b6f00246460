"""The gate between a plan and an up: a mode switch updates what exists and does nothing else.

A create, a replace or a delete in a plan means that the checkpoint, the program or the cloud is not what the
person thinks (a stack that was never handed over, a renamed resource, one deleted by hand). On the day of a
failover that must stop, not happen.
"""

from __future__ import annotations

from recovery.engine import DIALS_ONLY
from recovery.errors import Stopped
from recovery.model import Action, Plan, Step

STACK_REFERENCE = "pulumi:pulumi:StackReference"

NAMES: dict[Action, str] = {
    Action.SAME: "same", Action.UPDATE: "update", Action.CREATE: "create",
    Action.DELETE: "delete", Action.REPLACE: "replace", Action.READ: "read",
}  # fmt: skip
"""The names that `--allow` takes."""

_SHOWN = 5


def check(plan: Plan, allow: frozenset[Action] = DIALS_ONLY) -> None:
    """Let the plan pass, or raise Stopped naming each step that is neither harmless nor in `allow`.

    Harmless whatever `allow` says: same, and the read of a StackReference. The read of anything else is as
    foreign to a switch as a create.
    """
    stopped = [step for step in plan.steps if not _harmless(step) and not _allowed(step, allow)]
    if not stopped:
        return
    lines = [f"{step.action} {step.type.rpartition(':')[2]} {step.name}" for step in stopped[:_SHOWN]]
    if len(stopped) > _SHOWN:
        lines.append(f"and {len(stopped) - _SHOWN} more")
    raise Stopped(
        f"the plan for stack {plan.stack} holds {len(stopped)} of {len(plan.changes)} changes that are no updates: "
        + "; ".join(lines),
        _consequence(stopped),
        _fix(plan, stopped),
    )


def refuse_more(shown: Plan, now: Plan) -> None:
    """Raise Stopped when `now` changes something that `shown` did not: reality has moved since a person said yes."""
    known = {(step.type, step.name, step.action) for step in shown.changes}
    more = [step for step in now.changes if (step.type, step.name, step.action) not in known]
    if not more:
        return
    lines = "; ".join(f"{step.action} {step.type.rpartition(':')[2]} {step.name}" for step in more[:_SHOWN])
    raise Stopped(
        f"the plan for stack {now.stack} now holds {len(more)} change(s) that were not in the one that was shown: {lines}",
        "only what was shown and confirmed is done. Nothing was changed",
        "run the same command again: it makes and shows a new plan",
        retry=True,
    )


def _harmless(step: Step) -> bool:
    return step.action is Action.SAME or (step.action is Action.READ and step.type == STACK_REFERENCE)


def _allowed(step: Step, allow: frozenset[Action]) -> bool:
    if step.action is Action.READ:
        return False  # DIALS_ONLY holds READ for stack references, which have passed already
    return step.action in allow


def _consequence(stopped: list[Step]) -> str:
    actions = {step.action for step in stopped}
    if actions & {Action.DELETE, Action.REPLACE}:
        return "a delete or a replacement destroys what the standby exists to keep"
    return (
        "a switch only turns dials; something to create means that this stack's checkpoint does not know the "
        "footprint, or that a part of it is gone"
    )


def _fix(plan: Plan, stopped: list[Step]) -> str:
    actions = {step.action for step in stopped}
    if actions == {Action.CREATE}:
        if plan.stack == "standby" and len(stopped) == len(plan.changes):
            return "dr up -s standby --first-build    (only where no footprint exists yet; else: dr drift -s standby)"
        return (
            f"dr drift -s {plan.stack}    (what is missing?); if meant: dr up -s {plan.stack} --allow create"
        )
    if Action.REPLACE in actions:
        return (
            f"dr preview -s {plan.stack}    (which property?); then take that change back, or build another resource beside "
            "this one: what is protected is not replaced"
        )
    names = " ".join(f"--allow {NAMES[a]}" for a in Action if a in actions)
    return f"dr preview -s {plan.stack}    (look at each); if meant: dr up -s {plan.stack} {names}"
