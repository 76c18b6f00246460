"""What differs, and what a refresh makes of the old inputs: rules, by property (localcloud/provider)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from localcloud.provider.differences import differences, refreshed, same
from localcloud.provider.wire import to_plain, to_struct

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab/ ", max_size=3)
keys = st.sampled_from(["a", "b", "location", "tags", "x.y"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(keys, values, max_size=4)


@given(objects)
def test_a_struct_comes_back_as_it_went(value: dict[str, Any]) -> None:
    assert to_plain(to_struct(value)) == value


@given(objects)
def test_nothing_differs_from_itself(value: dict[str, Any]) -> None:
    assert differences(value, value) == []
    assert same(value, value)


@given(objects, objects)
def test_differences_are_found_exactly_where_two_values_are_not_the_same(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    assert (differences(one, two) == []) == same(one, two)


@given(objects, objects)
def test_a_resource_that_did_not_change_keeps_its_inputs_whatever_the_service_made_of_them(
    inputs: dict[str, Any], outputs: dict[str, Any]
) -> None:
    assert refreshed(inputs, outputs, outputs) == inputs


@given(objects, objects, objects)
def test_a_refresh_is_settled_after_once(
    inputs: dict[str, Any], before: dict[str, Any], now: dict[str, Any]
) -> None:
    once = refreshed(inputs, before, now)
    assert refreshed(once, now, now) == once


@given(st.dictionaries(st.sampled_from("abc"), st.integers(), min_size=1), st.data())
def test_every_value_that_changed_behind_our_back_arrives(inputs: dict[str, int], data: Any) -> None:
    key = data.draw(st.sampled_from(sorted(inputs)))
    now = {**inputs, key: inputs[key] + 1}
    assert refreshed(inputs, inputs, now) == now
