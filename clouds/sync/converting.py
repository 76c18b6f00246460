"""Lines of an export to documents in processes of their own: conversion is arithmetic, and Python has one core a process.

A chunk of lines goes out, documents ready to be sent come back, in the order of the file. Small files are converted
here: starting a process costs more than a few thousand items. What travels between our own processes is our own data.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

from clouds.sync.importing import BATCH, Batch, Imported, Ready, ready
from recovery.sync.exported import Manifest, change
from recovery.sync.ids import Keys
from recovery.sync.items import NotAnItem

CHUNK = 500
MOST = 4
"""Processes, unless told otherwise: a container that may use one core sees all those of its host."""
SMALL = 5_000
"""Items of a file up to which it is converted in this process."""


@dataclass(frozen=True)
class Chunk:
    """What a chunk of lines came to: documents, the newest of each key; how many lines; what could not be converted."""

    ready: list[Ready]
    read: int
    problems: list[str]


def convert(lines: list[bytes], of: Manifest, keys: Keys) -> Chunk:
    """A chunk of an export's lines. Raises BadExportError for a line that is none."""
    names = (keys.partition,) if keys.sort is None else (keys.partition, keys.sort)
    newest: dict[str, Ready] = {}
    problems: list[str] = []
    for line in lines:
        one = change(line, of, names)
        try:
            made = ready(one, keys)
        except (NotAnItem, KeyError, ValueError) as exc:
            problems.append(str(exc)[:300])
            continue
        if made.id not in newest or newest[made.id].at <= made.at:
            newest[made.id] = made
    return Chunk(list(newest.values()), len(lines), problems)


class Converter:
    """Converts whole files. workers: processes (default: one a core; 1: none are started). Close it."""

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or min(MOST, os.cpu_count() or 1)
        self._pool: ProcessPoolExecutor | None = None

    def batches(
        self, lines: Iterable[bytes], of: Manifest, keys: Keys, items: int, done: Imported, *, skip: int = 0
    ) -> Iterator[Batch]:
        """Batches of at most BATCH documents, in the file's order; counts into `done`. A few chunks are held at a time.
        skip: lines at the beginning that an earlier run has written."""
        done.read, upto = done.read + skip, skip
        chunks = _chunks(itertools.islice(lines, skip, None))
        if self._workers == 1 or items <= SMALL:
            made: Iterable[Chunk] = (convert(chunk, of, keys) for chunk in chunks)
        else:
            made = self._parallel(chunks, of, keys)
        for chunk in made:
            done.read += chunk.read
            for text in chunk.problems:
                done.problem(text, lasting=True)
            before, upto = upto, upto + chunk.read
            for start in range(0, len(chunk.ready), BATCH):
                last = start + BATCH >= len(chunk.ready)
                yield Batch(chunk.ready[start : start + BATCH], upto if last else before)

    def _parallel(self, chunks: Iterator[list[bytes]], of: Manifest, keys: Keys) -> Iterator[Chunk]:
        if self._pool is None:
            # Not forked: this process has threads and open connections.
            self._pool = ProcessPoolExecutor(self._workers, multiprocessing.get_context("spawn"))
        under_way: deque[Future[Chunk]] = deque()
        for chunk in chunks:
            under_way.append(self._pool.submit(convert, chunk, of, keys))
            if len(under_way) > 2 * self._workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def close(self) -> None:
        """End the processes; what they were at is thrown away."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _chunks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    iterator = iter(lines)
    while chunk := list(itertools.islice(iterator, CHUNK)):
        yield chunk
