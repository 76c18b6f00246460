"""The march over two sorted listings (SYNC-1, SYNC-2)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.sync.evidence import Fingerprint
from recovery.sync.march import Entry, Line, Sign, Tally, march

KEYS = st.text(alphabet="ab/é\ud7ff\ue000\U0001f600", max_size=4)
LISTINGS = st.dictionaries(KEYS, st.sampled_from(["aa", "bb", ""]), max_size=12)


def listing(content: dict[str, str]) -> list[Entry]:
    return [Entry(k, Fingerprint(1, checksums={"md5": v} if v else {})) for k, v in sorted(content.items())]


def entries(*keys: str) -> list[Entry]:
    return [Entry(k, Fingerprint(1, checksums={"md5": "aa"})) for k in keys]


def signs(lines: list[Line]) -> list[str]:
    return [f"{line.sign}{line.key}" for line in lines]


@given(LISTINGS, LISTINGS)
@settings(deadline=None)
def test_the_march_equals_a_naive_set_difference(ours: dict[str, str], theirs: dict[str, str]) -> None:
    """For any two listings."""
    both = ours.keys() & theirs.keys()
    want = dict.fromkeys(ours.keys() - theirs.keys(), "+") | dict.fromkeys(theirs.keys() - ours.keys(), "-")
    want |= {k: "=" if ours[k] and ours[k] == theirs[k] else "*" for k in both}
    got = list(march(listing(ours), listing(theirs)))
    assert {line.key: str(line.sign) for line in got} == want
    assert [line.key for line in got] == sorted(want), "one verdict a key, in order"


@given(LISTINGS)
@settings(deadline=None)
def test_a_listing_against_itself_is_all_same_or_unproven(content: dict[str, str]) -> None:
    """compare(s, s) is `=` wherever a hash is known."""
    for line in march(listing(content), listing(content)):
        assert line.sign == ("=" if content[line.key] else "*")


@given(st.lists(KEYS, max_size=8), st.lists(KEYS, max_size=8))
@settings(deadline=None)
def test_a_disordered_listing_is_noticed_and_no_source_key_is_lost(
    ours: list[str], theirs: list[str]
) -> None:
    """Unsorted or repeated keys give `!`; every source key is still judged, so still copied."""
    lines = list(march(entries(*ours), entries(*theirs)))
    sound = all(a < b for side in (ours, theirs) for a, b in itertools.pairwise(side))
    assert any(line.sign is Sign.ERROR for line in lines) == (not sound)
    judged = {line.key for line in lines if line.sign in (Sign.SAME, Sign.CHANGED, Sign.ADDED)}
    assert judged == set(ours)


def test_after_disorder_nothing_is_called_obsolete() -> None:
    """A key missing from a disordered source may stand further down."""
    lines = list(march(entries("b", "a", "c"), entries("a", "b", "d")))
    assert signs(lines)[-1] == "!d"
    assert "-d" not in signs(lines)


def test_a_repeated_key_is_reported_once_and_judged_once() -> None:
    """A listing that repeats itself contradicts itself."""
    lines = list(march(entries("a", "a", "a", "b"), entries("a", "b")))
    assert signs(lines) == ["=a", "!a", "=b"]
    assert lines[1].reason == "the source's listing lists this key twice"


def test_keys_come_in_the_order_of_utf8_bytes() -> None:
    """S3 sorts by UTF-8 bytes; UTF-16 would put the emoji before U+E000."""
    keys = ["\ue000", "\U0001f600"]
    assert keys == sorted(keys, key=str.encode)
    assert signs(list(march(entries(*keys), entries(*keys)))) == [f"={k}" for k in keys]


def test_an_error_while_listing_passes_through() -> None:
    """What could not be listed is not judged: no verdict `-` may follow."""

    def broken() -> Iterator[Entry]:
        yield from entries("a")
        raise OSError("connection reset")

    walked = march(broken(), entries("a", "b"))
    with pytest.raises(OSError, match="reset"):
        list(walked)


def test_memory_does_not_grow_with_the_listing() -> None:
    """At most one entry of each side is read ahead, however long the listings are."""
    pulled: Counter[str] = Counter()

    def counted(side: str) -> Iterator[Entry]:
        for number in range(5_000):
            pulled[side] += 1
            yield Entry(f"{number:05}", Fingerprint(1))

    done = 0
    for _ in march(counted("source"), counted("target")):
        done += 1
        assert pulled["source"] - done <= 1
        assert pulled["target"] - done <= 1
    assert done == 5_000


def test_the_tally_counts_keys_and_bytes_of_both_sides() -> None:
    """SYNC-1: object count and total bytes are the proof for the site."""
    tally = Tally()
    for line in march(
        [Entry("a", Fingerprint(3)), Entry("b", Fingerprint(4))],
        [Entry("b", Fingerprint(5)), Entry("c", Fingerprint(6))],
    ):
        tally.add(line)
    assert (tally.source_keys, tally.source_bytes) == (2, 7)
    assert (tally.target_keys, tally.target_bytes) == (2, 11)
    assert dict(tally.signs) == {Sign.ADDED: 1, Sign.CHANGED: 1, Sign.EXTRA: 1}


def test_a_line_reads_well() -> None:
    """The text that `dr sync --dry-run` shows."""
    assert str(Line(Sign.EXTRA, "old.html")) == "- old.html"
    assert str(Line(Sign.CHANGED, "a", reason="md5 differs")) == "* a  (md5 differs)"
