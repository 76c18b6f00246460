"""Which backup may be restored (TL-5): a corrupt, truncated, missing or older one is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.trustlayer.backups import DUMP, Entry, Manifest, incomplete, parse, restores, valid_date

GOOD = Manifest(
    "20261122",
    "2026-11-22T02:00:00+00:00",
    {"profiles": 3},
    {DUMP: Entry(10, "aa"), "storage/x": Entry(4, "bb")},
)

names = st.text("abc/.", min_size=1, max_size=8)
entries = st.builds(Entry, st.integers(0, 10**12), st.text("0123456789abcdef", min_size=64, max_size=64))


@given(st.dictionaries(names, entries), st.dictionaries(names, st.integers(0)), entries)
def test_a_manifest_survives_being_stored(files: dict[str, Entry], rows: dict[str, int], dump: Entry) -> None:
    """parse(to_json(m)) == m."""
    made = Manifest("20261122", "2026-11-22T02:00:00+00:00", rows, {**files, DUMP: dump})
    assert parse(made.to_json(), "20261122") == made


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": 1}, "format 1"),
        ({"date": "20261121"}, "20261121"),
        ({"files": {}}, DUMP),
        ({"files": {DUMP: {"size": 1}}}, "sha256"),
        ({"rows": None}, "cannot be read"),
    ],
)
def test_a_manifest_that_is_not_whole_is_refused_with_the_reason(change: dict[str, object], why: str) -> None:
    """An older format has no checksums: nothing could be proven from it."""
    with pytest.raises(ValueError, match=why):
        parse({**GOOD.to_json(), **change}, "20261122")


def test_missing_and_cut_files_are_named_and_others_do_not_disturb() -> None:
    """Completeness is by the manifest, with the figures."""
    assert incomplete(GOOD, {DUMP: 10, "storage/x": 4, "storage/later": 7}) == []
    assert incomplete(GOOD, {DUMP: 9}) == [
        f"{DUMP} has 9 bytes, the manifest says 10",
        "storage/x is missing",
    ]


@pytest.mark.parametrize(
    ("age", "overwrite", "written"), [(1, False, False), (1, True, True), (-1, False, True), (0, False, True)]
)
def test_a_newer_object_stays_unless_told(age: int, overwrite: bool, written: bool) -> None:
    """TL-5: storage is restored without destroying newer objects."""
    modified = datetime(2026, 11, 22, 2, tzinfo=UTC) + timedelta(hours=age)
    assert restores(GOOD.at, modified, "cc", Entry(4, "bb"), overwrite) is written


def test_an_equal_object_is_not_written_and_a_missing_one_is() -> None:
    """Nothing to do is done by nothing."""
    assert not restores(GOOD.at, datetime(2026, 1, 1, tzinfo=UTC), "bb", Entry(4, "bb"), True)
    assert restores(GOOD.at, None, "", Entry(4, "bb"), False)


@pytest.mark.parametrize(
    ("text", "good"),
    [("20261122", True), ("20261332", False), ("2026-11-22", False), ("latest", False), ("", False)],
)
def test_a_backup_is_named_by_a_day(text: str, good: bool) -> None:
    """`s3://…/YYYYMMDD`."""
    assert valid_date(text) is good
