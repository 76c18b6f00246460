"""Lines of an export to documents that are ready to be sent, in the order of the file (SYNC-3)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clouds.sync.importing import BATCH, Batch, Imported, Ready, ready
from recovery.sync.exported import Manifest, change
from recovery.sync.ids import Keys
from recovery.sync.items import NotAnItem

CHUNK = 500


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


def batches(
    lines: Iterable[bytes], of: Manifest, keys: Keys, done: Imported, *, skip: int = 0
) -> Iterator[Batch]:
    """A file's lines as batches of at most BATCH documents; counts into `done`. A chunk is held at a time.

    skip: lines at the beginning that an earlier run has written.
    """
    done.read, upto = done.read + skip, skip
    for lines_of_one in chunks(itertools.islice(lines, skip, None), CHUNK):
        chunk = convert(lines_of_one, of, keys)
        done.read += chunk.read
        for text in chunk.problems:
            done.problem(text, lasting=True)
        before, upto = upto, upto + chunk.read
        for start in range(0, len(chunk.ready), BATCH):
            last = start + BATCH >= len(chunk.ready)
            yield Batch(chunk.ready[start : start + BATCH], upto if last else before)


def chunks(lines: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """The lines, `size` at a time."""
    iterator = iter(lines)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
