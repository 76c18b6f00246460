"""The catalogue against the installed azure-native: versions and path keys are facts, not memories."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from recovery.arm.catalogue import CATALOGUE, ArmType


def _source(row: ArmType) -> str:
    found = importlib.util.find_spec("pulumi_azure_native")  # finds it without importing it
    assert found is not None
    assert found.origin is not None
    _, module, name = row.token.split(":")
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return (Path(found.origin).parent / module / f"{snake}.py").read_text()


IN_ARM = [row for row in CATALOGUE.values() if row.api_version]  # a static website is the data plane's


@pytest.mark.parametrize("row", IN_ARM, ids=lambda row: row.token)
def test_the_api_version_is_the_one_that_azure_native_uses(row: ArmType) -> None:
    version = re.search(r"Uses Azure REST API version (\d{4}-\d\d-\d\d(?:-preview)?)", _source(row))
    assert version is not None
    assert version[1] == row.api_version


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=lambda row: row.token)
def test_every_path_key_is_an_input_of_the_class(row: ArmType) -> None:
    inputs = set(re.findall(r'@pulumi\.getter\(name="(\w+)"\)', _source(row))) | {"name", "scope"}
    assert set(row.path_keys) <= inputs


def test_an_id_is_filled_from_explicit_names_and_a_missing_one_is_named() -> None:
    row = CATALOGUE["azure-native:dns:RecordSet"]
    names = {
        "resourceGroupName": "rg",
        "zoneName": "demay.com",
        "recordType": "A",
        "relativeRecordSetName": "@",
    }
    assert (
        row.id("S", names)
        == "/subscriptions/S/resourceGroups/rg/providers/Microsoft.Network/dnsZones/demay.com/A/@"
    )
    with pytest.raises(KeyError, match="zoneName"):
        row.id("S", {"resourceGroupName": "rg"})
