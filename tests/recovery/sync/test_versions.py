"""What both clouds were seen to have is a set that is never wrong about what it was told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.sync.versions import WIDTH, Versions

KEYS = st.text(max_size=6)
PAIRS = st.lists(st.tuples(KEYS, st.text(min_size=1, max_size=6)), max_size=30)


@given(PAIRS, KEYS, st.text(max_size=6))
def test_it_is_a_set_also_after_a_blob(pairs: list[tuple[str, str]], key: str, etag: str) -> None:
    """BACK-2: nothing noted is forgotten, nothing else is believed, in any order, before and after it was kept."""
    made = Versions()
    for one in pairs:
        made.add(*one)
    again = Versions.of(made.to_bytes())
    for version in [*pairs, (key, etag)]:
        assert made.had(*version) == again.had(*version) == (version in pairs)
    assert len(made.to_bytes()) == WIDTH * len(made)


def test_it_takes_more_after_it_was_asked() -> None:
    """BACK-2: asked and told in turn."""
    made = Versions()
    for number in range(100):
        assert not made.had("a", str(number))
        made.add("a", str(number))
        assert made.had("a", str(number))


def test_an_object_without_an_etag_was_never_seen() -> None:
    """BACK-2: unknown is not "both had it"."""
    made = Versions()
    made.add("a", "")
    assert (len(made), made.had("a", "")) == (0, False)


def test_a_torn_blob_is_refused() -> None:
    """BACK-2: half a file must not answer."""
    with pytest.raises(ValueError, match="9 bytes"):
        Versions.of(b"123456789")
