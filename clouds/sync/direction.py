"""The direction of the data, in one small blob of the journal container: read before each batch, turned with an epoch.

``direction.json`` holds every turn (recovery.journal.direction folds them), and what is owed to the primary while it
cannot be reached (a freeze), so that whichever machine runs next may meet it. It is replaced under its ETag, so of two
people who turn it at once one is told so. Azure holds it, because it is needed when AWS is not there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from clouds.azure.data_plane import reading, writing
from recovery.errors import Failed, Stopped
from recovery.journal.chain import Kind, Record
from recovery.journal.direction import (
    Direction,
    Standing,
    after,
    close_obligation,
    may_run,
    open_obligation,
    settle,
    standing,
    turn,
)
from recovery.sync.refusals import refusal

BLOB = "direction.json"


class Directions:
    """The record of turns. container: the journal container's SDK client; now: gives UTC."""

    def __init__(self, container: Any, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._container, self._now = container, now

    def read(self) -> Standing:
        """What holds now; OFF and epoch 0 when nobody has ever turned it. Raises Unobserved."""
        return standing(self._load()[0])

    def turned_by(self) -> str:
        """Who turned it last; "" when nobody ever did. Raises Unobserved."""
        who = [record.body.get("who") for record in self._load()[0] if record.kind is Kind.DIRECTION]
        return str(who[-1] or "") if who else ""

    def cutover(self) -> float | None:
        """Epoch seconds at which the direction last left forward; None when it never did, or is forward again."""
        return self.look()[1]

    def look(self) -> tuple[Standing, float | None]:
        """`read` and `cutover` of one moment, by one request. Raises Unobserved."""
        since: float | None = None
        state = Standing()
        for record in self._load()[0]:
            before, state = state, after(state, record)
            if before.direction is Direction.FORWARD and state.direction is not Direction.FORWARD:
                since = datetime.fromisoformat(record.at).timestamp()
            if state.direction is Direction.FORWARD:
                since = None
        return state, since

    def turn(self, to: Direction, who: str, why: str, *, settled: bool = False) -> Standing:
        """Set the direction under a new epoch. Raises Stopped when the rules forbid it or another turned it first."""
        records, etag = self._load()
        before = standing(records)
        if before.direction is to and not before.fault:
            return before
        body = settle(before, to, who, why) if settled else turn(before, to, why)
        record = Record(len(records) + 1, self._now().isoformat(), "", Kind.DIRECTION, body | {"who": who})
        then = after(before, record)
        if then.fault:
            raise Stopped(
                f"the direction cannot be turned from {before.direction} to {to}: {then.fault}",
                "between two directions both syncs must have stopped, else one overwrites what the other brings",
                f'dr sync direction off --why "before {to}"',
            )
        self._store([*records, record], etag)
        return then

    def owe(self, id: str, what: str) -> None:
        """Open an obligation that blocks the cutback; again is harmless."""
        records, etag = self._load()
        if id not in standing(records).obligations:
            self._add(records, etag, Kind.OBLIGATION, open_obligation(id, what))

    def met(self, id: str, how: str) -> None:
        """Close an obligation; one that is not open is no matter."""
        records, etag = self._load()
        if id in standing(records).obligations:
            self._add(records, etag, Kind.OBLIGATION, close_obligation(id, how))

    def _add(self, records: list[Record], etag: str | None, kind: Kind, body: dict[str, Any]) -> None:
        self._store([*records, Record(len(records) + 1, self._now().isoformat(), "", kind, body)], etag)

    def fence(self, wanted: Direction) -> Callable[[], None]:
        """What a run asks before each batch. Raises Stopped at once when it may not even begin."""
        began = self.read()

        def ask() -> None:
            now = self.read()
            answer = may_run(wanted, now, began)
            if not answer.allowed:
                raise Stopped(*refusal(wanted, now, began, answer.reason))

        ask()
        return ask

    def _load(self) -> tuple[list[Record], str | None]:
        from azure.core.exceptions import ResourceNotFoundError

        with reading("the data's direction in the journal"):
            try:
                found = self._container.get_blob_client(BLOB).download_blob()
                data, etag = found.readall(), found.properties.etag
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", "") == "ContainerNotFound":
                    raise
                return [], None
        try:
            raw = json.loads(data)
            return [
                Record(one["seq"], one["at"], "", Kind(one.get("kind", Kind.DIRECTION)), one["body"])
                for one in raw["turns"]
            ], etag
        except (ValueError, KeyError, TypeError) as error:
            raise Failed(
                f"{BLOB} in the journal container cannot be understood: {error}",
                "which way data may flow is not known, so nothing may be written",
                "restore it from an earlier version of the blob",
            ) from error

    def _store(self, records: list[Record], etag: str | None) -> None:
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        turns = [{"seq": r.seq, "at": r.at, "kind": str(r.kind), "body": dict(r.body)} for r in records]
        data = json.dumps({"turns": turns}, indent=1).encode()
        condition: dict[str, Any] = {"overwrite": False}
        if etag is not None:
            condition = {"overwrite": True, "etag": etag, "match_condition": MatchConditions.IfNotModified}
        with writing("turning the data's direction"):
            try:
                self._container.get_blob_client(BLOB).upload_blob(data, **condition)
            except (ResourceExistsError, ResourceModifiedError) as error:
                raise Stopped(
                    "someone else turned the direction at this moment",
                    "two turns from the same past would both be believed", "dr sync direction    (look, then decide)",
                ) from error  # fmt: skip
