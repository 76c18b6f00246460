"""`kill -9` of a real process at every journal record of both runbooks and at every change of the world: the same end.

Each point is one process that dies by SIGKILL and one that resumes from what it left on the disk:
journal, head, inbox of signed words, world.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from clouds import journal_file
from clouds.runbook.runs import BOOKS, newest, state_of
from recovery.journal.chain import Kind, Verified
from recovery.journal.direction import standing
from recovery.runbook.state import Mode, State
from tests.clouds.runbook.killed import Point, carry_out, load, run_child, save
from tests.clouds.runbook.simulated import World
from tests.clouds.runbook.test_kill_points import phases, prepared

forking = pytest.mark.skipif(
    not hasattr(os, "fork") or sys.platform != "linux", reason="forks real processes"
)


def fresh(folder: Path, book: str) -> Path:
    """An empty run on the world in which the runbook begins."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save(prepared(book), folder / "world.json")
    return folder


def left(folder: Path) -> tuple[World, Verified, State]:
    """What is on the disk: world, journal as verified against its head, and the state that it gives."""
    checked = journal_file.read(folder / "journal.jsonl", folder / "head.json")
    begun = newest(checked.records)
    assert begun is not None
    return load(folder / "world.json"), checked, state_of(begun, checked.records)


@forking
@pytest.mark.parametrize("book", sorted(BOOKS))
def test_a_process_killed_at_any_point_resumes_to_the_same_end(book: str, tmp_path: Path) -> None:
    """Prints `N kill points`."""
    place = Path("/dev/shm") / tmp_path.name if os.access("/dev/shm", os.W_OK) else tmp_path  # noqa: S108 - fsync in memory
    try:
        straight = fresh(place / "straight", book)
        counted = carry_out(straight, book, None)
        world, checked, end = left(straight)
        assert end.mode is Mode.COMPLETED, end.stuck
        assert checked.sound
        assert (world.broken, world.lost()) == ([], [])
        points = [
            Point(n, when) for n in range(1, counted.records + 1) for when in ("before", "between", "after")
        ]
        points += [Point(n, "changed") for n in range(1, counted.changes + 1)]
        for point in points:
            folder = fresh(place / "killed", book)
            assert os.WTERMSIG(run_child(folder, book, point)) == signal.SIGKILL, point
            carry_out(folder, book, None)
            now, journal, state = left(folder)
            assert journal.sound, (point, journal.findings)
            assert state.mode is Mode.COMPLETED, (point, state.stuck)
            assert phases(state) == phases(end), point
            assert now.facts() == world.facts(), point
            assert (now.broken, now.lost()) == ([], []), point
            assert standing(journal.records).obligations == standing(checked.records).obligations, point
            assert set(standing(journal.records).deadlines) == set(standing(checked.records).deadlines), point
            assert sum(r.kind is Kind.RUN and "ended" in r.body for r in journal.records) == 1, point
    finally:
        shutil.rmtree(place / "straight", ignore_errors=True)
        shutil.rmtree(place / "killed", ignore_errors=True)
    print(f"{book}: {len(points)} kill points")
