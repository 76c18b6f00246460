"""DynamoDB item to Cosmos document and back (SYNC-3, BACK-2)."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.sync.ids import Keys
from recovery.sync.items import (
    MAX_DOCUMENT_BYTES,
    RESERVED,
    NotAnItem,
    convert,
    convert_line,
    number,
    number_text,
    to_document,
    to_item,
)

KEYS = Keys("imageId", "chunkIndex")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = TEXT.filter(bool) | st.sampled_from(
    sorted(RESERVED | {"$", "$$", "$n", "$b", "$ss", "$id", "$imageId", "$$id", "S", "N", "imageId"})
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False).map(str)
NUMBERS = st.one_of(
    st.integers().map(str),
    st.integers(-(10**38) + 1, 10**38 - 1).map(str),
    DECIMALS,
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["0", "-0", "0.0", "1.0", "1.50", "1E+2", "1e-130", "9.99E125", "007", "+1", ".5", "5.", "NaN",
                     "Infinity", "-Infinity", "nan", "inf", "1_0", "²", "9007199254740991", "9007199254740992",
                     "0.1", "0.30000000000000004", "0.00001", "1234567890.123456789", "٣"]),
)  # fmt: skip
BINARY = st.binary(max_size=8).map(lambda raw: base64.b64encode(raw).decode())
LEAVES = st.one_of(
    st.builds(lambda v: {"S": v}, TEXT),
    st.builds(lambda v: {"N": v}, NUMBERS),
    st.builds(lambda v: {"B": v}, BINARY),
    st.builds(lambda v: {"BOOL": v}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda v: {"SS": v}, st.lists(TEXT, unique=True, max_size=3)),
    st.builds(lambda v: {"NS": v}, st.lists(NUMBERS, unique=True, max_size=3)),
    st.builds(lambda v: {"BS": v}, st.lists(BINARY, unique=True, max_size=3)),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda v: {"L": v}, st.lists(inner, max_size=3))
        | st.builds(lambda v: {"M": v}, st.dictionaries(NAMES, inner, max_size=3))
    ),
    max_leaves=8,
)
KEY_VALUES = st.one_of(
    st.builds(lambda v: {"S": v}, TEXT),
    st.builds(lambda v: {"N": v}, NUMBERS),
    st.builds(lambda v: {"B": v}, BINARY),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Keys, dict[str, Any]]:
    """A table's keys and one item of it; key names may be anything, Cosmos's own included."""
    partition = draw(NAMES)
    sort = draw(st.none() | NAMES.filter(lambda name: name != partition))
    item = draw(st.dictionaries(NAMES, VALUES, max_size=5))
    item[partition] = draw(KEY_VALUES)
    if sort is not None:
        item[sort] = draw(KEY_VALUES)
    return Keys(partition, sort), item


@given(tables())
@settings(max_examples=400, deadline=None)
def test_to_cosmos_and_back_is_the_identity_for_any_item(table: tuple[Keys, dict[str, Any]]) -> None:
    """Total and reversible for every DynamoDB type, through real JSON bytes, digit for digit."""
    keys, item = table
    back = to_item(orjson.loads(convert(item, keys, {"t": 1}).body))
    assert back == item


@given(tables())
@settings(deadline=None)
def test_a_document_survives_what_cosmos_does_to_it(table: tuple[Keys, dict[str, Any]]) -> None:
    """Cosmos adds its own properties and keeps numbers as doubles; the item comes back all the same."""
    keys, item = table

    def doubled(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: doubled(v) for k, v in value.items()}
        if isinstance(value, list):
            return [doubled(v) for v in value]
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    stored = json.loads(json.dumps(doubled(to_document(item, keys))))
    stored |= {"_rid": "a==", "_etag": '"0"', "_ts": 1, "_self": "s", "_attachments": "x/", "_lsn": 3}
    assert to_item(stored) == item


@given(tables())
@settings(deadline=None)
def test_the_partition_value_is_a_scalar_under_its_own_name(table: tuple[Keys, dict[str, Any]]) -> None:
    """SYNC-3, same partitioning: Cosmos partitions by a scalar at /imageId, whatever type the key has."""
    keys, item = table
    converted = convert(item, keys)
    assert isinstance(converted.partition, str | int | float)
    if (typed := item[keys.partition]).keys() == {"S"}:
        assert converted.partition == typed["S"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("42", 42), ("-7", -7), ("0.1", 0.1), ("-12.25", -12.25), ("999999999999999", 999999999999999),
        ("9007199254740991", 9007199254740991), ("0.30000000000000004", 0.30000000000000004),
    ],
)  # fmt: skip
def test_ordinary_numbers_stay_numbers(text: str, value: float) -> None:
    """Queries in Cosmos compare numbers, so only what would be damaged is tagged."""
    assert number(text) == value
    assert type(number(text)) is type(value)
    assert number_text(number(text)) == text


@pytest.mark.parametrize(
    "text",
    ["9007199254740992", "12345678901234567890123456789012345678", "1.0", "1E+2", "-0", "007", "NaN", "Infinity",
     "1e400", "0.1000000000000000055511151231257827", "0.00001", "", "-", "²", "٣", "1_000"],
)  # fmt: skip
def test_numbers_that_a_double_would_change_are_kept_as_tagged_text(text: str) -> None:
    """facts.md, Data: above 15-17 digits keep the string with a type tag; non-finite text too."""
    assert number(text) == {"$n": text}


def test_names_that_collide_with_cosmos_or_with_our_tags_are_escaped() -> None:
    """An attribute `ttl` must not make Cosmos delete the document."""
    item = {"imageId": {"S": "i"}, "chunkIndex": {"N": "0"}, "id": {"S": "x"}, "ttl": {"N": "5"}, "$n": {"S": "y"},
            "m": {"M": {"id": {"S": "in"}, "$b": {"S": "z"}}}}  # fmt: skip
    assert to_document(item, KEYS) == {
        "id": "i:=0", "imageId": "i", "chunkIndex": 0, "$id": "x", "$ttl": 5, "$$n": "y",
        "m": {"id": "in", "$$b": "z"},
    }  # fmt: skip


def test_a_document_written_in_azure_becomes_an_item() -> None:
    """BACK-2: what the converter wrote during the contingency has no tags, and loses only Cosmos's own names."""
    document = {
        "id": "cat:=0",
        "imageId": "cat",
        "chunkIndex": 0,
        "content": "aGk=",
        "size": 4000.0,
        "_ts": 9,
        "ttl": -1,
    }
    assert to_item(document) == {
        "imageId": {"S": "cat"}, "chunkIndex": {"N": "0"}, "content": {"S": "aGk="}, "size": {"N": "4000"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("inf"), "no form"), (float("nan"), "no form"), (1e200, "range"), (1e-200, "range"),
        (10**40, "38 digits"), ({"$n": 5}, "not text"), ({"$ss": "x"}, "not text"), ({"$ss": [1]}, "not text"),
        ({"$what": 1, "b": 2}, "looks like a tag"), ([{"$n": None}], "not text"),
    ],
)  # fmt: skip
def test_what_dynamodb_has_no_form_for_is_refused_in_words(value: Any, why: str) -> None:
    """Nothing is rounded, dropped or guessed on the way back."""
    with pytest.raises(NotAnItem, match=why):
        to_item({"imageId": "i", "v": value})


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"S": 5}, "S holds a int"), ({"N": 5}, "N holds a int"), ({"X": "a"}, "unknown type 'X'"), ({}, "tag"),
        ({"S": "a", "N": "1"}, "tag"), ({"BOOL": "true"}, "BOOL holds a str"), ({"NULL": False}, "NULL"), ({"L": {}}, "L holds"),
        ({"L": "ab"}, "L holds"), ({"M": []}, "M holds"), ({"SS": "ab"}, "SS holds"), ({"NS": [1]}, "NS holds"), ("text", "tag"),
        (None, "tag"), ({"M": {"a": {"S": 1}}}, "S holds"),
    ],
)  # fmt: skip
def test_what_is_no_item_is_refused_with_its_key(value: Any, why: str) -> None:
    """A malformed line is counted and reported by key, never converted half."""
    with pytest.raises(NotAnItem, match=why) as caught:
        to_document({"imageId": {"S": "img-9"}, "chunkIndex": {"N": "0"}, "v": value}, KEYS)
    assert "img-9" in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b'{"Keys":{}}', b'{"Item":{}}', b'{"Item":7}', b'{"Item":{"imageId":{"S":"a"}}}'],
)
def test_a_line_that_is_no_export_line_is_refused(line: bytes) -> None:
    """Truncated or foreign lines of an export."""
    with pytest.raises(NotAnItem):
        convert_line(line, KEYS)


