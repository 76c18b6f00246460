"""Checkpoints rewritten for the other stack (hand-over; facts.md "Hand-over and secrets")."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.checkpoint import (
    Rename,
    outputs,
    pending_operations,
    rewrite,
    secrets_providers,
    settled,
    verify,
)
from recovery.errors import BadInput, Failed, Stopped

THERE, BACK = Rename("standby", "standby", "active"), Rename("standby", "active", "standby")
SECRET = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    "plaintext": '"urn:pulumi:standby::"',
}
PROVIDER = {"type": "passphrase", "state": {"salt": "v1:target"}}


def urn(name: str, type_: str = "azure-native:network:PublicIPAddress", stack: str = "standby") -> str:
    return f"urn:pulumi:{stack}::standby::{type_}::{name}"


def checkpoint() -> dict[str, Any]:
    stack = urn("standby-standby", "pulumi:pulumi:Stack")
    provider = urn("default_3_29_0", "pulumi:providers:azure-native")
    reference = urn("organization/standby/standby", "pulumi:pulumi:StackReference")
    resources: list[dict[str, Any]] = [
        {"urn": stack, "type": "pulumi:pulumi:Stack", "outputs": {"footprint": "f1", "mode": "standby"}},
        {"urn": provider, "type": "pulumi:providers:azure-native", "id": "p1"},
        {"urn": reference, "type": "pulumi:pulumi:StackReference", "id": "organization/standby/standby",
         "inputs": {"name": "organization/standby/standby"}, "outputs": {"name": "organization/standby/standby"}},
        {"urn": urn("pip"), "type": "azure-native:network:PublicIPAddress", "id": "/pip", "parent": stack,
         "provider": f"{provider}::p1", "dependencies": [reference], "propertyDependencies": {"sku": [reference], "x": None},
         "deletedWith": stack, "aliases": [urn("old")],
         "inputs": {"tags": {"note": "urn:pulumi:standby::standby::a::b"}, "key": SECRET},
         "outputs": {"ref": {"4dabf18193072939515e22adb298388d": "5cf8f73096256a8f31e491e813e4eb8e", "urn": urn("vnet")}}},
        {"urn": urn("gate", "standby:azure:X$pulumi-python:gates:HealthGate"), "type": "pulumi-python:gates:HealthGate",
         "id": "gate", "provider": "urn:pulumi:elsewhere::standby::pulumi:providers:x::y::1"},
    ]  # fmt: skip
    deployment = {
        "resources": resources,
        "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:source"}},
    }
    return {"version": 3, "deployment": deployment}


def test_every_field_that_names_a_urn_names_the_target_and_nothing_else_is_touched() -> None:
    """A tag or a secret may contain the words of a URN: they stay as they are (field by field, never by text)."""
    out = rewrite(checkpoint(), THERE, PROVIDER)
    stack, provider, reference, pip, gate = out["deployment"]["resources"]
    assert stack["urn"] == urn("standby-active", "pulumi:pulumi:Stack", "active")
    assert provider["urn"] == urn("default_3_29_0", "pulumi:providers:azure-native", "active")
    assert (reference["id"], reference["inputs"]["name"], reference["outputs"]["name"]) == (
        "organization/standby/active",
    ) * 3
    assert pip["parent"] == pip["deletedWith"] == stack["urn"]
    assert pip["provider"] == f"{provider['urn']}::p1"
    assert pip["dependencies"] == pip["propertyDependencies"]["sku"] == [reference["urn"]]
    assert pip["aliases"] == [urn("old", stack="active")]
    assert pip["outputs"]["ref"]["urn"] == urn("vnet", stack="active")
    assert pip["inputs"] == {"tags": {"note": "urn:pulumi:standby::standby::a::b"}, "key": SECRET}
    assert gate["provider"].startswith("urn:pulumi:elsewhere::")
    assert secrets_providers(out) == PROVIDER
    assert outputs(out) == {"footprint": "f1", "mode": "standby"}  # the stamp travels along


def test_there_and_back_is_where_it_began() -> None:
    first = checkpoint()
    before = copy.deepcopy(first)
    again = rewrite(rewrite(first, THERE, PROVIDER), BACK, secrets_providers(first))
    assert first == before, "the source must not be changed in place"
    assert again == first


names = st.text("abc-:$/", min_size=1, max_size=8)


@given(names, st.sampled_from(["standby", "active", "elsewhere"]), st.sampled_from(["standby", "other"]))
def test_a_urn_of_another_stack_or_project_is_never_renamed(name: str, stack: str, project: str) -> None:
    one = f"urn:pulumi:{stack}::{project}::azure-native:network:PublicIPAddress::{name}"
    renamed = THERE.urn(one)
    if (stack, project) == ("standby", "standby"):
        assert BACK.urn(renamed) == one
        assert renamed != one
    else:
        assert renamed == one


def test_a_source_with_pending_operations_is_refused_and_names_resume() -> None:
    """Importing would drop the knowledge that they may be half done (facts.md)."""
    cut_off = checkpoint()
    cut_off["deployment"]["pending_operations"] = [{"type": "creating", "resource": {"urn": urn("vmss")}}]
    assert pending_operations(cut_off) == [("creating", urn("vmss"))]
    with pytest.raises(Stopped, match="creating vmss") as stopped:
        rewrite(cut_off, THERE, PROVIDER)
    assert "dr resume" in stopped.value.fix


def test_a_create_that_came_to_exist_becomes_a_resource_and_what_never_arrived_is_forgotten() -> None:
    """An interrupted up can simply be run again: what exists is not made twice."""
    before = checkpoint()
    begun = [
        {
            "type": "creating",
            "resource": {"urn": urn(name), "type": "t", "inputs": {"a": SECRET}, "parent": "p"},
        }
        for name in ("nsg", "never")
    ]
    cut_off = copy.deepcopy(before)
    cut_off["deployment"]["pending_operations"] = [
        *begun,
        {"type": "updating", "resource": {"urn": urn("vmss")}},
    ]
    after = settled(cut_off, {urn("nsg"): "/there"})
    assert pending_operations(after) == []
    held = before["deployment"]["resources"]
    assert after["deployment"]["resources"] == [*held, {**begun[0]["resource"], "id": "/there"}]
    again = copy.deepcopy(after)
    again["deployment"]["pending_operations"] = begun[:1]
    assert settled(again, {urn("nsg"): "/there"}) == after, "what the state knows already is taken in once"


def test_a_target_without_a_secrets_provider_is_refused_before_the_cli_panics() -> None:
    with pytest.raises(BadInput):
        rewrite(checkpoint(), THERE, {})


def test_the_count_agrees_only_when_each_resource_arrived_under_its_name_and_id() -> None:
    source = checkpoint()
    target = rewrite(source, THERE, PROVIDER)
    assert verify(source, target, THERE) == 5
    lost = json.loads(json.dumps(target))
    lost["deployment"]["resources"].pop()
    with pytest.raises(Failed, match="1 missing"):
        verify(source, lost, THERE)
    changed = json.loads(json.dumps(target))
    changed["deployment"]["resources"][3]["id"] = "/another"
    with pytest.raises(Failed, match="1 missing, 1 extra"):
        verify(source, changed, THERE)
