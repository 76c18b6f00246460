"""Which way data may flow, what is owed, what is due: state folded from the journal (design.md, Directions).

The invariant behind it: two writable sides are never unknown, and no process writes against the direction.
Every change of direction carries the next epoch, so a process that began under another one notices, even if
the direction has come back since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from recovery.journal.chain import Kind, Record
from recovery.model import Json

REPORT_AFTER_INCIDENT = timedelta(hours=48)  # COMM-3
REPORT_AFTER_ROLLBACK = timedelta(hours=24)  # BACK-6


class Direction(StrEnum):
    """Which way the sync may write. OFF is also what an empty journal says."""

    FORWARD = "forward"  # AWS is the origin, Azure follows
    OFF = "off"
    REVERSE = "reverse"  # Azure is the origin, AWS follows


@dataclass(frozen=True)
class Obligation:
    """Something owed, for example a freeze that could not be applied because AWS did not answer.

    blocks: what may not happen before it is met ("cutback").
    """

    id: str
    what: str
    since: str
    blocks: str = "cutback"


@dataclass(frozen=True)
class Deadline:
    """Something due. due: UTC, ISO 8601."""

    id: str
    what: str
    due: str
    met: str = ""


@dataclass(frozen=True)
class Standing:
    """What the journal says now. fault: why it cannot be believed ("" when it can)."""

    direction: Direction = Direction.OFF
    epoch: int = 0
    obligations: Mapping[str, Obligation] = field(default_factory=dict)
    deadlines: Mapping[str, Deadline] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Answer:
    """May it? reason: the sentence either way."""

    allowed: bool
    reason: str


def standing(records: Iterable[Record]) -> Standing:
    """Fold a journal's records. Records of other kinds change nothing."""
    state = Standing()
    for record in records:
        state = after(state, record)
    return state


def after(state: Standing, record: Record) -> Standing:
    """The standing after one more record."""
    body = record.body
    try:
        if record.kind is Kind.DIRECTION:
            return _turned(state, body)
        if record.kind is Kind.OBLIGATION:
            return _owed(state, body, record.at)
        if record.kind is Kind.DEADLINE:
            return _due(state, body, record.at)
    except (KeyError, ValueError) as exc:
        return replace(state, fault=state.fault or f"record {record.seq} cannot be understood: {exc}")
    return state


def turn(state: Standing, to: Direction, why: str) -> dict[str, Json]:
    """The body of the record that changes the direction: it names the epoch that it follows."""
    return {"direction": str(to), "epoch": state.epoch + 1, "after": state.epoch, "why": why}


def settle(state: Standing, to: Direction, who: str, why: str) -> dict[str, Json]:
    """The body of the record by which a person decides what holds after a `fault`, with the reason."""
    return turn(state, to, why) | {"settled": who}


def open_obligation(id: str, what: str, blocks: str = "cutback") -> dict[str, Json]:
    """The body of the record that opens an obligation."""
    return {"id": id, "open": True, "what": what, "blocks": blocks}


def close_obligation(id: str, how: str) -> dict[str, Json]:
    """The body of the record that closes one."""
    return {"id": id, "open": False, "how": how}


def set_deadline(id: str, what: str, start: datetime, within: timedelta) -> dict[str, Json]:
    """The body of the record that sets a deadline. start: an aware time."""
    return {"id": id, "what": what, "due": (start + within).isoformat()}


def may_run(wanted: Direction, now: Standing, began: Standing | None = None) -> Answer:
    """May a sync in this direction write its next batch? began: what it read when it started (None: it starts)."""
    if now.fault:
        return Answer(False, f"the journal cannot be believed: {now.fault}")
    if wanted is Direction.OFF:
        return Answer(False, "no sync runs in direction off")
    if now.direction is not wanted:
        return Answer(
            False,
            f"the journal says {now.direction} (epoch {now.epoch}), this is a {wanted} sync: "
            "it would overwrite the side that is live",
        )
    if began is not None and began.epoch != now.epoch:
        return Answer(False, f"the direction was changed since: epoch {began.epoch} then, {now.epoch} now")
    return Answer(True, f"direction {now.direction}, epoch {now.epoch}")


def may_happen(what: str, now: Standing) -> Answer:
    """Does an open obligation stand in the way of this ("cutback")?"""
    if now.fault:
        return Answer(False, f"the journal cannot be believed: {now.fault}")
    open_ones = [owed for owed in now.obligations.values() if owed.blocks == what]
    if open_ones:
        listed = "; ".join(f"{owed.what} (since {owed.since})" for owed in open_ones)
        return Answer(False, f"{len(open_ones)} obligations block {what}: {listed}")
    return Answer(True, f"no obligation blocks {what}")


def overdue(now: datetime, state: Standing) -> list[Deadline]:
    """Deadlines that have passed and are not met, the oldest first."""
    late = [one for one in state.deadlines.values() if not one.met and datetime.fromisoformat(one.due) < now]
    return sorted(late, key=lambda one: one.due)


def _turned(state: Standing, body: Mapping[str, Json]) -> Standing:
    epoch, before, to = int(body["epoch"]), int(body["after"]), Direction(body["direction"])
    if body.get("settled") and epoch > state.epoch:
        return replace(state, direction=to, epoch=epoch, fault="")
    fault = ""
    if before != state.epoch or epoch != before + 1:
        # Two writers changed it at once, each from the same past: neither may be believed.
        fault = f"epoch {epoch} was set after epoch {before}, but {state.epoch} was in force"
    elif {to, state.direction} == {Direction.FORWARD, Direction.REVERSE}:
        fault = f"the direction went from {state.direction} to {to} without being off between"
    if fault or state.fault:
        return replace(state, epoch=max(epoch, state.epoch), fault=state.fault or fault)
    return replace(state, direction=to, epoch=epoch)


def _owed(state: Standing, body: Mapping[str, Json], at: str) -> Standing:
    owed = dict(state.obligations)
    if body["open"]:
        owed.setdefault(body["id"], Obligation(body["id"], body["what"], at, body.get("blocks", "cutback")))
    else:
        owed.pop(body["id"], None)
    return replace(state, obligations=owed)


def _due(state: Standing, body: Mapping[str, Json], at: str) -> Standing:
    deadlines = dict(state.deadlines)
    if body.get("met"):
        deadlines[body["id"]] = replace(deadlines[body["id"]], met=at)
    else:
        datetime.fromisoformat(body["due"])
        deadlines[body["id"]] = Deadline(body["id"], body["what"], body["due"])
    return replace(state, deadlines=deadlines)
