"""What an export of a DynamoDB table says: manifests held to their checksums, lines as changes with their times (SYNC-3).

Format: DynamoDB developer guide, "DynamoDB table export output format".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from recovery.sync.items import MINE, Document, Item


class BadExportError(ValueError):
    """The export is not what its manifest says; nothing of it may be imported."""


@dataclass(frozen=True)
class DataFile:
    """One data file: its key in the bucket, how many items it holds, Base64 MD5 of the file."""

    key: str
    items: int
    md5: str


@dataclass(frozen=True)
class Manifest:
    """One export. since, until: epoch seconds; since None for a full one, whose state is that of `until`."""

    id: str
    until: float
    since: float | None
    items: int
    files: tuple[DataFile, ...]

    @property
    def full(self) -> bool:
        """Is it a full export?"""
        return self.since is None


@dataclass(frozen=True)
class Change:
    """One item's write. item None: deleted. at: microseconds since the epoch (a full export's own time: no later).

    coarse: `at` is a whole second, and the write was somewhere in it (a stream says no more).
    """

    keys: Item
    item: Item | None
    at: int
    coarse: bool = False

    @property
    def latest(self) -> int:
        """The latest moment that `at` may mean."""
        return self.at + 999_999 if self.coarse else self.at


def checked(name: str, data: bytes, checksum: str) -> bytes:
    """`data` when `checksum` (MD5 or SHA-256, Base64 or hex) is its own. Raises BadExportError."""
    said = checksum.strip()
    for made in (hashlib.md5(data, usedforsecurity=False), hashlib.sha256(data)):
        if said in (base64.b64encode(made.digest()).decode(), made.hexdigest()):
            return data
    raise BadExportError(f"{name} does not have the checksum {said[:44]!r} that came with it")


def manifest(summary: bytes, files: bytes) -> Manifest:
    """A manifest from its two files, already held to their checksums. Raises BadExportError."""
    try:
        head = orjson.loads(summary)
        rows = [orjson.loads(line) for line in files.splitlines() if line.strip()]
        found = tuple(DataFile(r["dataFileS3Key"], int(r["itemCount"]), r["md5Checksum"]) for r in rows)
        full = head.get("exportType", "FULL_EXPORT") == "FULL_EXPORT"
        until = _seconds(head["exportTime" if full else "exportToTime"])
        since = None if full else _seconds(head["exportFromTime"])
        made = Manifest(
            str(head["exportArn"]).rpartition("/")[2], until, since, int(head["itemCount"]), found
        )
    except (ValueError, KeyError, TypeError, binascii.Error) as exc:
        raise BadExportError(f"not a manifest: {type(exc).__name__} {exc}") from exc
    if sum(one.items for one in found) != made.items:
        raise BadExportError(
            f"the files hold {sum(one.items for one in found)} items, the summary says {made.items}"
        )
    return made


def change(line: bytes, of: Manifest, keys: tuple[str, ...]) -> Change:
    """One line of a data file. Raises BadExportError; what it says of a line never holds its content."""
    try:
        raw = orjson.loads(line)
        if of.full:
            item = raw["Item"]
            return Change({name: item[name] for name in keys}, item, int(of.until * 1e6))
        at = raw["Metadata"]["WriteTimestampMicros"]
        return Change(raw["Keys"], raw.get("NewImage"), int(at["N"] if isinstance(at, dict) else at))
    except (ValueError, KeyError, TypeError) as exc:
        raise BadExportError(f"not a line of export {of.id}: {type(exc).__name__}") from exc


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 (first 32 hex digits) of a document's content, without what the sync and the service add to it."""
    content: Document = {k: v for k, v in document.items() if k != MINE and k not in _SERVICE}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


_SERVICE = frozenset({"_rid", "_etag", "_ts", "_self", "_attachments", "_lsn", "_metadata"})


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
