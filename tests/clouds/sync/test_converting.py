"""Conversion in several processes gives the same documents in the same order as in one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from clouds.sync.converting import SMALL, Converter
from clouds.sync.importing import BATCH, Imported, Ready
from recovery.sync.exported import BadExportError, Manifest
from recovery.sync.ids import Keys

KEYS = Keys("imageId", "chunkIndex", chunks=True)
OF = Manifest("e", 1_767_582_000.0, None, SMALL + 700, ())


def lines(count: int, bad: int = -1) -> Iterator[bytes]:
    for number in range(count):
        if number == bad:
            yield b"{"
        else:
            item = {"imageId": {"S": f"{number // 3}.jpg"}, "chunkIndex": {"N": str(number % 3)}}
            yield json.dumps(
                {"Item": item | ({} if number % 1000 else {"content": {"X": "no such type"}})}
            ).encode()


def converted(workers: int, bad: int = -1) -> tuple[list[Ready], Imported]:
    made, done = Converter(workers), Imported()
    try:
        batches = list(made.batches(lines(OF.items, bad), OF, KEYS, OF.items, done))
    finally:
        made.close()
    assert all(0 < len(batch.ready) <= BATCH for batch in batches)
    assert [batch.upto for batch in batches] == sorted(batch.upto for batch in batches)
    return [one for batch in batches for one in batch.ready], done


def test_two_processes_give_what_one_gives() -> None:
    """GOALS: the import near-linear in cores must not change what is imported, nor drop what cannot be converted."""
    one, counted = converted(1)
    two, likewise = converted(2)
    assert one == two
    assert (counted.read, counted.problem_count) == (likewise.read, likewise.problem_count) == (OF.items, 6)
    assert counted.problems == likewise.problems
    assert len({made.id for made in one}) == OF.items - 6


def test_lines_that_an_earlier_run_has_written_are_not_converted_again() -> None:
    """GOALS: a killed run goes on at its checkpoint within the file."""
    made, done = Converter(1), Imported()
    batches = list(made.batches(lines(1700), OF, KEYS, 1700, done, skip=600))
    assert (done.read, batches[-1].upto) == (1700, 1700)
    assert sum(len(batch.ready) for batch in batches) == 1700 - 600 - 1, "one of them cannot be converted"


def test_a_damaged_line_ends_the_import_also_when_another_process_meets_it() -> None:
    """SYNC-3: nothing of an export that is not what it says may pass for all of it."""
    with pytest.raises(BadExportError):
        converted(2, bad=SMALL)
