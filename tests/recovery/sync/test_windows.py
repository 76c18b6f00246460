"""The chain of incremental exports (SYNC-3)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.sync.windows import LEAST, MOST, REACH, windows


@given(st.integers(10**9, 2 * 10**9), st.integers(1, REACH))
def test_the_windows_cover_everything_without_a_hole_and_are_legal(since: int, late: int) -> None:
    """SYNC-3: a run that was late chains windows; each has 15 minutes to 24 hours, and none ends in the future."""
    found = windows(since, since + late)
    assert found[0][0] <= since
    assert found[-1][1] == since + late
    assert all(LEAST <= end - start <= MOST for start, end in found)
    assert all(later[0] <= earlier[1] for earlier, later in itertools.pairwise(found))


def test_nothing_to_export_is_no_window() -> None:
    """SYNC-3: a run right after another one exports nothing."""
    assert windows(1000, 1000) == []


def test_a_cut_out_of_reach_is_refused_so_that_a_full_export_is_made() -> None:
    """SYNC-3: point-in-time recovery keeps 35 days."""
    with pytest.raises(ValueError, match="reaches 35"):
        windows(0, REACH + 1)
