"""The dynamic providers: pickled by reference into every checkpoint, so their names and manners are frozen (facts.md)."""

from __future__ import annotations

import base64
import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from recovery.errors import DrError
from tests.components.recording import Recording

FIRST_RELEASE = {
    "CosmosThroughput": "gASVNAAAAAAAAACMEGNvbXBvbmVudHMuZ2F0ZXOUjBhDb3Ntb3NUaHJvdWdocHV0UHJvdmlkZXKUk5QpgZQu",
    "HealthGate": "gASVLgAAAAAAAACMEGNvbXBvbmVudHMuZ2F0ZXOUjBJIZWFsdGhHYXRlUHJvdmlkZXKUk5QpgZQu",
    "ReturnGate": "gASVLgAAAAAAAACMEGNvbXBvbmVudHMuZ2F0ZXOUjBJSZXR1cm5HYXRlUHJvdmlkZXKUk5QpgZQu",
    "DrainGate": "gASVLQAAAAAAAACMEGNvbXBvbmVudHMuZ2F0ZXOUjBFEcmFpbkdhdGVQcm92aWRlcpSTlCmBlC4=",
    "ConverterPackage": "gASVNAAAAAAAAACMEGNvbXBvbmVudHMuZ2F0ZXOUjBhDb252ZXJ0ZXJQYWNrYWdlUHJvdmlkZXKUk5QpgZQu",
}
"""What `__provider` holds in the checkpoints of the first released version. Never edit a row: add new kinds."""

LATER = {
    "TableStream": "gASVLwAAAAAAAACMEGNvbXBvbmVudHMuZ2F0ZXOUjBNUYWJsZVN0cmVhbVByb3ZpZGVylJOUKYGULg==",
    "BucketEvents": "gASVMAAAAAAAAACMEGNvbXBvbmVudHMuZ2F0ZXOUjBRCdWNrZXRFdmVudHNQcm92aWRlcpSTlCmBlC4=",
    "DirectionFence": "gASVMgAAAAAAAACMEGNvbXBvbmVudHMuZ2F0ZXOUjBZEaXJlY3Rpb25GZW5jZVByb3ZpZGVylJOUKYGULg==",
    "VaultCertificate": "gASVNAAAAAAAAACMEGNvbXBvbmVudHMuZ2F0ZXOUjBhWYXVsdENlcnRpZmljYXRlUHJvdmlkZXKUk5QpgZQu",
}
"""Kinds that came afterwards, as their first checkpoint held them."""

PICKLED = FIRST_RELEASE | LATER
KINDS = sorted(PICKLED)


def provider(kind: str) -> Any:
    """The provider of a kind, as an old checkpoint brings it back."""
    return pickle.loads(base64.b64decode(PICKLED[kind]))  # noqa: S301 - the table above


@pytest.fixture
def no_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoints that cannot be read: whatever a gate would look at, it sees nothing."""
    monkeypatch.setenv("DR_ENDPOINTS", str(tmp_path / "missing.json"))
    monkeypatch.setenv("DR_GATE_LOG", str(tmp_path / "gates.log"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_of_the_first_release_still_unpickles_and_is_pickled_the_same(kind: str) -> None:
    """A renamed module or class breaks every refresh with ModuleNotFoundError; code by value would go stale."""
    known = provider(kind)
    assert (type(known).__module__, type(known).__name__) == ("components.gates", f"{kind}Provider")
    assert known.kind == kind
    assert serialize_provider(type(known)()) == PICKLED[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_takes_no_arguments_and_keeps_no_state(kind: str) -> None:
    cls = type(provider(kind))
    assert list(inspect.signature(cls).parameters) == []
    assert vars(cls()) == {}


def test_the_footprints_dynamic_types_are_the_frozen_ones(either: Recording) -> None:
    found = {d.type for d in either.resources.values() if not d.type.startswith("azure-native:")}
    of_the_source = {"TableStream", "BucketEvents"}  # stack source's own
    assert found == {f"pulumi-python:dynamic/gates:{kind}" for kind in set(KINDS) - of_the_source}


@pytest.mark.parametrize("kind", KINDS)
def test_properties_that_an_old_checkpoint_lacks_are_no_error(kind: str, no_world: None) -> None:
    """New code is given old properties: `diff` and `read` must cope with none at all."""
    known = provider(kind)
    assert known.diff("id", {}, {}).changes in (True, False)
    seen = known.read("gate:old", {})
    assert seen.id == "gate:old"
    assert seen.outs["observed"] == "unknown"
    assert seen.outs["detail"]


@pytest.mark.parametrize("kind", ["HealthGate", "ReturnGate", "DrainGate"])
def test_a_gate_that_sees_nothing_differs_from_what_is_wanted_and_holds_nothing_when_any_will_do(
    kind: str, no_world: None, either: Recording
) -> None:
    """An unknown is no pass: without a look the gate runs, and waits or fails."""
    known = provider(kind)
    [props] = [dict(d.inputs) for d in either.resources.values() if d.type.endswith(f":{kind}")]
    blind = known.read("gate", props).outs
    wanted = {"HealthGate": "healthy", "ReturnGate": "clear", "DrainGate": "drained"}[kind]
    assert known.diff("gate", blind, {**props, "want": wanted}).changes is True
    assert known.diff("gate", blind, {**props, "want": "any"}).changes is False
    for pass_gate in (known.create, lambda p: known.update("gate", blind, p)):
        with pytest.raises(DrError):
            pass_gate({**props, "want": wanted})


@pytest.mark.parametrize("kind", KINDS)
def test_deleting_a_gate_deletes_nothing(kind: str, no_world: None) -> None:
    assert provider(kind).delete("gate", {}) is None


def test_no_gate_is_told_the_mode(either: Recording) -> None:
    """A gate that echoes the mode fires on the first switch alone (facts.md)."""
    for name, found in either.resources.items():
        if found.type.startswith("pulumi-python:"):
            assert not {"mode", "observed"} & set(found.inputs), name
            assert not {"standby", "active"} & {v for v in found.inputs.values() if isinstance(v, str)}, name
