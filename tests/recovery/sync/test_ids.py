"""Cosmos ids: unique and legal for any key (SYNC-3)."""

from __future__ import annotations

import base64
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.sync.ids import MAX_ID_BYTES, Keys, document_id, part, shortest

ONE = Keys("k")
TWO = Keys("k", "s")
TRICKY = st.text(alphabet="a0:=*~.he/\\?#E2 \n%é\U0001f600-", max_size=6) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=6
)
DIGITS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**60), max_value=10**60)
KEYS = st.one_of(
    st.tuples(st.just("S"), TRICKY),
    st.tuples(st.just("N"), DIGITS.map(str)),
    st.tuples(st.just("B"), st.binary(max_size=6).map(lambda raw: base64.b64encode(raw).decode())),
)


def identity(key: tuple[str, str]) -> tuple[str, object]:
    """What makes two key values one key to DynamoDB: numbers by value, all else by content."""
    return (key[0], Decimal(key[1])) if key[0] == "N" else key


@given(st.lists(st.tuples(KEYS, KEYS), max_size=12))
@settings(deadline=None)
def test_ids_are_unique_for_unique_keys_and_one_for_one_key(
    pairs: list[tuple[tuple[str, str], tuple[str, str]]],
) -> None:
    """Injective, over all types at once; 1 and 1.0 are one key."""
    ids = {
        (identity(a), identity(b)): document_id({"k": {a[0]: a[1]}, "s": {b[0]: b[1]}}, TWO) for a, b in pairs
    }
    assert len(set(ids.values())) == len(ids)


@given(KEYS, st.integers(1, 3000))
@settings(deadline=None)
def test_ids_are_legal_for_any_key(key: tuple[str, str], repeat: int) -> None:
    """Cosmos: at most 1023 bytes, none of / \\ ? #; and ours are plain ASCII, never empty, never dots alone."""
    text = key[1] * repeat if key[0] == "S" else key[1]
    made = document_id({"k": {key[0]: text}}, ONE)
    assert 0 < len(made.encode()) <= MAX_ID_BYTES
    assert made.isascii()
    assert made.isprintable()
    assert not set(made) & set("/\\?# %+")
    assert not made.startswith(".")


def test_long_keys_are_hashed_and_stay_apart() -> None:
    """A key of 2048 bytes has no room in an id."""
    long, longer = "x" * 1024, "x" * 2048
    first, second = (document_id({"k": {"S": key}}, ONE) for key in (long, longer))
    assert first != second
    assert first.startswith("~h")
    assert len(first) == 66
    assert document_id({"k": {"S": "x" * 1023}}, ONE) == "x" * 1023


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ({"S": "cat-7.jpg"}, "cat-7.jpg"), ({"S": "a/b"}, "a~2Fb"), ({"S": ""}, "~e"), ({"S": ".."}, "~2E."),
        ({"S": "~h"}, "~7Eh"), ({"S": "=1"}, "~3D1"), ({"N": "1.0"}, "=1"), ({"B": "AAH/"}, "*AAH_"), ({"S": "é"}, "~C3~A9"),
        ({"S": "photo\n"}, "photo~0A"),
    ],
)  # fmt: skip
def test_the_form_of_an_id_is_fixed(typed: dict[str, str], made: str) -> None:
    """Ids are stored: changing their form would duplicate every document."""
    assert part(typed) == made


def test_the_id_of_a_chunk_reads_well() -> None:
    """image-app's key: imageId and chunkIndex; the converter writes the same."""
    key = {"imageId": {"S": "cat-7.jpg"}, "chunkIndex": {"N": "0"}}
    assert document_id(key, Keys("imageId", "chunkIndex")) == "cat-7.jpg:=0"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("0", "0"), ("-0.00", "0"), ("1200", "1200"), ("1.20E3", "1200"), ("+5", "5"), ("1E30", "1E30"), ("10E29", "1E30"),
        ("0.050", "0.05"), ("5E-2", "0.05"), ("-1.5", "-1.5"), ("1E-40", "1E-40"), (".5", "0.5"), ("5.", "5"), ("NaN", "NaN"),
    ],
)  # fmt: skip
def test_equal_numbers_have_one_shortest_form(text: str, short: str) -> None:
    """DynamoDB compares number keys by value."""
    assert shortest(text) == short


@given(DIGITS, DIGITS)
@settings(deadline=None)
def test_shortest_forms_agree_exactly_when_the_values_do(a: Decimal, b: Decimal) -> None:
    """The rule behind unique number keys."""
    assert (shortest(str(a)) == shortest(str(b))) == (a == b)
    assert Decimal(shortest(str(a))) == a


@pytest.mark.parametrize("typed", [{"BOOL": True}, {"SS": ["a"]}, {"S": 5}, {"B": "not base64!"}, {}])
def test_what_can_be_no_key_is_refused(typed: dict[str, object]) -> None:
    """DynamoDB keys are S, N or B."""
    with pytest.raises(ValueError, match=r"key|unpack"):
        part(typed)
