"""One march over two sorted listings: `= * + -` per key, `!` where one cannot be trusted (SYNC-1, SYNC-2).

Both listings come in the order of their keys' code points, which is S3's UTF-8 byte order
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/ListingKeysUsingAPIs.html). One entry of each is
held at a time, so a million keys cost no more memory than ten. An exception raised by a listing passes
through: what was not listed is not judged.

Whatever the order of the listings, every source key gets `=`, `*` or `+`, so nothing is left uncopied; only
`-` may be wrong before a disorder shows. That is why deletions wait for the end (`recovery.sync.policies`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from recovery.sync.evidence import Evidence, Fingerprint, Proof, compare


class Sign(StrEnum):
    """The verdict on one key."""

    SAME = "="  # on both sides, proven equal
    CHANGED = "*"  # on both sides, different or unproven
    ADDED = "+"  # in the source alone
    EXTRA = "-"  # in the target alone
    ERROR = "!"  # the listing contradicts itself here


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a listing. written: the time of the *source's* write in epoch seconds, on either side
    (a copy carries it in its metadata); None when unknown."""

    key: str
    print: Fingerprint
    written: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One verdict. proof is UNPROVEN where nothing was compared."""

    sign: Sign
    key: str
    source: Entry | None = None
    target: Entry | None = None
    proof: Proof = Proof.UNPROVEN
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.key}" + (f"  ({self.reason})" if self.reason else "")


Compare = Callable[[Fingerprint, Fingerprint], Evidence]


def march(source: Iterable[Entry], target: Iterable[Entry], prove: Compare = compare) -> Iterator[Line]:
    """The verdicts on two listings, in order.

    A key that repeats the one before it is `!` and dropped. A key smaller than the one before it is `!` and
    still judged as far as it can be; from then on a key that seems to be in the target alone is `!` too,
    because it may stand anywhere in the other listing.
    """
    left, right = _Walk("source", source), _Walk("target", target)
    while True:
        yield from left.complaints()
        yield from right.complaints()
        ours, theirs = left.entry, right.entry
        if ours is None and theirs is None:
            return
        if theirs is None or (ours is not None and ours.key < theirs.key):
            assert ours is not None  # noqa: S101 - for mypy: both None has returned
            yield Line(Sign.ADDED, ours.key, source=ours)
            left.step()
        elif ours is None or theirs.key < ours.key:
            if left.disorder or right.disorder:
                yield Line(
                    Sign.ERROR, theirs.key, target=theirs, reason="not judged: a listing is out of order"
                )
            else:
                yield Line(Sign.EXTRA, theirs.key, target=theirs)
            right.step()
        else:
            found = prove(ours.print, theirs.print)
            sign = Sign.SAME if found.proof is Proof.EQUAL else Sign.CHANGED
            yield Line(sign, ours.key, ours, theirs, found.proof, found.reason)
            left.step()
            right.step()


@dataclass
class Tally:
    """Counts that cost no memory per key: what a run record and the deletion rule are made of."""

    signs: Counter[Sign] = field(default_factory=Counter)
    source_keys: int = 0
    target_keys: int = 0
    source_bytes: int = 0
    target_bytes: int = 0

    def add(self, line: Line) -> None:
        """Count one line."""
        self.signs[line.sign] += 1
        if line.source is not None:
            self.source_keys += 1
            self.source_bytes += line.source.print.size
        if line.target is not None:
            self.target_keys += 1
            self.target_bytes += line.target.print.size

    @property
    def errors(self) -> int:
        """How often a listing contradicted itself."""
        return self.signs[Sign.ERROR]


class _Walk:
    """One listing, one entry ahead, that notices when it is not in order."""

    def __init__(self, side: str, entries: Iterable[Entry]) -> None:
        self._side = side
        self._entries = iter(entries)
        self._complaints: list[Line] = []
        self.disorder = False
        self.entry: Entry | None = None
        self.step()

    def step(self) -> None:
        before = self.entry
        for entry in self._entries:
            if before is not None and entry.key == before.key:
                # At once and not collected: a listing that repeats one key for ever must not fill the memory.
                if not self._complaints:
                    self._complaints.append(self._complain(entry.key, "lists this key twice"))
                continue
            if before is not None and entry.key < before.key:
                self.disorder = True
                self._complaints.append(self._complain(entry.key, f"is out of order after {before.key!r}"))
            self.entry = entry
            return
        self.entry = None

    def complaints(self) -> list[Line]:
        found, self._complaints = self._complaints, []
        return found

    def _complain(self, key: str, what: str) -> Line:
        return Line(Sign.ERROR, key, reason=f"the {self._side}'s listing {what}")
