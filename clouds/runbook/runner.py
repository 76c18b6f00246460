"""Where effects run: each in a thread of its own, or (in tests that replay every kill) one after another, here."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Protocol

from clouds.runbook.calls import Outcome, failed
from recovery.errors import DrError, Unobserved
from recovery.journal.mask import masked
from recovery.runbook.events import Result

Work = Callable[[], Outcome]


class Runner(Protocol):
    """Starts work under a key; hands back what has ended since the last look."""

    def start(self, key: str, work: Work) -> None: ...

    def ended(self, wait: float) -> list[tuple[str, Outcome]]: ...


def guarded(work: Work) -> Outcome:
    """The work's outcome, whatever it raises. What could not be observed is unknown, never done.

    Any exception is an outcome here: a run in the middle of a disaster must go on to say which step failed, and why.
    """
    try:
        return work()
    except Unobserved as error:
        return Outcome(Result.UNKNOWN, {"error": str(masked(error.summary)), "fix": error.fix})
    except DrError as error:
        return Outcome(Result.FAILED, {"error": str(masked(error.summary)), "fix": error.fix})
    except Exception as error:  # noqa: BLE001 (see above)
        return failed(str(masked(f"{type(error).__name__}: {error}"))[:500])


class Threads:
    """One daemon thread an effect: one that hangs must not keep the process from ending."""

    def __init__(self) -> None:
        self._ended: queue.Queue[tuple[str, Outcome]] = queue.Queue()

    def start(self, key: str, work: Work) -> None:
        """Begin it."""

        def go() -> None:
            self._ended.put((key, guarded(work)))

        threading.Thread(target=go, daemon=True, name=key).start()

    def ended(self, wait: float) -> list[tuple[str, Outcome]]:
        """What has ended, waiting at most `wait` real seconds for the first."""
        found: list[tuple[str, Outcome]] = []
        try:
            found.append(self._ended.get(timeout=wait))
            while True:
                found.append(self._ended.get_nowait())
        except queue.Empty:
            return found


class Inline:
    """Runs the work at the moment it is looked for, the first asked first."""

    def __init__(self) -> None:
        self._asked: list[tuple[str, Work]] = []

    def start(self, key: str, work: Work) -> None:
        """Remember it."""
        self._asked.append((key, work))

    def ended(self, wait: float) -> list[tuple[str, Outcome]]:
        """Do the first one now."""
        if not self._asked:
            return []
        key, work = self._asked.pop(0)
        return [(key, guarded(work))]
