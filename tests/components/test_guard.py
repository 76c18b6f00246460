"""The program guards itself: stopped before anything is registered (design.md, "Two stacks, one footprint")."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from components.guard import GuardError, check
from components.settings import Mode, Settings
from recovery.model import Json
from tests.components.recording import Recording, Watcher, main_program, watch, whole

STAMPS: list[tuple[str, dict[str, Json], str]] = [
    ("no outputs", {}, "was never handed over"),
    ("an empty stamp", {"footprint": ""}, "was never handed over"),
    ("another stamp", {"footprint": "1-0123456789abcdef"}, "was handed over from an older footprint"),
    ("an older version", {"footprint": "0-0123456789abcdef"}, "was handed over from an older footprint"),
]


def stopped(outputs: Mapping[str, Json]) -> tuple[GuardError, Watcher]:
    """`__main__.py` of stack active, which the guard must stop."""
    seen: list[Watcher] = []
    with pytest.raises(GuardError) as caught:
        watch(main_program, "active", outputs, seen.append)
    return caught.value, seen[0]


@pytest.mark.parametrize(("outputs", "words"), [row[1:] for row in STAMPS], ids=[row[0] for row in STAMPS])
def test_an_active_stack_without_the_programs_own_stamp_is_stopped_before_any_registration(
    outputs: dict[str, Json], words: str
) -> None:
    """A bare `pulumi up -s active` on such a stack creates nothing, and is told which command helps."""
    error, watcher = stopped(outputs)
    assert watcher.found == {}
    assert words in error.summary
    assert "nothing was created" in error.summary
    assert error.detail
    assert error.fix.startswith("dr handover standby active")
    assert str(error) == f"\n{error.summary}\n  why it matters: {error.detail}\n  fix: {error.fix}"


def test_the_stamp_of_a_hand_over_lets_the_program_pass(site: Settings, active: Recording) -> None:
    passed = whole(site.in_mode(Mode.ACTIVE))
    assert set(passed.resources) == set(active.resources)


def test_a_first_up_of_mode_standby_needs_no_stamp(site: Settings, standby: Recording) -> None:
    """Where a footprint exists already, Azure refuses its first create."""
    assert set(whole(site, {"footprint": "nothing that fits"}).resources) == set(standby.resources)


@pytest.mark.parametrize("found", [None, "", "1-b", 1, ["1-a"]])
def test_the_stamp_is_compared_and_not_merely_looked_for(found: Json) -> None:
    check("1-a", "1-a", "active")
    with pytest.raises(GuardError):
        check(found, "1-a", "active")


def test_an_older_stamp_passes_only_when_a_person_has_named_that_very_one() -> None:
    """`dr up -s active --allow create` in mid-contingency: the addition exists nowhere yet."""
    check("1-old", "1-new", "active", accepted="1-old")
    for found, accepted in (("1-older", "1-old"), ("", ""), (None, ""), ("", "1-old")):
        with pytest.raises(GuardError):
            check(found, "1-new", "active", accepted)
