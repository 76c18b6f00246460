"""What is done about a verdict of the march, as small objects; when deletions may happen (SYNC-1, SYNC-2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from recovery.sync.march import Entry, Line, Sign, Tally
from recovery.sync.versions import Versions

MAX_DELETE_PERCENT = 10
"""Default of --max-delete, in percent of the target's listing."""

HELD_KEYS = 250_000
"""Deletions held in memory until the march has ended, at most (some 30 MB). More in one run is refused."""


class Act(StrEnum):
    """What the sync does about one key."""

    KEEP = "keep"
    COPY = "copy"
    DELETE = "delete"
    REPORT = "report"  # touch nothing, tell a person


@dataclass(frozen=True)
class Policy:
    """What a flow does about `*` and `-`. `+` is always copied, `=` always kept, `!` always reported.

    replace: may a changed object in the target be overwritten. delete: may an obsolete one be deleted.
    """

    name: str
    replace: bool
    delete: bool

    def act(self, line: Line) -> Act:
        """The act for one verdict. A write never goes over a newer one, whatever the policy."""
        match line.sign:
            case Sign.SAME:
                return Act.KEEP
            case Sign.ADDED:
                return Act.COPY
            case Sign.CHANGED:
                return Act.REPORT if not self.replace or self.late(line) else Act.COPY
            case Sign.EXTRA:
                return Act.DELETE if self.delete else Act.KEEP
            case Sign.ERROR:
                return Act.REPORT

    def late(self, line: Line) -> bool:
        """Is this a late run, whose source is older than what the target has already?"""
        return overtaken(line)

    def theirs(self, line: Line) -> bool:
        """Did the target alone change it? Never on the way forward, where the source is the origin."""
        return False


@dataclass(frozen=True)
class Returning(Policy):
    """The way back (BACK-2): the source was live since the cutover, so it wins, but no version that the target alone had is
    deleted or overwritten unseen. The target's times are its own clock's for every write, our copies among them, so they do
    not say which write is newer, nor whether the other side ever had it.

    cutover: epoch seconds. common: the versions that a run saw on both sides. carried: key -> ETag of the source's version
    that an earlier run carried."""

    cutover: float = 0.0
    common: Versions = field(default_factory=Versions)
    carried: Mapping[str, str] = field(default_factory=dict)

    def act(self, line: Line) -> Act:
        """As every policy, but for what is in the target alone."""
        if line.sign is Sign.EXTRA and line.target is not None and self.alone(line.target):
            return Act.REPORT
        return super().act(line)

    def late(self, line: Line) -> bool:
        """Never: see above."""
        return False

    def theirs(self, line: Line) -> bool:
        """Is what lies in the source only our copy of what the target had, or what we carried before? Then the target's own
        write is newer."""
        if line.source is None:
            return False
        again = line.source.print.etag and self.carried.get(line.key) == line.source.print.etag
        return bool(line.source.print.source_etag or again)

    def alone(self, there: Entry) -> bool:
        """Is this version the target's own: one that no run saw on both sides, or one that was written there (again) since
        the cutover?"""
        if not self.common.had(there.key, there.print.etag):
            return True
        return there.written is None or there.written > self.cutover


SITE = Policy("replace changed, delete obsolete", replace=True, delete=True)  # SYNC-1
UPLOADS = Policy("replace changed, never delete", replace=True, delete=False)  # SYNC-2
ADD_ONLY = Policy("add only", replace=False, delete=False)


def overtaken(line: Line) -> bool:
    """True when the target already holds a *later* write of the source than the one at hand (a late run)."""
    if line.source is None or line.target is None:
        return False
    ours, theirs = line.source.written, line.target.written
    return ours is not None and theirs is not None and theirs > ours


@dataclass(frozen=True)
class Release:
    """The deletions that may happen now: all or none. refused: why none may, "" when they may."""

    keys: tuple[str, ...]
    refused: str = ""


class Deletions:
    """Holds deletions back until the march has ended, then releases all of them or none.

    They wait because `-` is certain only once both listings were read to the end in order, because any error
    of the run forbids them, and because the limit is a share of the whole target.
    """

    def __init__(self, max_delete: int = MAX_DELETE_PERCENT, held: int = HELD_KEYS) -> None:
        if not 0 <= max_delete <= 100:
            raise ValueError(f"--max-delete is a percentage from 0 to 100, not {max_delete}")
        self._percent = max_delete
        self._held = held
        self._keys: list[str] = []
        self._wanted = 0

    def hold(self, line: Line) -> None:
        """Note one key that is to be deleted."""
        self._wanted += 1
        if self._wanted <= self._held:
            self._keys.append(line.key)
        else:
            self._keys.clear()

    def release(self, tally: Tally, *, errors: int) -> Release:
        """The deletions of a finished march. errors: all else that went wrong in the run."""
        wrong = errors + tally.errors
        if not self._wanted:
            return Release(())
        if wrong:
            return Release((), f"not deleting {self._wanted} obsolete objects, as there were {wrong} errors")
        if not tally.source_keys:
            return Release((), f"not deleting {self._wanted} objects: the source's listing is empty")
        if self._wanted * 100 > self._percent * tally.target_keys:
            share = 100 * self._wanted / tally.target_keys
            return Release(
                (),
                f"not deleting {self._wanted} of {tally.target_keys} objects ({share:.1f} %): "
                f"more than --max-delete {self._percent}",
            )
        if self._wanted > self._held:
            return Release((), f"not deleting {self._wanted} objects: more than {self._held} in one run")
        return Release(tuple(self._keys))


def acts(
    lines: Iterable[Line], policy: Policy, tally: Tally, deletions: Deletions
) -> Iterator[tuple[Act, Line]]:
    """Walk a march under a policy: count each line, hold deletions back, pass the rest on as it comes."""
    for line in lines:
        tally.add(line)
        act = policy.act(line)
        if act is Act.DELETE:
            deletions.hold(line)
        else:
            yield act, line
