"""The journal as a local file: one fsynced line a record, its head in a second file, one writer at a time.

Order of an append: line, fsync, head, fsync. So a writer killed at any point leaves either a torn last line
(never acknowledged: cut off, and the cut itself is recorded) or one sound line more than the head knows (taken
in). Anything else is damage, and nothing is appended to a damaged journal.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from recovery.errors import Failed, Stopped
from recovery.journal.chain import Damage, Head, Kind, Record, Verified, encode, verify
from recovery.model import Json


class JournalFile:
    """An open journal. head_path: the second place, best on another disk. now: gives UTC as ISO 8601.

    Raises Stopped when another process writes it, Failed when it is damaged.
    """

    def __init__(self, path: Path, head_path: Path, now: Callable[[], str]) -> None:
        self.path = path
        self._head_path = head_path
        self._now = now
        self.records: list[Record] = []
        self.head = Head()
        path.parent.mkdir(parents=True, exist_ok=True)
        head_path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock()
            self._recover()
        except BaseException:
            os.close(self._file)
            raise

    def append(self, kind: Kind, run: str, body: Mapping[str, Json]) -> Record:
        """Write one record; when this returns it is on the disk, and so is the head."""
        record = Record(self.head.seq + 1, self._now(), run, kind, body)
        line, digest = encode(record, self.head.hash)
        size = os.fstat(self._file).st_size
        try:
            _write_all(self._file, line + b"\n")
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, size)  # a full disk must not leave half a line for the next append
            raise
        self.head = Head(record.seq, digest)
        write_head(self._head_path, self.head)
        record = verify([line], None).records[0]  # as it will be read back: masked
        self.records.append(record)
        return record

    def close(self) -> None:
        """Let go of the file and its lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of it when we die
        except OSError as exc:
            raise Stopped(
                f"another process writes the journal {self.path}",
                "two writers would break its chain, and two runs would act at once",
                "dr status    (names the run that holds it)",
                retry=True,
            ) from exc

    def _recover(self) -> None:
        """Take up where the last writer stopped, however it stopped."""
        content = self.path.read_bytes()
        whole, torn = split_torn(content)
        known = read_head(self._head_path)
        if known is None and not whole:
            known = Head()
            write_head(self._head_path, known)  # before the first line: a journal without a head is damaged
        checked = verify(whole, known)
        if known is None or not checked.sound:
            raise _damaged(self.path, checked, known)
        if torn:
            os.ftruncate(self._file, len(content) - len(torn))
            os.fsync(self._file)
        self.records = list(checked.records)
        self.head = checked.head
        if self.head != known:
            write_head(self._head_path, self.head)
        if torn:
            self.append(Kind.NOTE, "", {"what": "a torn line was cut off", "bytes": len(torn)})


def read(path: Path, head_path: Path) -> Verified:
    """Check a journal without writing to it, also while another process does. A torn last line is left out."""
    known = read_head(head_path)  # before the lines: they may grow meanwhile, the head must not be ahead
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    checked = verify(split_torn(content)[0], known)
    if known is not None and checked.sound:
        return checked
    later = read_head(head_path)
    if known is not None and later is not None and later.seq > known.seq:
        return verify(split_torn(path.read_bytes())[0][: later.seq], later)
    return checked


def split_torn(content: bytes) -> tuple[list[bytes], bytes]:
    """The whole lines, and what stands after the last newline (a write that was cut short)."""
    *lines, torn = content.split(b"\n")
    return lines, torn


def read_head(path: Path) -> Head | None:
    """The head kept in the second place; None when there is none or it cannot be read."""
    try:
        raw = json.loads(path.read_text())
        return Head(int(raw["seq"]), str(raw["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_head(path: Path, head: Head) -> None:
    """Replace the head in one step, durably: a reader sees the old one or the new one."""
    fresh = path.with_name(path.name + ".new")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write_all(file, json.dumps({"seq": head.seq, "hash": head.hash}).encode())
        os.fsync(file)
    finally:
        os.close(file)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


def _damaged(path: Path, checked: Verified, known: Head | None) -> Failed:
    found = [str(one) for one in checked.findings if one.damage is not Damage.TAIL]
    if known is None:
        found.append("its head is missing or unreadable")
    return Failed(
        f"the journal {path} is damaged: {'; '.join(found[:3])}",
        "who decided what, and which way data may flow, cannot be told from it",
        "dr journal verify    (then restore it from its mirror)",
    )
