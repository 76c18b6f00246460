"""The order of a run comes from the declaration alone: what a resource waits for is done before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.arm.placeholders import placeholder
from recovery.errors import BadInput
from recovery.model import Desired
from recovery.order import edges, excluded, ordered


def node(id: str, *depends: str, **inputs: str) -> Desired:
    return Desired(
        "azure-native:x:Y", "", id, inputs, {"name": id.rsplit("/", 1)[-1], "dependsOn": list(depends)}
    )


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30), st.randoms())
def test_everything_comes_after_what_it_waits_for(pairs: list[tuple[int, int]], chance: object) -> None:
    """dependsOn points from higher to lower numbers here, so that there is no circle."""
    depends: dict[int, list[str]] = {}
    for a, b in pairs:
        if a != b:
            depends.setdefault(max(a, b), []).append(f"/N{min(a, b)}")
    nodes = [node(f"/n{i}", *depends.get(i, [])) for i in range(12)]
    getattr(chance, "shuffle")(nodes)  # noqa: B009 (hypothesis gives a random.Random typed as object)
    place = {d.id: i for i, d in enumerate(ordered(nodes))}
    assert len(place) == 12
    for number, before in depends.items():
        assert all(place[b.lower()] < place[f"/n{number}"] for b in before)


def test_a_value_that_another_resource_must_have_first_is_a_dependency() -> None:
    record = node("/zone/A/dr", target=f"https://{placeholder('/IP', 'properties.ipAddress')}/")
    assert edges([record, node("/ip")])["/zone/a/dr"] == {"/ip"}


def test_a_child_comes_after_its_parent_and_its_grandparent() -> None:
    found = edges([node("/a/b/c/d"), node("/a/b"), node("/a")])
    assert found["/a/b/c/d"] == {"/a/b", "/a"}


def test_a_circle_is_named() -> None:
    with pytest.raises(BadInput, match=r"/a -> /b|/b -> /a"):
        ordered([node("/a", "/b"), node("/b", "/a")])


@pytest.mark.parametrize(
    ("pattern", "hit"),
    [("**-record", True), ("*-record", True), ("apex-record", True), ("/z/A/apex-record", True),
     ("**RecordSet::apex-record", False), ("**::apex-record", True), ("**-name", False)],
)  # fmt: skip
def test_exclude_patterns_are_matched_on_the_urns_last_part(pattern: str, hit: bool) -> None:
    assert excluded(node("/z/A/apex-record"), [pattern]) is hit
