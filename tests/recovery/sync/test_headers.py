"""What travels beside an object's bytes survives both clouds' rules (SYNC-1, SYNC-2)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recovery.sync.headers import Headers, azure_name, azure_value, from_azure, s3_name, s3_value, to_azure

NAMES = st.text(min_size=1, max_size=40)
VALUES = st.text(max_size=60)


@given(NAMES)
def test_a_metadata_name_is_a_legal_azure_identifier_and_comes_back_in_lower_case(name: str) -> None:
    """SYNC-2: S3 allows any header token, Azure wants C# identifiers."""
    carried = azure_name(name)
    assert carried.isidentifier() and carried.isascii(), f"Azure would refuse {carried!r}"
    assert s3_name(carried) == name.lower()


@given(VALUES)
def test_a_metadata_value_survives_a_header(value: str) -> None:
    """SYNC-2: an HTTP header carries printable ASCII without blanks at its ends."""
    carried = azure_value(value)
    assert carried.isascii() and carried == carried.strip() and "\n" not in carried
    assert s3_value(carried) == value


@given(st.dictionaries(NAMES.map(str.lower), VALUES, max_size=5))
def test_user_metadata_makes_the_round_trip(metadata: dict[str, str]) -> None:
    """BACK-2: what the user attached is still attached after Azure and back."""
    mine = {k: v for k, v in metadata.items() if not k.startswith("standby0")}
    assert from_azure(to_azure(Headers(metadata=mine))) == mine


def test_our_own_notes_never_come_back_as_the_users() -> None:
    """SYNC-2: the source's ETag on a copy is the tool's, not the user's."""
    assert from_azure({"standby0etag": "abc", "colour": "red"}) == {"colour": "red"}
