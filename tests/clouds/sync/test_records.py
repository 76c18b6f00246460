"""Run records as the journal container lists them: by their names, the newest first (SYNC-4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from clouds.sync import records


class Journal:
    """A container that lists and gives, and remembers what it was asked to give."""

    def __init__(self, *names: str) -> None:
        self.names, self.given = [f"{records.PREFIX}/{n}" for n in names], list[str]()

    def list_blobs(self, name_starts_with: str) -> Iterator[Any]:
        return (SimpleNamespace(name=n) for n in self.names if n.startswith(name_starts_with))

    def download_blob(self, name: str) -> Any:
        self.given.append(name.removeprefix(f"{records.PREFIX}/"))
        return SimpleNamespace(readall=lambda: json.dumps({"name": self.given[-1]}))


OLD, CUT, MIDDLE, OTHER, NEW = (
    "20250930T235959-uploads-aa.json", "20251031T120000-uploads-bb.json", "20251201T000000-uploads-cc.json",
    "20260101T000001-metadata-dd.json", "20260101T000000-uploads-ee.json",
)  # fmt: skip


def test_every_month_since_a_moment_is_looked_at_and_nothing_older() -> None:
    """BACK-5: a contingency may last over several ends of a month."""
    journal = Journal(OLD, CUT, MIDDLE, OTHER, NEW)
    since = records.since(journal, "uploads", datetime(2025, 10, 31, 12, tzinfo=UTC).timestamp())
    assert [one["name"] for one in since] == [NEW, MIDDLE, CUT]


def test_records_are_read_one_by_one_as_they_are_asked_for() -> None:
    """The gate stops at the first that proves itself."""
    journal = Journal(CUT, MIDDLE, NEW)
    next(records.since(journal, "uploads", datetime(2025, 10, 1, tzinfo=UTC).timestamp()))
    assert journal.given == [NEW]


def test_the_newest_of_each_flow_is_of_this_month_or_the_last_one() -> None:
    """Also in the first hours of a month; a flow without a record is left out."""
    journal = Journal(OLD, MIDDLE, OTHER, CUT)
    found = records.newest(journal, now=datetime(2026, 1, 1, 0, 30, tzinfo=UTC))
    assert {flow: one["name"] for flow, one in found.items()} == {"uploads": MIDDLE, "metadata": OTHER}
    assert records.newest(journal, now=datetime(2026, 4, 30, tzinfo=UTC)) == {}
