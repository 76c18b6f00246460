"""Effects that are the plan's own bookkeeping: declaration, direction, obligations, validation, closing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen, unreachable
from clouds.runbook.drill import NOT_THE_DIRECTION
from recovery.journal.chain import Kind
from recovery.journal.direction import Direction, close_obligation, set_deadline
from recovery.model import Json
from recovery.runbook.roles import Role
from recovery.runbook.state import Phase


class Fence(Protocol):
    """Which way data may flow: read before each batch of every sync, turned here (clouds.sync.direction.Directions)."""

    def is_now(self) -> Direction: ...

    def turn(self, to: Direction, who: str, why: str) -> int:
        """Returns the epoch. Nothing happens where it is so already."""
        ...


HandOver = Callable[[str, str], Mapping[str, Json]]
Precheck = Callable[[str], Mapping[str, Json]]


def nothing_to_hand_over(source: str, target: str) -> Mapping[str, Json]:
    """The direct engine keeps no state."""
    return {"handover": "the direct engine keeps no state: nothing to hand over"}


class BookEffects:
    """precheck: the same questions as `dr precheck`; whole_up: brings in what the parts of an up left alone."""

    def __init__(
        self,
        fence: Fence,
        precheck: Precheck = lambda name: {"precheck": "not asked"},
        hand_over: HandOver = nothing_to_hand_over,
        whole_up: Callable[[str, Callable[[str], None]], None] = lambda stack, say: None,
    ) -> None:
        self._fence, self._precheck, self._hand_over, self._whole_up = fence, precheck, hand_over, whole_up

    def table(self) -> dict[str, Handler]:
        """Effect kind -> function."""
        return {
            "declaration.record": self.declaration,
            "precheck.record": self.precheck,
            "direction.is": self.direction_is,
            "direction.turn": self.direction_turn,
            "obligations.none": self.obligations_none,
            "obligations.meet": self.obligations_meet,
            "validation.record": self.validation,
            "closing.record": self.closing,
        }

    def declaration(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Who declared it: the approvals that the machine holds."""
        given = [f"{one.identity} ({one.role})" for one in call.state.of(call.step).given]
        return ok(runbook=str(args["runbook"]), by=given, drill=call.drill)

    def precheck(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """What readiness says now stands in the record; it never stands in the way of a declared disaster."""
        return ok(**self._precheck(str(args["runbook"])))

    def direction_is(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Does the data's direction stand there?"""
        if call.drill:
            return ok(drill=NOT_THE_DIRECTION)
        now = self._fence.is_now()
        return seen(now is Direction(args["to"]), call, f"the direction is {now}", direction=str(now))

    def direction_turn(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Turn it, with a new epoch; every sync notices before its next batch."""
        if call.drill:
            return ok(drill=NOT_THE_DIRECTION)
        to = Direction(args["to"])
        epoch = self._fence.turn(to, call.run, f"runbook step {call.step}")
        if (call.noted(f"direction {to}") or {}).get("epoch") != epoch:
            call.note(Kind.NOTE, {"what": f"direction {to}", "epoch": epoch})
        return ok(direction=str(to), epoch=epoch)

    def _blocking(self, args: Mapping[str, Json], call: Call) -> dict[str, str]:
        now = call.standing()
        return {id: one.what for id, one in now.obligations.items() if one.blocks == str(args["blocks"])}

    def obligations_none(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Is nothing owed that stands in the way?"""
        owed = self._blocking(args, call)
        return seen(not owed, call, f"{len(owed)} owed: {'; '.join(owed.values())}", owed=list(owed.values()))

    def obligations_meet(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Meet each one: the step that owed it is done now, with its own effect. What AWS accepted meanwhile and the
        comparison are the rollback's own steps (divergence, reverse proof): they stand there, not here."""
        met: list[str] = []
        for id, what in self._blocking(args, call).items():
            step = id.rpartition("/")[2]
            if step.startswith("freeze-"):
                outcome = self.freeze(step.removeprefix("freeze-"), call)
                if outcome.result.value != "ok":
                    return Outcome(outcome.result, {**outcome.evidence, "met": met})
                how = "applied by the rollback"
            else:
                how = "taken over by the rollback's steps divergence, reverse sync and proof"
            call.note(Kind.OBLIGATION, close_obligation(id, how))
            met.append(what)
        return ok(met=met)

    freezer: Handler | None = None

    def freeze(self, what: str, call: Call) -> Outcome:
        """The freeze that could not be applied when AWS was away."""
        if self.freezer is None:
            return failed(f"nothing here can freeze {what}")
        done = self.freezer({"what": what}, call)
        return unreachable("AWS still does not answer") if done.result.value == "unreachable" else done

    def validation(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """The RTO ends here."""
        started = call.state.started or 0.0
        ended = max([one.ended or 0.0 for one in call.state.steps.values()] + [started])
        return ok(seconds=round(ended - started, 3), scale=call.scale)

    def closing(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """The whole up (what was left beside is taken in), the hand-over, and the report's deadline."""
        source, target = (str(one) for one in args["handover"])
        if not call.drill:
            self._whole_up(source, call.say)
        handed = dict(self._hand_over(source, target))
        id = f"{call.run}/{args['report']}"
        if id not in call.standing().deadlines:
            start = datetime.fromtimestamp(call.state.started or 0.0, UTC)
            what = f"{args['report']} report of {call.run}"
            call.note(Kind.DEADLINE, set_deadline(id, what, start, timedelta(hours=float(args["hours"]))))
        return ok(deadline=call.standing().deadlines[id].due, **handed)


def without_primary(kinds: Mapping[str, Handler], who: str) -> dict[str, Handler]:
    """Effects of the primary's side when a person has declared it wholly unreachable: said so, each time."""

    def gone(args: Mapping[str, Json], call: Call) -> Outcome:
        if call.phase is Phase.CHECK:
            return unreachable(f"AWS was declared unreachable by {who}")
        return unreachable(f"AWS was declared unreachable by {who}")

    return dict.fromkeys(kinds, gone)


def approver_names(people: Mapping[str, frozenset[Role]]) -> dict[str, list[str]]:
    """Role -> identities, for messages and reports."""
    found: dict[str, list[str]] = {}
    for who, roles in people.items():
        for role in roles:
            found.setdefault(str(role), []).append(who)
    return {role: sorted(names) for role, names in sorted(found.items())}


__all__ = ["BookEffects", "Fence", "nothing_to_hand_over", "without_primary"]
