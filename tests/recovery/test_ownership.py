"""Only proof takes a lock away (`dr resume` after proving the owner dead)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.errors import Stopped
from recovery.ownership import Life, Owner, prove_dead

owners = st.lists(
    st.builds(
        lambda life, host: Owner(f"`dr up`, process 7 on {host}", life, "seen"),
        st.sampled_from(list(Life)),
        st.sampled_from(["ops-1", "ops-2"]),
    ),
    max_size=4,
)


@given(owners, st.sampled_from(["", "ops-1", "ops-2"]))
def test_a_lock_is_taken_exactly_when_every_owner_is_dead_or_a_person_says_so(
    found: list[Owner], word: str
) -> None:
    """A person's word counts only for a host that nobody can look at from here, never against a living process."""
    dead = all(
        o.life is Life.DEAD or (o.life is Life.ELSEWHERE and word and o.what.endswith(f" on {word}"))
        for o in found
    )
    if dead:
        assert len(prove_dead(found, word)) == len(found)
    else:
        with pytest.raises(Stopped):
            prove_dead(found, word)


def test_a_run_on_another_host_says_which_word_is_wanted() -> None:
    with pytest.raises(Stopped) as stopped:
        prove_dead([Owner("`dr up -s active`, process 7 on ops-2", Life.ELSEWHERE, "another host")])
    assert stopped.value.fix.endswith("dr resume --dead-host ops-2")
