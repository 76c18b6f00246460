"""What a drill leaves alone, and what it does in its place: no public record, no write to AWS, production's sync as it is.

The forward sync goes on all through a drill, so the converter must not make documents of what it carries: they would be
newer than AWS's own, and AWS's would never come over them. It hears the tool's own probes, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clouds.azure.arm import ArmError
from clouds.gates.world import version
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok
from clouds.runbook.footprint import Footprint
from recovery.arm.merge import merge
from recovery.model import Desired, Json
from recovery.runbook.events import Result

MARK = ".dr-probe/"
"""Test data's prefix: left out of every proof, and removed (Definitions, VAL-2; `clouds.sync.reconcile.SPARED`)."""

NOT_AWS = "nothing is written to AWS in a drill"
NOT_THE_RECORDS = "the public records are not touched in a drill"
NOT_THE_DIRECTION = "production's direction is not touched in a drill"

SUBSCRIPTION = "uploads-subscription"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "sync": ("**::sync-daily", "**::sync-watch"),
    "return": ("**::return-gate",),
}
"""What an up leaves alone in a drill alone, as URN patterns."""


def left_alone(stack: str, leave: Sequence[str]) -> list[str]:
    """The groups that this part of an up leaves alone in a drill, over those that it leaves alone anyway."""
    more = ["records", "sync", "filter" if stack == "active" else "return"]
    return [*leave, *(one for one in more if one not in leave)]


def probes_of(wanted: Desired) -> str:
    """The subject that an unmuted converter hears in a drill: the tool's own probes, out of all uploads."""
    return str((wanted.inputs.get("filter") or {}).get("subjectBeginsWith") or "") + MARK


def hear_probes(at: Footprint) -> None:
    """Unmute the converter for the probes. Already so: nothing is written. Raises ArmError."""
    wanted = subscription(at, "active")
    live, subject = at.body(wanted), probes_of(wanted)
    if (((live.get("properties") or {}).get("filter")) or {}).get("subjectBeginsWith") != subject:
        narrowed = merge(live, {"properties": {"filter": {"subjectBeginsWith": subject}}})
        at.world.arm.put(wanted.id, narrowed, version("eventgrid:SystemTopicEventSubscription"))


def subscription(at: Footprint, stack: str) -> Desired:
    """The converter's subscription as a stack declares it."""
    return next(one for one in at.desired(stack) if one.options.get("name") == SUBSCRIPTION)


def without(kinds: Mapping[str, Handler], why: str = NOT_AWS) -> dict[str, Handler]:
    """Effects that are left out in a drill, and say so."""

    def left(args: Mapping[str, Json], call: Call) -> Outcome:
        return ok(drill=why)

    return dict.fromkeys(kinds, left)


def closing(up: Handler, looks: Mapping[str, tuple[Handler, Mapping[str, Json]]], books: Handler) -> Handler:
    """A drill ends cheap: everything but records and sync back to standby, looked at, then the books are closed.

    looks: name -> (effect, args) that must find the standby as it was.
    """

    def close(args: Mapping[str, Json], call: Call) -> Outcome:
        try:
            back = up({"stack": "standby", "leave": []}, call)
        except ArmError as error:
            return failed(
                f"the standby is not back in its cheap state: {error}", fix="dr resume --retry handover"
            )
        found: dict[str, Json] = {"back": back.evidence.get("changes")}
        for name, (look, given) in looks.items():
            seen = look(given, call)
            found[name] = "as before" if seen.result is Result.OK else str(seen.evidence.get("error"))
            if seen.result is not Result.OK:
                return Outcome(seen.result, {**found, **seen.evidence})
        closed = books({**args, "handover": ["standby", "active"]}, call)
        return ok(**{**closed.evidence, **found})

    return close
