"""The journal file survives kill -9 at any point, and nothing else passes for that (Journal)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clouds.journal_file import JournalFile, read, read_head
from recovery.errors import Failed, Stopped
from recovery.journal.chain import Kind

NOW = "2026-01-05T03:00:00Z"

WRITER = """
import sys
from pathlib import Path
from clouds.journal_file import JournalFile
from recovery.journal.chain import Kind
with JournalFile(Path(sys.argv[1]), Path(sys.argv[2]), lambda: "2026-01-05T03:00:00Z") as journal:
    while True:
        record = journal.append(Kind.NOTE, "r", {"text": "x" * 300})
        sys.stdout.write(f"{record.seq}\\n")
        sys.stdout.flush()
"""


def open_at(folder: Path) -> JournalFile:
    return JournalFile(folder / "a" / "journal", folder / "b" / "head", lambda: NOW)


def write(folder: Path, count: int) -> None:
    with open_at(folder) as journal:
        for number in range(count):
            journal.append(Kind.NOTE, "r", {"n": number})


def test_records_come_back_in_order_over_many_openings(tmp_path: Path) -> None:
    """Append, close, open, append."""
    for _ in range(3):
        write(tmp_path, 2)
    with open_at(tmp_path) as journal:
        assert [record.body["n"] for record in journal.records] == [0, 1] * 3
        assert journal.head.seq == 6
    assert read(tmp_path / "a" / "journal", tmp_path / "b" / "head").findings == ()


@pytest.mark.parametrize("seed", range(6))
def test_a_writer_killed_at_random_loses_no_acknowledged_record(tmp_path: Path, seed: int) -> None:
    """kill -9 of a real process; then the journal opens, is sound, and holds all that was acknowledged."""
    path, head = tmp_path / "journal", tmp_path / "head"
    acknowledged = 0
    dice = random.Random(seed)  # noqa: S311 - a repeatable test
    for _ in range(2):
        writer = subprocess.Popen(  # noqa: S603 - our own writer, to be killed
            [sys.executable, "-c", WRITER, str(path), str(head)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()  # it runs
        time.sleep(dice.uniform(0, 0.03))
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().split("\n")[:-1]
        writer.stdout.close()
        writer.wait()
        acknowledged = max([acknowledged, *map(int, rest)])
    with JournalFile(path, head, lambda: NOW) as journal:
        assert journal.head.seq >= acknowledged
        journal.append(Kind.NOTE, "r", {"after": True})
    assert read(path, head).findings == ()


def test_a_line_torn_at_any_byte_is_cut_off_and_the_cut_is_recorded(tmp_path: Path) -> None:
    """The writer died inside the write of record 3: its head still says 2."""
    write(tmp_path, 2)
    path, head = tmp_path / "a" / "journal", tmp_path / "b" / "head"
    before, known = path.read_bytes(), head.read_bytes()
    write(tmp_path, 1)
    third = path.read_bytes()[len(before) :]
    for length in (*range(1, len(third) - 1, 17), len(third) - 1):
        path.write_bytes(before + third[:length])
        head.write_bytes(known)
        with open_at(tmp_path) as journal:
            assert journal.records[-1].body == {"what": "a torn line was cut off", "bytes": length}
            assert journal.head.seq == 3
        assert read(path, head).findings == ()


def test_a_line_whose_head_was_not_written_is_taken_in(tmp_path: Path) -> None:
    """The writer died between the line and the head."""
    write(tmp_path, 2)
    head = tmp_path / "b" / "head"
    known = head.read_bytes()
    write(tmp_path, 1)
    head.write_bytes(known)
    with open_at(tmp_path) as journal:
        assert len(journal.records) == 3
    assert read_head(head) == journal.head


def test_nothing_is_appended_to_a_damaged_journal(tmp_path: Path) -> None:
    """Edited, shortened by a whole line, or without its head: each is refused in three parts, and left as it is."""
    write(tmp_path, 4)
    path, head = tmp_path / "a" / "journal", tmp_path / "b" / "head"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for broken, why in (
        (whole.replace(b'"n":1', b'"n":7'), "line 2: edited"),
        (b"".join(lines[:3]), "line 4: truncated: records 4 to 4 are missing"),
        (b"".join(lines[:1] + lines[2:]), "line 2: removed: records 2 to 2 are missing"),
        (b"", "line 1: truncated"),
    ):
        path.write_bytes(broken)
        with pytest.raises(Failed, match=why):
            open_at(tmp_path)
        assert path.read_bytes() == broken
    path.write_bytes(whole)
    head.unlink()
    with pytest.raises(Failed, match="its head is missing"):
        open_at(tmp_path)


def test_a_second_writer_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    """One journal, one run."""
    with open_at(tmp_path), pytest.raises(Stopped, match="another process writes the journal"):
        open_at(tmp_path)
    write(tmp_path, 1)


def test_a_reader_sees_a_sound_journal_while_it_is_written(tmp_path: Path) -> None:
    """`dr status` reads during a run."""
    with open_at(tmp_path) as journal:
        for number in range(20):
            journal.append(Kind.NOTE, "r", {"n": number})
            checked = read(tmp_path / "a" / "journal", tmp_path / "b" / "head")
            assert checked.sound
            assert len(checked.records) == number + 1


def test_no_journal_at_all_reads_as_unproven_and_empty(tmp_path: Path) -> None:
    """Nothing written yet."""
    checked = read(tmp_path / "none", tmp_path / "head")
    assert checked.records == ()


def test_a_failed_write_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of a line: the next append follows a whole one."""
    real = os.write
    with open_at(tmp_path) as journal:
        journal.append(Kind.NOTE, "r", {"n": 1})

        def full(file: int, content: bytes) -> int:
            if len(content) < 50:
                raise OSError(28, "No space left on device")
            return real(file, content[: len(content) // 2])

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(OSError, match="No space"):
                journal.append(Kind.NOTE, "r", {"n": 2})
        journal.append(Kind.NOTE, "r", {"n": 3})
    assert [
        record.body["n"] for record in read(tmp_path / "a" / "journal", tmp_path / "b" / "head").records
    ] == [1, 3]
