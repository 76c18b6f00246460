"""What cannot be changed in place, by the table and by the safety gate that reads a plan made with it."""

from __future__ import annotations

import pytest

from recovery import safety
from recovery.arm.catalogue import CATALOGUE
from recovery.arm.mutability import FIXED, Fixed, is_fixed, is_fixed_in_body
from recovery.errors import Stopped
from recovery.model import Action, Plan, Step


@pytest.mark.parametrize("row", FIXED, ids=lambda row: f"{row.token.partition(':')[2]}.{row.path}")
def test_every_row_is_of_a_known_type_names_its_source_and_covers_what_lies_below(row: Fixed) -> None:
    assert row.token in CATALOGUE
    assert row.source
    assert is_fixed(row.token, row.path)
    assert is_fixed(row.token, f"{row.path}.below") and is_fixed(row.token, f"{row.path}[0]")
    assert not is_fixed(row.token, f"{row.path}x")


@pytest.mark.parametrize(
    ("token", "path"),
    [
        ("cosmosdb:SqlResourceSqlContainer", "properties.resource.partitionKey.paths[0]"),
        ("compute:VirtualMachineScaleSet", "zones[2]"),
        ("compute:VirtualMachineScaleSet", "properties.virtualMachineProfile.osProfile.adminUsername"),
        ("network:PrivateEndpoint", "properties.subnet.id"),
    ],
)
def test_both_engines_and_the_drift_check_ask_one_table(token: str, path: str) -> None:
    """A path of a body is the program's without its envelopes."""
    assert is_fixed_in_body(f"azure-native:{token}", path)


def test_no_row_stands_twice() -> None:
    assert len({(row.token, row.path) for row in FIXED}) == len(FIXED)


@pytest.mark.parametrize("token", sorted(CATALOGUE))
def test_place_group_and_name_are_fixed_for_every_type(token: str) -> None:
    assert all(
        is_fixed(token, path) for path in ("location", "resourceGroupName", *CATALOGUE[token].path_keys)
    )


def test_no_dial_is_fixed() -> None:
    dials = (
        ("compute:VirtualMachineScaleSet", "sku.capacity"),
        ("network:ApplicationGateway", "autoscaleConfiguration.minCapacity"),
        ("eventgrid:SystemTopicEventSubscription", "filter.subjectBeginsWith"),
        ("dns:RecordSet", "aRecords"), ("dns:RecordSet", "cnameRecord.cname"), ("dns:RecordSet", "ttl"),
        ("resources:ResourceGroup", "tags.mode"),
    )  # fmt: skip
    assert not any(is_fixed(f"azure-native:{token}", path) for token, path in dials)


def test_the_safety_gate_refuses_a_replacement_by_name() -> None:
    step = Step(Action.REPLACE, "/x", "azure-native:network:PublicIPAddress", "gateway-ip", ("zones",))
    with pytest.raises(Stopped, match="gateway-ip"):
        safety.check(Plan("active", "pulumi", (step,)))
