"""The footprint's stamp: equal in both modes, another one when a hand-over would not be safe, and only then."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from components.guard import stamp
from components.schema import FIELDS, SettingsError, checked
from components.settings import Mode, Settings, build, from_files, package_hash
from tests.components.recording import ROOT, Recording, whole

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


IDENTITY = {
    "names.prefix", "dns.domain", "dns.api", "dns.site", "dns.contingency", "database.database", "database.container",
    "gateway.certificateName",
}  # fmt: skip
"""What names the resources: found by recording the program, and held against this list."""

CREATED_ONCE = {"location", "database.partitionKey", "database.throughputKind"}
"""What no service changes on an existing resource: a hand-over across such a change would end in a replacement."""


def made(values: dict[str, Any], mode: Mode) -> Settings:
    return build(checked({**values, "mode": str(mode)}, f"Pulumi.{mode}.yaml"))


def something_else(key: str) -> Any:
    """Another value of one setting that its rule lets pass."""
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
    return next(v for v in tried[field.kind]() if v != value and not field.rule(v))


@pytest.mark.parametrize("key", CHANGEABLE)
def test_a_setting_is_in_the_stamp_exactly_when_it_makes_another_footprint(
    key: str, standby: Recording
) -> None:
    """Seen in a rehearsal: api.instances 2 -> 4 in mid-contingency stopped `up -s active`, and no hand-over helped."""
    changed = whole(build({**BASE, key: something_else(key)}))
    ids = {d.id for d in standby.resources.values()}
    renamed = {d.id for d in changed.resources.values()} != ids
    assert renamed == (key in IDENTITY)
    same = changed.exports["footprint"] == standby.exports["footprint"]
    assert same == (key not in IDENTITY | CREATED_ONCE)


CHANGES = st.lists(st.sampled_from(CHANGEABLE), min_size=1, max_size=4, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries({key: another(key) for key in keys})
)
DECLARED = st.lists(st.tuples(LETTERS, LETTERS), max_size=5)


@given(CHANGES, DECLARED)
@settings(
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None, max_examples=60
)
def test_the_stamp_is_equal_in_both_modes_whatever_the_settings(
    change: dict[str, Any], declared: list[tuple[str, str]]
) -> None:
    """design.md: the mode alone is no other footprint; neither is another order of declaration."""
    try:
        standby, active = made({**BASE, **change}, Mode.STANDBY), made({**BASE, **change}, Mode.ACTIVE)
    except SettingsError:
        assume(False)  # two changes that may not stand together
        raise
    assert stamp(standby.identity, declared) == stamp(active.identity, declared[::-1])
    harmless = not set(change) & (IDENTITY | CREATED_ONCE)
    assert (
        stamp(standby.identity, declared) == stamp(made(BASE, Mode.STANDBY).identity, declared)
    ) == harmless


@given(DECLARED, st.tuples(LETTERS, LETTERS))
def test_a_resource_more_or_less_is_another_stamp(
    declared: list[tuple[str, str]], one: tuple[str, str]
) -> None:
    """A resource added to the program but not in the handed-over checkpoint must be stopped."""
    site = made(BASE, Mode.STANDBY).identity
    assert stamp(site, [*declared, one]) != stamp(site, declared)


def test_the_programs_own_resources_are_in_the_stamp_each_of_them(
    standby: Recording, active: Recording
) -> None:
    """Both modes, and nothing that one mode has alone: the ledger is what was registered."""
    site = made(BASE, Mode.STANDBY)
    for recording in (standby, active):
        declared = [
            (urn.split("::")[2].rpartition("$")[2], urn.rpartition("::")[2])
            for urn in recording.asked
            if not urn.split("::")[2].rpartition("$")[2].startswith("pulumi:")
        ]
        assert len(declared) == len(set(declared)) > len(recording.resources)
        assert recording.exports["footprint"] == stamp(site.identity, declared)


def test_new_code_of_the_converter_is_no_other_footprint(site: Settings, tmp_path: Path) -> None:
    """It is deployed by the next up, in either mode."""
    assert stamp(replace(site, package_hash="another").identity, []) == stamp(site.identity, [])
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


def test_the_stamp_says_its_version_and_is_the_same_from_either_stack_file() -> None:
    one, other = (stamp(from_files(ROOT, stack).identity, [("t", "n")]) for stack in ("standby", "active"))
    assert one == other
    version, _, digest = one.partition("-")
    assert version.isdigit()
    assert len(digest) == 16