def test_an_over_size_document_is_reported_with_its_size_and_not_dropped() -> None:
    """More than 2 MB is reported. An item of 400 KB can get there: many tiny values, each with a tag."""
    item = {"imageId": {"S": "i"}, "chunkIndex": {"N": "0"}, "v": {"L": [{"B": ""}] * 300_000}}
    converted = convert(item, KEYS)
    assert converted.size > MAX_DOCUMENT_BYTES
    assert converted.problem == f"the document has {converted.size} bytes, Cosmos takes 2097152"
    assert to_item(orjson.loads(converted.body)) == item


def test_the_origin_travels_in_the_document_and_not_into_the_item() -> None:
    """design.md, Directions and fencing: a write carries its source's time."""
    line = json.dumps({"Item": {"imageId": {"S": "i"}, "chunkIndex": {"N": "1"}}}).encode()
    document = orjson.loads(convert_line(line, KEYS, {"t": 1700000000}).body)
    assert document["$"] == {"t": 1700000000}
    assert to_item(document) == {"imageId": {"S": "i"}, "chunkIndex": {"N": "1"}}


@given(NUMBERS)
@settings(deadline=None)
def test_a_number_keeps_its_value_either_way(text: str) -> None:
    """Second opinion by Decimal on what `number` keeps untagged."""
    kept = number(text)
    if not isinstance(kept, dict):
        assert Decimal(number_text(kept)) == Decimal(text)


def test_boto3_reads_the_same_values() -> None:
    """Second opinion by the AWS SDK's own deserializer."""
    types = pytest.importorskip("boto3.dynamodb.types", reason="boto3 is not installed")
    item = {"imageId": {"S": "i"}, "chunkIndex": {"N": "3"}, "f": {"N": "2.5"}, "l": {"L": [{"BOOL": True}, {"NULL": True}]},
            "m": {"M": {"a": {"S": "b"}}}}  # fmt: skip
    read = {name: types.TypeDeserializer().deserialize(typed) for name, typed in item.items()}
    document = to_document(item, KEYS)
    assert {name: document[name] for name in item} == read
