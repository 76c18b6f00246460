"""What is sent back: everything that was read, with what is declared in it, and no secret that nobody knows."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recovery.arm.merge import creation, merge, redacted, unresolved
from recovery.arm.placeholders import Unresolved
from recovery.drift.compare import compare
from recovery.model import REDACTED

names = st.sampled_from(["alpha", "beta", "gamma", "delta"])
leaves = st.one_of(st.integers(0, 9), st.booleans(), st.sampled_from(["x", "y", "z"]))
bodies = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.dictionaries(names, inner, max_size=4),
        st.lists(
            st.builds(lambda n, v: {"name": n, "value": v}, names, inner),
            max_size=3,
            unique_by=lambda i: str(i["name"]),
        ),
    ),
    max_leaves=12,
)
objects = st.dictionaries(names, bodies, max_size=4)


@given(objects, objects)
def test_after_the_merge_nothing_differs_from_what_is_declared(
    live: dict[str, Any], want: dict[str, Any]
) -> None:
    assert compare(want, merge(live, want)) == []


@given(objects)
def test_declaring_what_is_there_changes_nothing(live: dict[str, Any]) -> None:
    assert merge(live, live) == live


@given(objects)
def test_declaring_nothing_sends_back_what_was_read(live: dict[str, Any]) -> None:
    assert merge(live, {}) == live


def test_a_declared_list_is_authoritative_and_its_elements_keep_what_the_service_filled_in() -> None:
    """A rule added behind the back of the program goes; the declared one keeps its defaults."""
    live = {"properties": {"securityRules": [
        {"name": "web", "id": "/x/web", "properties": {"priority": 100, "access": "Deny", "description": "d"}},
        {"name": "stray", "properties": {"priority": 4000}},
    ]}}  # fmt: skip
    want = {
        "properties": {"securityRules": [{"name": "web", "properties": {"priority": 100, "access": "Allow"}}]}
    }
    assert merge(live, want)["properties"]["securityRules"] == [
        {
            "name": "web",
            "id": "/x/web",
            "properties": {"priority": 100, "access": "Allow", "description": "d"},
        }
    ]


def test_what_the_service_alone_may_write_is_not_sent() -> None:
    live = {"id": "/x", "name": "n", "type": "t", "etag": "e", "systemData": {}, "location": "here",
            "properties": {"provisioningState": "Succeeded", "size": 1, "parts": [{"name": "p", "etag": "f"}]}}  # fmt: skip
    assert merge(live, {"properties": {"size": 2}}) == {
        "location": "here",
        "properties": {"size": 2, "parts": [{"name": "p"}]},
    }


def test_back_references_to_own_parts_are_not_sent_unless_they_are_declared() -> None:
    """Microsoft.Network lists on each part which rules point at it, read-only."""
    own = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/applicationGateways/gw"
    rules = [{"id": f"{own}/requestRoutingRules/api"}]
    live = {
        "id": own,
        "properties": {"httpListeners": [{"name": "api", "properties": {"requestRoutingRules": rules}}]},
    }
    want: dict[str, Any] = {
        "properties": {"httpListeners": [{"name": "api", "properties": {"protocol": "Http"}}]}
    }
    assert merge(live, want)["properties"]["httpListeners"][0]["properties"] == {"protocol": "Http"}
    bare: dict[str, Any] = {"properties": {"httpListeners": [{"name": "api"}]}}
    assert merge(live, bare)["properties"]["httpListeners"] == [{"name": "api", "properties": {}}]
    want["properties"]["httpListeners"][0]["properties"]["requestRoutingRules"] = rules
    assert merge(live, want)["properties"]["httpListeners"][0]["properties"]["requestRoutingRules"] == rules


def test_a_redacted_secret_is_never_sent() -> None:
    live = {"properties": {"user": "u", "token": "kept"}}
    want = {"properties": {"user": "v", "password": REDACTED, "token": REDACTED}}
    assert merge(live, want) == {"properties": {"user": "v", "token": "kept"}}
    assert creation(want) == {"properties": {"user": "v"}}
    assert redacted(want)
    assert not redacted(creation(want))


def test_what_waits_for_another_resource_is_found_at_any_depth() -> None:
    gap = Unresolved("/x", "properties.ipAddress")
    assert unresolved({"a": [{"b": gap}], "c": 1}) == [gap]
