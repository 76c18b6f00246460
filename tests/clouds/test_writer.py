"""What a client was told is kept is there, or was knowingly replaced, or is listed: anything else is a lost write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clouds.writer import Written, unexplained

CUT = 10.0
"""Until here all that the primary had acknowledged was on Azure before Azure took writes."""


def write(text: str) -> Written:
    """`p3` by the primary at 3, `a12` by Azure at 12; the digest is the text itself."""
    at = float(text[1:])
    return Written("x", text, at - 0.5, at, "a", "192.0.2.1", 201, {"p": "primary", "a": "azure"}[text[0]])


def lost(writes: str, history: str, conflicts: str = "", had: str = "") -> str:
    found = unexplained(
        [write(one) for one in writes.split()], lambda name: history.split(), set(conflicts.split()), CUT,
        lambda name, digest: digest in had.split(),
    )  # fmt: skip
    return " ".join(one.digest for one in found)


@pytest.mark.parametrize(
    ("writes", "history", "conflicts", "gone", "why"),
    [
        ("p1", "p1", "", "", "it stands there now"),
        ("p1", "", "", "p1", "it never stood there"),
        ("p1 p2", "p1 p2", "", "", "a client of the same side wrote over it"),
        ("p1 a12", "p1 a12", "", "", "Azure had it before it took writes"),
        ("p11 a12", "p11 a12", "", "p11", "the sync wrote over what Azure never had"),
        ("p11 a12", "p11 a12", "p11", "", "the sync wrote over it, and kept it aside"),
        ("a12 p30", "a12 p30", "", "", "carried back, then a client of the primary wrote over it"),
        ("a12 p30", "p30", "", "a12", "the primary's write stands where Azure's was never carried"),
        ("a12 p30", "p30", "a12", "", "the same, but listed with both versions"),
        ("a12 a13 p30", "a13 p30", "", "", "Azure's client wrote over its own before it was carried"),
        ("a12 a13", "a13 a12", "", "a13", "an older version was carried over a newer one"),
        ("a12 a13", "a12", "", "a13", "the newer one was never carried"),
        ("a12 a13 p30", "a12 p30", "", "a13", "the newer one was never carried, and then written over"),
        ("a20 p30 p31", "a20 p30 p31", "", "", "acknowledged while the reverse sync listed, and carried"),
        ("p1 p30", "p1 unknown p30", "", "p1", "nobody knows who put there what came after it"),
        ("p11 a12 p30", "p11 a12 p30", "", "p11", "gone under Azure's, whatever came afterwards"),
    ],
)
def test_a_write_is_accounted_for_by_what_stood_there(
    writes: str, history: str, conflicts: str, gone: str, why: str
) -> None:
    """BACK-2: nothing that was acknowledged is dropped."""
    assert lost(writes, history, conflicts) == gone, why


def test_a_write_that_was_answered_after_the_cut_and_was_carried_all_the_same_is_no_loss() -> None:
    """ACT-2: in flight at the freeze; the last run saw it on both sides, so Azure's client replaced it knowingly."""
    assert lost("p11 a12", "p11 a12", had="p11") == ""
    assert lost("p11 a12", "p11 a12", had="a12") == "p11"


@given(st.lists(st.integers(11, 99), min_size=1, max_size=6, unique=True), st.data())
def test_a_version_that_is_in_no_place_is_always_found(times: list[int], data: st.DataObject) -> None:
    """BACK-2: the newest write of a side that was neither carried nor listed is lost, whatever else happened."""
    writes = [write(f"{data.draw(st.sampled_from('pa'))}{at}") for at in sorted(times)]
    victim = data.draw(st.sampled_from(writes))
    newest = all(other.at <= victim.at for other in writes if other.side == victim.side)
    stood = [one.digest for one in writes if one is not victim]
    found = unexplained(writes, lambda name: stood, set(), CUT)
    assert (victim in found) == (newest or victim.side == "primary")
