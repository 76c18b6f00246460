"""The generic comparison: properties for the rule, tables for the quirks."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.arm.placeholders import Unresolved
from recovery.drift.compare import Kind, compare
from recovery.drift.normalizers import fold
from recovery.model import REDACTED
from tests.recovery.drift.strategies import (
    as_the_service_gives_it_back,
    bodies,
    changed,
    leaves,
    name_of,
    with_value,
)


@given(bodies)
def test_a_state_compared_with_itself_is_clean(body: dict[str, Any]) -> None:
    assert compare(body, body) == []


@given(bodies, st.integers())
def test_order_case_and_what_the_service_adds_are_no_differences(body: dict[str, Any], seed: int) -> None:
    assert compare(body, as_the_service_gives_it_back(body, random.Random(seed))) == []  # noqa: S311 (no secret)


@given(bodies, st.data())
def test_any_one_changed_value_is_found_under_its_own_name(body: dict[str, Any], data: st.DataObject) -> None:
    path, value = data.draw(st.sampled_from(list(leaves(body))))
    found = compare(with_value(body, path, changed(value)), body)
    assert any(fold(name_of(path)) in fold(d.path) for d in found), (path, found)


@pytest.mark.parametrize("empty", [False, None, "", [], {}], ids=repr)
def test_a_declared_nothing_equals_an_absent_one(empty: object) -> None:
    assert compare({"properties": {"a": empty}}, {"properties": {}}) == []


@pytest.mark.parametrize("value", [True, 1, 0, "x", ["x"], {"b": True}], ids=repr)
def test_a_declared_something_that_does_not_come_back_is_a_difference(value: object) -> None:
    assert [d.kind for d in compare({"properties": {"a": value}}, {"properties": {}})] == [Kind.ABSENT]


def test_flat_and_nested_inputs_are_the_same_to_it() -> None:
    live = {
        "properties": {"subnets": [{"name": "a", "id": "/x", "properties": {"addressPrefix": "10.0.0.0/24"}}]}
    }
    flat = {"subnets": [{"name": "a", "addressPrefix": "10.0.0.0/24"}]}
    assert compare(flat, live) == []
    [found] = compare({"subnets": [{"name": "a", "addressPrefix": "10.0.1.0/24"}]}, live)
    assert found.path == "properties.subnets[a].properties.addressPrefix"


def test_a_flat_name_that_both_levels_have_may_mean_either() -> None:
    live = {"type": "Microsoft.DataFactory/factories/datasets", "properties": {"type": "AzureBlob"}}
    assert compare({"type": "AzureBlob"}, live) == []
    assert compare({"type": "microsoft.datafactory/factories/datasets"}, live) == []
    assert len(compare({"type": "Table"}, live)) == 1
    assert len(compare({"type": "AzureBlob", "properties": {}}, live)) == 1, (
        "nested inputs say which level they mean"
    )


def test_an_element_added_to_a_declared_list_is_a_difference() -> None:
    rule = {"name": "https", "properties": {"priority": 100}}
    stranger = {"name": "ssh-from-anywhere", "properties": {"priority": 110}}
    [found] = compare(
        {"properties": {"securityRules": [rule]}}, {"properties": {"securityRules": [rule, stranger]}}
    )
    assert (found.kind, found.path) == (Kind.EXTRA, "properties.securityRules[ssh-from-anywhere]")


def test_a_list_of_identity_ids_meets_the_map_that_arm_makes_of_it() -> None:
    id = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
    live = {"identity": {"userAssignedIdentities": {id.lower(): {"principalId": "p"}}}}
    assert compare({"identity": {"userAssignedIdentities": [id]}}, live) == []
    assert compare({"identity": {"userAssignedIdentities": {id: {}}}}, live) == []
    [found] = compare({"identity": {"userAssignedIdentities": [id + "x"]}}, live)
    assert "userAssignedIdentities" in found.path


def test_a_password_is_neither_compared_nor_printed() -> None:
    want = {"properties": {"osProfile": {"adminPassword": "canary-1", "adminUsername": "me"}}}
    assert compare(want, {"properties": {"osProfile": {"adminUsername": "me"}}}) == []
    assert (
        compare(want, {"properties": {"osProfile": {"adminUsername": "me", "adminPassword": "canary-2"}}})
        == []
    )


def test_a_secret_that_comes_back_in_the_clear_is_compared_and_not_printed() -> None:
    [found] = compare({"properties": {"sharedKey": "canary-1"}}, {"properties": {"sharedKey": "canary-2"}})
    assert (found.want, found.have) == (REDACTED, REDACTED)
    assert compare({"properties": {"sharedKey": "canary-1"}}, {"properties": {"sharedKey": "*****"}}) == []


def test_a_secret_inside_an_added_element_is_not_printed() -> None:
    live = {"properties": {"users": [{"name": "a"}, {"name": "b", "password": "canary"}]}}
    [found] = compare({"properties": {"users": [{"name": "a"}]}}, live)
    assert "canary" not in str(found)


def test_what_depends_on_an_unknown_value_is_unknown_and_not_equal() -> None:
    want = {"properties": {"ARecords": [{"ipv4Address": Unresolved("/pip", "properties.ipAddress")}]}}
    [found] = compare(want, {"properties": {"ARecords": [{"ipv4Address": "192.0.2.1"}]}})
    assert (found.kind, found.depends_on) == (Kind.UNKNOWN, "/pip")


@pytest.mark.parametrize("key", ["odataType", "odata.type", "ODATA_TYPE"])
def test_a_property_is_found_whatever_its_punctuation(key: str) -> None:
    live = {"properties": {"criteria": {"odata.type": "A"}}}
    assert compare({"properties": {"criteria": {key: "A"}}}, live) == []
    [found] = compare({"properties": {"criteria": {key: "B"}}}, live)
    assert found.path == "properties.criteria.odata.type"


def test_an_element_under_another_identity_is_that_one_difference() -> None:
    nic = {
        "id": "/subscriptions/S/providers/Microsoft.Network/networkInterfaces/a",
        "properties": {"primary": True},
    }
    other = {**nic, "id": nic["id"][:-1] + "b"}
    found = compare({"networkInterfaces": [nic]}, {"networkInterfaces": [other]})
    assert [(d.path, d.want, d.have) for d in found] == [("networkInterfaces[a].id", nic["id"], other["id"])]


def test_two_elements_that_have_little_in_common_are_one_missing_and_one_added() -> None:
    want = {"name": "https", "port": 443, "access": "Allow", "direction": "Inbound"}
    have = {"name": "ssh", "port": 22, "access": "Allow", "direction": "Outbound"}
    kinds = {d.kind for d in compare({"rules": [want]}, {"rules": [have]})}
    assert kinds == {Kind.ABSENT, Kind.EXTRA}


def test_a_value_whose_object_says_that_it_is_secret_need_not_come_back() -> None:
    argument = {"name": "a", "isSecret": True, "value": "canary"}
    assert compare({"arguments": [argument]}, {"arguments": [{"name": "a", "isSecret": True}]}) == []
    [found] = compare({"arguments": [argument]}, {"arguments": [{**argument, "value": "other"}]})
    assert "canary" not in repr(found)


def test_a_setting_about_passwords_is_no_password() -> None:
    [found] = compare({"syncNtlmPasswords": "Disabled"}, {"syncNtlmPasswords": "Enabled"})
    assert found.want == "Disabled"


def test_a_write_only_url_is_compared_with_the_base_that_is_answered_in_its_place() -> None:
    live = {"properties": {"endpointBaseUrl": "https://a.example.com/hook"}}
    assert compare({"properties": {"endpointUrl": "https://a.example.com/hook?code=1"}}, live) == []
    [found] = compare({"properties": {"endpointUrl": "https://a.example.com/other"}}, live)
    assert found.path == "properties.endpointUrl"


def test_a_text_with_a_secret_in_it_is_compared_and_not_printed() -> None:
    [found] = compare({"script": "login --password=canary"}, {"script": "login --password=other"})
    assert "canary" not in repr(found) and "other" not in repr(found)


def test_long_lists_without_identity_are_compared_in_bounded_time() -> None:
    want = [{"port": n, "weight": 1} for n in range(1000)]
    found = compare({"targets": want}, {"targets": [{"port": n, "weight": 2} for n in range(1000)]})
    assert len(found) == 1000 and {d.path[-6:] for d in found} == {"weight"}
