"""The hash chain: `encode` makes a line, `verify` says where a journal was edited, shortened or filled in.

Each line holds the hash of the line before it, so a change shows at the next line. A chain alone does not show
that its end is missing, nor that all of it was written anew: for that its head (count and last hash) is kept in
a second place, and a mirror tells where two copies part (`parting`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from recovery.journal.mask import masked
from recovery.model import Json

GENESIS = "0" * 64
"""What the first line names as the hash before it."""


class Kind(StrEnum):
    """What a record says."""

    RUN = "run"  # a run began: runbook, stack, person, command
    EVENT = "event"  # an event that the runbook machine folds
    INTENT = "intent"  # before an effect: what is about to be done, under which key
    RESULT = "result"  # after it: what came of it
    DIRECTION = "direction"  # which way data may flow, with a new epoch
    OBLIGATION = "obligation"  # something owed was opened or closed
    DEADLINE = "deadline"  # something is due by a time, or was met
    MESSAGE = "message"  # something was told to people
    PROOF = "proof"  # data was compared at a named cut
    NOTE = "note"


@dataclass(frozen=True)
class Record:
    """One record. seq: from 1, without gaps. at: UTC, ISO 8601 with Z, given by the writer. run: the run's id."""

    seq: int
    at: str
    run: str
    kind: Kind
    body: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """The end of a journal, kept in a second place: how many records, and the last one's hash."""

    seq: int = 0
    hash: str = GENESIS


class Damage(StrEnum):
    """What happened to a journal. TAIL is no crime: a writer died between the line and the head."""

    UNREADABLE = "unreadable"  # no record of ours
    EDITED = "edited"  # its content is not what was hashed
    REPLACED = "replaced"  # sound in itself, but not the line that its neighbour names
    REMOVED = "removed"
    INSERTED = "inserted"  # repeated, moved or added
    TRUNCATED = "truncated"  # the end is missing
    REWRITTEN = "rewritten"  # the chain holds, but it is not the chain whose head was kept
    TAIL = "tail"  # one sound line more than the head knows


@dataclass(frozen=True)
class Finding:
    """One damage. line: 1-based position in the file (for missing lines: where they would stand)."""

    damage: Damage
    line: int
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.damage}: {self.detail}"


@dataclass(frozen=True)
class Verified:
    """What a check of a journal gave: findings, the records that could be read, and the head they make."""

    findings: tuple[Finding, ...]
    records: tuple[Record, ...]
    head: Head

    @property
    def sound(self) -> bool:
        """Nothing was lost or changed (one unannounced last line is the trace of a killed writer)."""
        return all(finding.damage is Damage.TAIL for finding in self.findings)


def encode(record: Record, prev: str) -> tuple[bytes, str]:
    """The line of a record (no newline in it) and its hash. Secrets are masked before anything is hashed."""
    return _line(replace(record, body=masked(record.body)), prev)


def decode(line: bytes) -> tuple[Record, str, str]:
    """A line's record, the hash it names before it, and its own. ValueError when it is no line of ours."""
    try:
        raw: dict[str, Any] = json.loads(line)
        record = Record(int(raw["seq"]), raw["at"], raw["run"], Kind(raw["kind"]), raw["body"])
        return record, str(raw["prev"]), str(raw["hash"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as exc:
        raise ValueError(f"no record: {type(exc).__name__}") from exc


def verify(lines: Iterable[bytes], head: Head | None) -> Verified:
    """Check a whole journal against the head that was kept elsewhere (None: none was kept, so its end is
    not proven). Every damage is placed; after one, checking goes on from the line as it stands."""
    found: list[Finding] = []
    records: list[Record] = []
    last, before, seq, number, holes = GENESIS, GENESIS, 0, 0, 0
    for number, line in enumerate(lines, 1):
        try:
            record, prev, claimed = decode(line)
        except ValueError as exc:
            found.append(Finding(Damage.UNREADABLE, number, str(exc)))
            holes += 1  # it may stand in the place of a record, or between two
            continue
        again, digest = _line(record, prev)
        if digest != claimed or again != line:
            found.append(Finding(Damage.EDITED, number, f"record {record.seq} is not what was hashed"))
        if record.seq <= seq:
            found.append(Finding(Damage.INSERTED, number, f"record {record.seq} stands after record {seq}"))
            continue
        if record.seq > seq + 1 + holes:
            gone = f"records {seq + 1} to {record.seq - 1} are missing"
            found.append(Finding(Damage.REMOVED, number, f"{gone} before record {record.seq}"))
        elif record.seq == seq + 1 and prev != last:
            found.append(
                Finding(Damage.REPLACED, max(number - 1, 1), f"record {record.seq} names another one")
            )
        records.append(record)
        last, before, seq, holes = claimed, last, record.seq, 0
    end = Head(seq, last)
    return Verified((*found, *_against(head, end, before, number)), tuple(records), end)


def parting(lines: Sequence[bytes], mirror: Sequence[bytes]) -> int | None:
    """The first line (1-based) at which two copies differ; None when one is the beginning of the other."""
    for number, (ours, theirs) in enumerate(zip(lines, mirror, strict=False), 1):
        if ours != theirs:
            return number
    return None


def _against(head: Head | None, end: Head, before: str, lines: int) -> list[Finding]:
    if head is None or head == end:
        return []
    if end.seq < head.seq:
        gone = f"records {end.seq + 1} to {head.seq}"
        return [Finding(Damage.TRUNCATED, lines + 1, f"{gone} are missing at the end")]
    if end.seq == head.seq + 1 and before == head.hash:
        return [Finding(Damage.TAIL, lines, f"record {end.seq} was written, its head was not")]
    return [
        Finding(Damage.REWRITTEN, max(lines, 1), f"ends at record {end.seq}, the head kept is of {head.seq}")
    ]


def _line(record: Record, prev: str) -> tuple[bytes, str]:
    payload = {
        "seq": record.seq, "at": record.at, "run": record.run, "kind": str(record.kind),
        "body": record.body, "prev": prev,
    }  # fmt: skip
    digest = hashlib.sha256(_canonical(payload)).hexdigest()
    return _canonical(payload | {"hash": digest}), digest


def _canonical(payload: Mapping[str, Json]) -> bytes:
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode(
        "utf-8", "surrogatepass"
    )  # only a forged line holds half a pair: found, not crashed on
