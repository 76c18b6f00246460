"""Which exports are still to be imported: those that no later one holds whole (SYNC-3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clouds.sync.chain import Chain, Link
from recovery.sync.windows import windows


def test_starts_one_after_the_other_leave_one_window_to_import() -> None:
    """GOALS: a run killed at any point resumes; its exports do not pile up."""
    chain = Chain([Link("full", True, 10_000.0, done=True), Link("a", False, 10_300.0, lines=50)])
    for name, now in (("b", 10_310), ("c", 10_320)):
        (window,) = windows(int(chain.links[-1].until), now)
        chain.add(Link(name, False, float(window[1])), float(window[0]))
    assert [link.export for link in chain.links] == ["full", "c"]


def test_what_the_new_window_does_not_reach_back_over_is_imported_first() -> None:
    """A day's window that was killed half way keeps its checkpoint."""
    chain = Chain([Link("full", True, 10_000.0, done=True), Link("day", False, 90_000.0, lines=50)])
    chain.add(Link("new", False, 90_060.0), 90_060.0 - 900)
    assert [(link.export, link.lines) for link in chain.open] == [("day", 50), ("new", 0)]


def test_a_full_export_stands_for_everything_before_it_and_is_never_replaced_by_a_window() -> None:
    """An incremental export holds what was written in it, and not the table."""
    chain = Chain([Link("full", True, 10_000.0, lines=7)])
    chain.add(Link("a", False, 10_010.0), 9_110.0)
    assert [link.export for link in chain.open] == ["full", "a"]
    chain.add(Link("again", True, 10_020.0), None)
    assert [link.export for link in chain.links] == ["again"]


@given(st.lists(st.tuples(st.integers(1, 100_000), st.booleans()), max_size=12))
def test_the_chain_has_no_hole_however_runs_follow_each_other(runs: list[tuple[int, bool]]) -> None:
    """Every moment since the full export lies in an export of the chain. Each run: so long after the last, ended well or not."""
    now = 1_000_000
    chain = Chain([Link("full", True, float(now), done=True)])
    begins = {"full": 0.0}
    for later, ended in runs:
        for window in windows(int(chain.links[-1].until), now + later):
            name = f"{len(begins)}"
            begins[name] = float(window[0])
            chain.add(Link(name, False, float(window[1])), begins[name])
        now += later
        for link in chain.links if ended else ():
            link.done = True
    reached = 0.0
    for link in chain.links:
        assert begins[link.export] <= reached
        reached = max(reached, link.until)
    assert reached == now
