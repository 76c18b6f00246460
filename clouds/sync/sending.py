"""A large file's documents into the container from several processes: one process's core sends some 800 a second (SYNC-3).

Each process converts its chunk and writes it by the same rules as one alone (`clouds.sync.importing`): every write names
the version that it replaces, so it does not matter which process brings a document, or that two do. The container's RU/s
are shared out evenly; the fence is asked here before a chunk goes out, so no more is under way than with one process.
A process ends with its parent: what was killed writes no more.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from clouds.sync.converting import chunks, convert
from clouds.sync.cosmos import Container
from clouds.sync.importing import BATCH, Imported, InOrder, write
from recovery.errors import DrError, Failed
from recovery.sync.budget import Budget
from recovery.sync.exported import BadExportError, Manifest
from recovery.sync.ids import Keys

CHUNK = 200
"""Lines that one process takes at a time: a third of a second's work, so that the fence closes soon."""
MOST = 8
EACH = 4_000.0
"""RU/s that one process keeps up with (some 600 documents of 3 KB a second, on a busy core)."""
SMALL = 5_000
"""Items of a file up to which one process is enough: starting another costs a second."""


@dataclass(frozen=True)
class Into:
    """The container that is written to. key: None for an identity. rate: RU/s for all processes together."""

    endpoint: str
    path: str
    key: str | None
    rate: float

    def open(self, share: int = 1) -> Container:
        """Within a running event loop; a `share`-th of the RU/s."""
        return Container(self.endpoint, self.path, self.key, Budget(rate=self.rate / share))


@dataclass(frozen=True)
class Sent:
    """What a chunk came to; wrong: the error that ended it, as its parts."""

    done: Imported
    spent: float
    throttled: int
    requests: int
    wrong: tuple[str, str, str] | None = None


class _Recorded(SpawnContext):
    """Spawns processes, and knows them.

    A pool that breaks while it starts one more process never ends that one, and waits for it for ever (CPython 3.11).
    """

    def __init__(self) -> None:
        self._processes: list[SpawnProcess] = []

    def Process(self, *args: Any, **more: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802 (a context's name for it)
        self._processes.append(SpawnProcess(*args, **more))
        return self._processes[-1]

    def kill(self) -> None:
        """Those that were started. None is being started: the pool does that in the caller's thread."""
        for process in self._processes:
            if process.pid is not None:
                process.kill()


class Senders:
    """The processes, started at the first file that needs them. Close it; what they were at is finished first."""

    def __init__(self, into: Into, count: int | None = None) -> None:
        """count: processes, for tests and measurements; else what the RU/s are worth and this machine has."""
        fitting = min(MOST, os.cpu_count() or 1, math.ceil(into.rate / EACH))
        self._into, self._count = into, count or fitting
        self._pool: ProcessPoolExecutor | None = None
        self._made = _Recorded()

    def worth(self, items: int) -> bool:
        """Is a file of so many items brought sooner by these than by this process alone?"""
        return self._count > 1 and items > SMALL

    async def bring(
        self, lines: Iterable[bytes], of: Manifest, keys: Keys, done: Imported, budget: Budget, *,
        fence: Callable[[], None], on_batch: Callable[[], None] = lambda: None,
        on_mark: Callable[[int], Awaitable[None]] | None = None, skip: int = 0,
    ) -> None:  # fmt: skip
        """Bring a file's lines. budget: what they spent is added to it. skip, on_mark: as in `importing.send`.

        Raises Stopped by the fence, DrError, and BadExportError for a line that is none.
        """
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count,
                self._made,  # not forked: this process has threads and connections
                initializer=_begin,
                initargs=(self._into, self._count),
            )
        pool, loop = self._pool, asyncio.get_running_loop()
        made = chunks(itertools.islice(lines, skip, None), CHUNK)
        taking, marks, numbers, upto = asyncio.Lock(), InOrder(on_mark), itertools.count(), skip
        done.read += skip

        async def worker() -> None:
            nonlocal upto
            while True:
                async with taking:
                    chunk = await asyncio.to_thread(next, made, None)
                    if chunk is None:
                        return
                    number, upto = next(numbers), upto + len(chunk)
                    until = upto
                await asyncio.to_thread(fence)
                try:
                    sent = await loop.run_in_executor(pool, _bring, chunk, of, keys)
                except OSError as gone:  # the pool was closing while it started one more process
                    raise BrokenProcessPool(str(gone)) from gone
                done.add(sent.done)
                budget.spent += sent.spent
                budget.throttled += sent.throttled
                budget.requests += sent.requests
                if sent.wrong is not None:
                    raise Failed(*sent.wrong, retry=True)
                await marks.finished(number, until, done)
                on_batch()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._count + 1):  # one waits at the door, so that no process does
                    group.create_task(worker())
        except ExceptionGroup as several:
            for one in several.exceptions:
                if isinstance(one, (DrError, BadExportError)):
                    raise one from several
                if isinstance(one, BrokenProcessPool):
                    self._made.kill()
                    raise Failed(
                        "a process that sends documents was killed", "the documents are not known to be complete",
                        "run the same command again: it goes on where it stopped", retry=True,
                    ) from several  # fmt: skip
            raise

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


# -- in the process -----------------------------------------------------------------------------------------------


@dataclass
class _Here:
    into: Container
    loop: asyncio.AbstractEventLoop
    mostly_new: bool = True


_here: _Here


def _begin(into: Into, share: int) -> None:
    global _here
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole terminal; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    loop = asyncio.new_event_loop()

    async def opened() -> Container:
        return into.open(share)

    _here = _Here(loop.run_until_complete(opened()), loop)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _bring(lines: list[bytes], of: Manifest, keys: Keys) -> Sent:
    """One chunk, converted and written. Raises BadExportError for a line that is none."""
    chunk, done = convert(lines, of, keys), Imported(mostly_new=_here.mostly_new)
    done.read = chunk.read
    for text in chunk.problems:
        done.problem(text, lasting=True)
    budget = _here.into.budget
    spent, throttled, requests = budget.spent, budget.throttled, budget.requests
    wrong = None

    async def go() -> None:
        parts = (chunk.ready[start : start + BATCH] for start in range(0, len(chunk.ready), BATCH))
        await asyncio.gather(*(write(part, _here.into, done) for part in parts))

    try:
        _here.loop.run_until_complete(go())
    except DrError as error:
        wrong = (error.summary, error.detail, error.fix)
    _here.mostly_new = done.mostly_new
    return Sent(done, budget.spent - spent, budget.throttled - throttled, budget.requests - requests, wrong)
