"""What is done about a verdict, and when deletions may happen (SYNC-1, SYNC-2)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.sync.evidence import Fingerprint
from recovery.sync.march import Entry, Line, Sign, Tally, march
from recovery.sync.policies import ADD_ONLY, SITE, UPLOADS, Act, Deletions, Policy, acts


def entry(key: str, md5: str = "aa", written: float | None = None) -> Entry:
    return Entry(key, Fingerprint(1, checksums={"md5": md5}), written)


def run(source: list[Entry], target: list[Entry], policy: Policy, errors: int = 0, limit: int = 10):  # type: ignore[no-untyped-def]  # test helper
    tally, deletions = Tally(), Deletions(limit)
    done = [(act, line.key) for act, line in acts(march(source, target), policy, tally, deletions)]
    return done, deletions.release(tally, errors=errors)


@pytest.mark.parametrize(
    ("policy", "sign", "act"),
    [
        (SITE, "=", "keep"), (SITE, "*", "copy"), (SITE, "+", "copy"), (SITE, "-", "delete"),
        (SITE, "!", "report"),
        (UPLOADS, "*", "copy"), (UPLOADS, "-", "keep"), (UPLOADS, "!", "report"),
        (ADD_ONLY, "+", "copy"), (ADD_ONLY, "*", "report"), (ADD_ONLY, "-", "keep"),
    ],
)  # fmt: skip
def test_each_policy_does_what_its_name_says(policy: Policy, sign: str, act: str) -> None:
    """SYNC-1 replaces and deletes, SYNC-2 never deletes."""
    assert policy.act(Line(Sign(sign), "k", entry("k"), entry("k", "bb"))) == act


@pytest.mark.parametrize(
    ("ours", "theirs", "act"), [(5, 9, Act.REPORT), (9, 5, Act.COPY), (5, 5, Act.COPY), (None, 9, Act.COPY)]
)
def test_a_late_run_never_overwrites_a_newer_write(ours: float | None, theirs: float, act: Act) -> None:
    """design.md, Directions and fencing: a write never goes over a newer one."""
    line = Line(Sign.CHANGED, "k", entry("k", "aa", ours), entry("k", "bb", theirs))
    assert SITE.act(line) is act


TWENTY = [entry(f"{n:02}") for n in range(20)]


def test_obsolete_objects_are_deleted_only_after_the_march() -> None:
    """SYNC-1: the deletion is not among what is passed on as the march goes."""
    done, release = run(TWENTY[1:], TWENTY, SITE)
    assert all(act is Act.KEEP for act, _ in done)
    assert release.keys == ("00",)


@pytest.mark.parametrize(
    ("errors", "gone", "limit", "why"),
    [
        (1, 1, 10, "as there were 1 errors"),
        (0, 3, 10, "15.0 %): more than --max-delete 10"),
        (0, 1, 0, "more than --max-delete 0"),
        (0, 20, 100, "the source's listing is empty"),
    ],
)
def test_deletions_are_refused_whole(errors: int, gone: int, limit: int, why: str) -> None:
    """Never after an error, never beyond --max-delete; and an empty source is taken for a fault."""
    _, release = run(TWENTY[gone:], TWENTY, SITE, errors, limit)
    assert release.keys == ()
    assert why in release.refused


def test_exactly_the_limit_is_allowed() -> None:
    """Two of twenty are 10 %."""
    _, release = run(TWENTY[2:], TWENTY, SITE)
    assert release.keys == ("00", "01")


def test_disorder_in_either_listing_forbids_deletions() -> None:
    """No deletion when a listing is unsorted."""
    _, release = run([TWENTY[2], TWENTY[1], *TWENTY[3:]], TWENTY, SITE)
    assert release.keys == ()
    assert "errors" in release.refused


def test_more_deletions_than_can_be_held_are_refused_not_forgotten() -> None:
    """Memory is bounded, and the refusal gives the whole figure."""
    tally, deletions = Tally(), Deletions(100, held=3)
    for _ in acts(march(TWENTY[10:], TWENTY), SITE, tally, deletions):
        pass
    assert deletions.release(tally, errors=0).refused == "not deleting 10 objects: more than 3 in one run"


def test_a_percentage_outside_its_range_is_refused() -> None:
    """Bad input changes nothing."""
    with pytest.raises(ValueError, match="from 0 to 100"):
        Deletions(101)


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.integers(0, 100), st.integers(0, 2))
@settings(deadline=None)
def test_what_is_deleted_is_never_in_the_source_nor_beyond_the_limit(
    ours: set[int], theirs: set[int], limit: int, errors: int
) -> None:
    """The deletion rule as a property."""
    source, target = ([entry(f"{n:02}") for n in sorted(side)] for side in (ours, theirs))
    _, release = run(source, target, SITE, errors, limit)
    extra = {f"{n:02}" for n in theirs - ours}
    assert set(release.keys) in (set(), extra)
    assert len(release.keys) * 100 <= limit * len(theirs)
    assert not (errors and release.keys)
    assert bool(release.refused) == (bool(extra) and not release.keys)
