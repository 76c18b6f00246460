"""Which versions of which objects both clouds are known to have had, in eight bytes each (BACK-2).

On the way back an object that AWS and Azure hold in different versions is either AWS's old one, which Azure had and a
client there replaced knowingly, or one that Azure never had: written in the gap between the last run and the disaster, in
flight at the freeze, or after the cutover. The time of the write cannot tell them apart; what a run has seen equal can.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b

WIDTH = 8
"""Bytes of a mark. Of a million versions, one that was never seen is taken for one of them once in 10^13 questions."""


class Versions:
    """A set of (key, ETag) that can only be asked. A million of them take 8 MB."""

    def __init__(self) -> None:
        self._marks = array("Q")
        self._sorted = True

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, key: str, etag: str) -> None:
        """Note one version. One without an ETag is none."""
        if etag:
            self._marks.append(_mark(key, etag))
            self._sorted = False

    def had(self, key: str, etag: str) -> bool:
        """Was this very version noted?"""
        if not etag:
            return False
        self._sort()
        mark = _mark(key, etag)
        at = bisect_left(self._marks, mark)
        return at < len(self._marks) and self._marks[at] == mark

    def to_bytes(self) -> bytes:
        """For a blob: the marks in ascending order, eight bytes each, most significant first."""
        self._sort()
        return b"".join(mark.to_bytes(WIDTH, "big") for mark in self._marks)

    @classmethod
    def of(cls, data: bytes) -> Versions:
        """Back from a blob. Raises ValueError where it cannot be one: what is torn must not answer "never had"."""
        if len(data) % WIDTH:
            raise ValueError(f"{len(data)} bytes are no whole number of marks of {WIDTH}")
        made = cls()
        made._marks.extend(int.from_bytes(data[at : at + WIDTH], "big") for at in range(0, len(data), WIDTH))
        made._sorted = False
        return made

    def _sort(self) -> None:
        if not self._sorted:
            self._marks = array("Q", sorted(self._marks))
            self._sorted = True


def _mark(key: str, etag: str) -> int:
    return int.from_bytes(blake2b(f"{key}\0{etag}".encode(), digest_size=WIDTH).digest(), "big")
