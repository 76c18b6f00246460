"""What a backup is, and when one may be restored: the manifest and its checks (TL-5). Pure.

Layout below ``s3://BUCKET/YYYYMMDD/``: ``database.sql.gz``, ``storage/…``, ``manifest.json`` (written last: a backup
without it was not finished).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from recovery.model import Json

FORMAT = 2
"""Of the manifest. 1 had no checksums: such a backup is listed, and refused."""
DUMP, MANIFEST, STORAGE = "database.sql.gz", "manifest.json", "storage/"


@dataclass(frozen=True)
class Entry:
    """One file. size in bytes; sha256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """date: YYYYMMDD. at: UTC, ISO 8601, when the dump began. rows: table -> rows in the dump. files: by key below
    the backup's own prefix."""

    date: str
    at: str
    rows: Mapping[str, int]
    files: Mapping[str, Entry]

    def to_json(self) -> dict[str, Json]:
        """What is stored."""
        files = {key: {"size": e.size, "sha256": e.sha256} for key, e in sorted(self.files.items())}
        return {"format": FORMAT, "date": self.date, "at": self.at, "rows": dict(self.rows), "files": files}


def valid_date(text: str) -> bool:
    """Is it a day, as YYYYMMDD?"""
    if not re.fullmatch(r"\d{8}", text):
        return False
    try:
        datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    return True


def parse(body: Json, date: str) -> Manifest:
    """The manifest of a stored document. ValueError says what is wrong with it, an older format included."""
    if not isinstance(body, Mapping):
        raise ValueError("the manifest is no JSON object")
    if body.get("format") != FORMAT:
        raise ValueError(f"the manifest has format {body.get('format')!r}, this version restores {FORMAT}")
    if body.get("date") != date:
        raise ValueError(f"the manifest is of {body.get('date')!r}, not of {date}")
    try:
        files = {str(k): Entry(int(v["size"]), str(v["sha256"])) for k, v in body["files"].items()}
        found = Manifest(date, str(body["at"]), {str(k): int(v) for k, v in body["rows"].items()}, files)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise ValueError(f"the manifest cannot be read: {type(exc).__name__}: {exc}") from exc
    if DUMP not in files:
        raise ValueError(f"the manifest names no {DUMP}")
    return found


def incomplete(manifest: Manifest, sizes: Mapping[str, int]) -> list[str]:
    """Problems between a manifest and the listing (key below the backup's prefix -> bytes). Empty: complete.
    Files that are there beyond the manifest are no problem: they are not restored."""
    out = []
    for key, entry in sorted(manifest.files.items()):
        have = sizes.get(key)
        if have is None:
            out.append(f"{key} is missing")
        elif have != entry.size:
            out.append(f"{key} has {have} bytes, the manifest says {entry.size}")
    return out


def restores(
    backup_at: str, live_modified: datetime | None, live_sha256: str, entry: Entry, overwrite: bool
) -> bool:
    """Is this object to be written? Not where it is there unchanged, nor where the live one is newer than the
    backup, unless told to."""
    if live_modified is None:
        return True
    if live_sha256 == entry.sha256:
        return False
    return overwrite or live_modified <= datetime.fromisoformat(backup_at)
