"""Azure's own published request/response pairs: exactly the true differences, and every changed value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recovery.drift.files import parse_desired, parse_live
from recovery.drift.normalizers import fold
from recovery.drift.report import Report, check
from tests.recovery.drift.strategies import changed, leaves, name_of, with_value

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "azure-put-examples"
FILES = sorted(DATA.glob("*.json")) if DATA.is_dir() else []

TRUE_DIFFERENCES = {
    "Microsoft.Compute_virtualMachineScaleSets": {"imageReference.id", "subnet.id"},
    "Microsoft.DocumentDB_databaseAccounts": {"enablePerRegionPerPartitionAutoscale"},
}

pytestmark = pytest.mark.skipif(not FILES, reason="../shared/data/azure-put-examples is not here")


def _pair(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    raw = json.loads(path.read_text())
    request = next(value for value in raw["parameters"].values() if isinstance(value, dict))
    return request, next(answer["body"] for answer in raw["responses"].values() if "body" in answer)


def _report(path: Path, request: dict[str, Any], response: dict[str, Any]) -> Report:
    arm_type = path.stem.replace("_", "/", 1).partition("_")[0]
    declared = [{"armType": arm_type, "id": response.get("id", "/x"), "inputs": request}]
    wanted = parse_desired(declared, "desired")
    return check(wanted, parse_live([response], wanted, "live"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_published_pair_has_its_true_differences_and_no_other(path: Path) -> None:
    found = {f.path for f in _report(path, *_pair(path)).findings}
    wanted = TRUE_DIFFERENCES.get(path.stem, set())
    assert len(found) == len(wanted), found
    assert all(any(p.endswith(end) for p in found) for end in wanted), found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_any_one_changed_value_of_a_published_request_is_found(path: Path) -> None:
    request, response = _pair(path)
    missed = []
    for place, value in leaves(request):
        if "password" in name_of(place).lower() or (
            value is True and name_of(place) in _never_returned(path)
        ):
            continue
        found = _report(path, with_value(request, place, changed(value)), response).findings
        if not any(fold(name_of(place)) in fold(f.path) for f in found):
            missed.append(place)
    assert missed == []


def _never_returned(path: Path) -> set[str]:
    """A true that never came back, changed to false, equals the absent one: nothing is left to find."""
    return TRUE_DIFFERENCES.get(path.stem, set())
