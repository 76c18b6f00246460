"""Where this machine's journal is, and how several processes write it in turn.

`DR_HOME/journal/journal.jsonl`, its head in the second place `DR_JOURNAL_HEAD` (default
`DR_HOME/journal-head.json`; best on another disk).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from clouds import journal_file
from clouds.journal_file import JournalFile
from recovery.errors import Stopped
from recovery.journal.chain import Kind, Record, Verified
from recovery.journal.direction import Standing, standing
from recovery.model import Json

WAIT_SECONDS = 15.0
"""How long an append waits for another process's append (milliseconds each) before it gives up."""


def home(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """``DR_HOME``, by default ``.dr`` in the project."""
    given = environ.get("DR_HOME")
    return Path(given) if given else root / ".dr"


def paths(root: Path, environ: Mapping[str, str] = os.environ) -> tuple[Path, Path]:
    """The journal and its head."""
    folder = home(root, environ)
    head = environ.get("DR_JOURNAL_HEAD")
    return folder / "journal" / "journal.jsonl", Path(head) if head else folder / "journal-head.json"


def utc_now() -> str:
    """Now, as the journal writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(root: Path, environ: Mapping[str, str] = os.environ) -> Verified:
    """The journal as it is now, verified, also while another process writes it."""
    return journal_file.read(*paths(root, environ))


def stand(root: Path, environ: Mapping[str, str] = os.environ) -> Standing:
    """Direction, epoch, obligations and deadlines, as the journal says now. A damaged journal is a fault."""
    from dataclasses import replace

    checked = read(root, environ)
    found = standing(checked.records)
    return found if checked.sound else replace(found, fault=str(checked.findings[0]))


class SharedJournal:
    """A journal that lets go of its file between bursts, so that a sync beside a run can write too.

    Several threads of one process may append. clock, pause: monotonic seconds and a sleep.
    """

    def __init__(
        self,
        path: Path,
        head_path: Path,
        *,
        now: Callable[[], str] = utc_now,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._paths = (path, head_path)
        self._now, self._clock, self._pause = now, clock, pause
        self._open: JournalFile | None = None
        self._lock = threading.RLock()
        self.written = 0

    @property
    def records(self) -> Sequence[Record]:
        """All records there are now. Raises Failed when the journal is damaged, Stopped while it is held."""
        with self._lock:
            return tuple(self._held().records)

    def append(self, kind: Kind, run: str, body: Mapping[str, Json]) -> Record:
        """One record, on the disk when this returns."""
        with self._lock:
            record = self._held().append(kind, run, body)
            self.written += 1
            return record

    def rest(self) -> None:
        """Let others write."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _held(self) -> JournalFile:
        if self._open is None:
            deadline = self._clock() + WAIT_SECONDS
            while True:
                try:
                    self._open = JournalFile(*self._paths, self._now)
                    break
                except Stopped:
                    if self._clock() >= deadline:
                        raise
                    self._pause(0.05)
        return self._open
