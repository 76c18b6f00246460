"""The footprint's stamp: equal in both modes, another one when anything but the mode has changed."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from components.schema import FIELDS, SettingsError, checked
from components.settings import Mode, Settings, build, from_files, package_hash
from tests.components.recording import ROOT

RUNBOOKS_OWN = {"people", "channels"}
"""Whom to ask and whom to tell: a new approver is no other footprint."""
CHANGEABLE = sorted(set(FIELDS) - {"mode", "site"} - RUNBOOKS_OWN)  # there is one site as yet
LETTERS = st.text(string.ascii_lowercase, min_size=1, max_size=3)


def stack_values() -> dict[str, Any]:
    """The values of the stack file, by setting."""
    import yaml

    config = yaml.safe_load((ROOT / "Pulumi.standby.yaml").read_text())["config"]
    return checked({k.partition(":")[2]: v for k, v in config.items()}, "Pulumi.standby.yaml")


BASE = stack_values()


def another(key: str) -> st.SearchStrategy[Any]:
    """Other values of a setting; what its rule refuses is left out."""
    value, field = BASE[key], FIELDS[key]
    special: dict[str, st.SearchStrategy[Any]] = {
        "database.throughputKind": st.just("autoscale"),
        "gateway.certificateSecretId": LETTERS.map(lambda s: f"https://kv.vault.azure.net/secrets/{s}"),
        "primary.apexAddresses": st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=3),
        "network.operators": st.lists(st.just("198.51.100.7/32"), min_size=1, max_size=1),
        "monitoring.emails": st.lists(LETTERS.map(lambda s: f"{s}@demay.com"), min_size=1, max_size=2),
        "profile": st.just("trial"),
        "sync.schedule": st.integers(0, 23).map(lambda hour: f"0 {hour} * * *"),
        "api.artifact": LETTERS.map(lambda s: f"{s}{value}"),
        "api.artifactSha256": st.text("0123456789abcdef", min_size=64, max_size=64),
        "api.zones": st.permutations(["1", "2", "3"]).map(lambda zones: zones[:2]),
        "api.image": LETTERS.map(lambda text: {**value, "version": text}),
        "tags": st.dictionaries(LETTERS, LETTERS, max_size=3),
        "database.standbyThroughput": st.integers(4, 40).map(lambda n: n * 100),
        "database.activeThroughput": st.integers(4, 400).map(lambda n: n * 100),
        "names.prefix": LETTERS.map(lambda s: f"demay{s}"),
        "api.sshPublicKey": LETTERS.map(lambda s: f"{value}{s}"),
    }
    by_kind = {
        int: st.integers(0, 400),
        str: LETTERS.map(lambda s: f"{value}{s}")
        | st.sampled_from("0123456789").map(lambda d: f"{value[:-1]}{d}"),
    }
    found = special[key] if key in special else by_kind[field.kind]
    return found.filter(lambda other: other != value and not field.rule(other))


def made(values: dict[str, Any], mode: Mode) -> Settings:
    return build(checked({**values, "mode": str(mode)}, f"Pulumi.{mode}.yaml"))


CHANGES = st.lists(st.sampled_from(CHANGEABLE), min_size=1, max_size=4, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries({key: another(key) for key in keys})
)


@given(CHANGES)
@settings(
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None, max_examples=60
)
def test_the_stamp_is_equal_in_both_modes_and_new_when_anything_else_changes(change: dict[str, Any]) -> None:
    """design.md: an active stack from an older footprint is stopped; the mode alone is no other footprint."""
    try:
        standby, active = made({**BASE, **change}, Mode.STANDBY), made({**BASE, **change}, Mode.ACTIVE)
    except SettingsError:
        assume(False)  # two changes that may not stand together
        raise
    assert standby.fingerprint == active.fingerprint == standby.in_mode(Mode.ACTIVE).fingerprint
    assert standby.fingerprint != made(BASE, Mode.STANDBY).fingerprint


@pytest.mark.parametrize("key", CHANGEABLE)
def test_every_single_setting_is_in_the_stamp(key: str) -> None:
    """No setting is forgotten when one is added: each alone makes another stamp."""
    field, value = FIELDS[key], BASE[key]
    tried: dict[type, Callable[[], list[Any]]] = {
        int: lambda: [value + 1, value + 100, value - 1],
        str: lambda: [
            f"{value}a",
            f"{value[:-1]}9",
            f"https://kv.vault.azure.net/secrets/{value}a",
            "autoscale",
            "trial",
            "0 4 * * *",
            f"a{value}",
            "a" * 64,
            f"{value[:-1]}1",
        ],
        list: lambda: [value[:1], value[:2], [*value, "198.51.100.7/32"], [*value, "ops@demay.com"]],
        dict: lambda: [{**value, "version": "1"}, {**value, "more": "1"}],
    }
    other = next(v for v in tried[field.kind]() if v != value and not field.rule(v))
    changed = build({**BASE, key: other})
    assert changed.fingerprint != build(BASE).fingerprint


def test_new_code_of_the_converter_is_a_new_stamp(site: Settings, tmp_path: Path) -> None:
    assert replace(site, package_hash="another").fingerprint != site.fingerprint
    code = tmp_path / "function_app.py"
    code.write_text("one = 1\n")
    first = package_hash(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "function_app.pyc").write_bytes(b"compiled")
    assert package_hash(tmp_path) == first
    code.write_text("one = 2\n")
    second = package_hash(tmp_path)
    code.rename(tmp_path / "renamed.py")
    assert len({first, second, package_hash(tmp_path)}) == 3


def test_the_stamp_says_its_version_and_is_the_same_in_every_process() -> None:
    one, other = from_files(ROOT, "standby"), from_files(ROOT, "active")
    assert one.fingerprint == other.fingerprint
    version, _, digest = one.fingerprint.partition("-")
    assert version.isdigit()
    assert len(digest) == 16
