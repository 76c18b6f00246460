"""The whole footprint, as Resource Manager answers it: every changed value is found, nothing else is.

The live bodies are the local cloud's answers to the declared ones (it re-cases, fills in, drops write-only
values), not copies of them. Two rates are printed; whatever is not found stands in EXCEPTIONS by name, with its reason.
"""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import localcloud
from clouds import gates
from clouds.azure.arm import Arm, ArmError, Patience
from clouds.azure.live import api_version, read_live
from clouds.endpoints import load
from clouds.program import desired
from recovery.arm.placeholders import resolve
from recovery.drift import dynamic
from recovery.drift.normalizers import canonical_id, fold
from recovery.drift.prepare import declared_body
from recovery.drift.report import Live, check
from recovery.model import Desired, Json

ROOT = Path(__file__).resolve().parents[2]
Place = tuple[str | int, ...]

EXCEPTIONS: dict[tuple[str, str], str] = {
    (
        "Microsoft.Compute/virtualMachineScaleSets",
        "properties.virtualMachineProfile.osProfile.customData",
    ): "a secret: never returned",
    ("Microsoft.DocumentDB/databaseAccounts", "properties.createMode"): "how it was made: a GET omits it",
}
"""(ARM type, property path without list positions) -> why the service does not answer it, so that nothing can be found."""

NO_ARM = ("staticWebsite", "throughputSettings")
"""Declared in the footprint and kept elsewhere than in a body of its own in the bare control plane."""


@dataclass
class Built:
    """The standby's resources that ARM knows, and what it answers for them (the other mode differs in the dials alone)."""

    wanted: list[Desired]
    live: Live


@pytest.fixture(scope="module")
def built(cloud: localcloud.LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    environ = {**cloud.environment, "DR_HOME": str(tmp_path_factory.mktemp("home"))}
    arm = Arm(
        load(environ), patience=Patience(operation=360_000.0)
    )  # simulated: a busy machine is no fault of the cloud
    declared = desired(ROOT, "standby", environ)
    wanted = [d for d in declared if _is_plain(d)]
    made: dict[str, Mapping[str, Json]] = {}
    try:
        left = [d for d in declared if d in wanted or dynamic.kind(d.type) == "VaultCertificate"]
        _registry(arm, environ["ARM_SUBSCRIPTION_ID"])
        while left:
            why: dict[str, str] = {}
            later = [one for one in left if not _made(arm, one, made, environ, why)]
            assert len(later) < len(left), why
            left = later
        yield Built(wanted, read_live(arm, wanted))
    finally:
        arm.delete(wanted[0].id, str(api_version(wanted[0])))
        arm.close()


def _registry(arm: Arm, subscription: str) -> None:
    """What `dr init` leaves behind: a bare local cloud begins without it."""
    group = f"/subscriptions/{subscription}/resourceGroups/rg-demay-ops"
    arm.put(group, {"location": "brazilsouth"}, "2024-03-01")
    registry = f"{group}/providers/Microsoft.ContainerRegistry/registries/crdemaydr"
    arm.put(
        registry, {"location": "brazilsouth", "sku": {"name": "Standard"}, "properties": {}}, "2023-07-01"
    )


def _made(
    arm: Arm,
    one: Desired,
    made: dict[str, Mapping[str, Json]],
    environ: Mapping[str, str],
    why: dict[str, str],
) -> bool:
    """Make it, or say that something it refers to is not there yet."""
    inputs = resolve(dict(one.inputs), lambda id: made.get(canonical_id(id)))
    if dynamic.kind(one.type):  # the certificate, without which the gateway is refused
        with patch.dict(os.environ, environ):
            gates.apply("VaultCertificate", inputs)
        return True
    try:
        arm.put(one.id, declared_body(replace(one, inputs=inputs), {}), str(api_version(one)))
    except ArmError as error:
        if error.status in (400, 404):
            why[one.id] = str(error)
            return False
        raise
    made[canonical_id(one.id)] = read_live(arm, [one]).body(one.id) or {}
    return True


def _is_plain(one: Desired) -> bool:
    return bool(one.arm_type) and dynamic.kind(one.type) is None and not one.arm_type.endswith(NO_ARM)


def test_right_after_it_was_built_nothing_is_found(built: Built) -> None:
    report = check(built.wanted, replace(built.live, unmanaged=()))
    assert [(f.id, f.path, f.want, f.have) for f in report.findings] == []
    assert report.counts["="] == len(built.wanted)


def test_every_changed_live_value_is_found_and_nothing_that_does_not_matter(
    built: Built, capsys: pytest.CaptureFixture[str]
) -> None:
    found = total = 0
    missed: set[tuple[str, str]] = set()
    silent: set[tuple[str, str]] = set()
    noise: list[tuple[str, str]] = []
    shuffles = 0
    for one in built.wanted:
        live = built.live.body(one.id)
        assert live is not None, one.id
        body = declared_body(replace(one, inputs=resolve(dict(one.inputs), built.live.body)), live)
        for place, _ in leaves(body):
            there = find(live, place)
            if there is None:
                silent.add((one.arm_type, ".".join(p for p in place if isinstance(p, str))))
                continue
            total += 1
            changed = copy.deepcopy(live)
            put(changed, there, other(value_at(live, there)))
            name = fold([p for p in place if isinstance(p, str)][-1])
            if any(name in fold(f.path) for f in _findings(built, one, changed)):
                found += 1
            else:
                missed.add((one.arm_type, ".".join(p for p in place if isinstance(p, str))))
        for seed in range(3):
            shuffles += 1
            again = given_back(live, random.Random(seed))  # noqa: S311 (not for secrets)
            noise += [(one.id, f.path) for f in _findings(built, one, {**again, "id": live["id"]})]
    with capsys.disabled():
        print(
            f"\n{found} of {total} changed values found, {len(noise)} false alarms in {shuffles} re-cased and reordered bodies"
        )
        for arm_type, path in sorted(silent):
            print(
                f"not answered, so not seen: {arm_type} {path} ({EXCEPTIONS.get((arm_type, path), 'no reason known')})"
            )
    assert silent <= set(EXCEPTIONS), sorted(silent - set(EXCEPTIONS))
    assert missed == set()
    assert noise == []
    assert total > 300


def _findings(built: Built, one: Desired, body: Mapping[str, Json]) -> list[Any]:
    bodies = {**built.live.bodies, canonical_id(one.id): body}
    return list(check([one], Live(bodies, {}, ())).findings)


TEXT_OF_PEOPLE = {"tags", "appsettings", "displayname", "description"}
"""Below these the case of a text matters to somebody."""


def given_back(body: Json, luck: random.Random, key: str = "") -> Json:
    """The same as the service may give it back: another order, ids and words in another case, something added."""
    if isinstance(body, Mapping):
        if fold(key) in TEXT_OF_PEOPLE:
            return dict(luck.sample(list(body.items()), len(body)))
        items = [(k, given_back(child, luck, str(k))) for k, child in body.items()]
        return {**dict(luck.sample(items, len(items))), "provisioningState": "Succeeded", "etag": 'W/"1"'}
    if isinstance(body, list):
        return [given_back(child, luck, key) for child in luck.sample(body, len(body))]
    if (
        fold(key) not in TEXT_OF_PEOPLE
        and isinstance(body, str)
        and (body.startswith("/subscriptions/") or body.isalpha())
    ):
        return body.upper()
    return body


def leaves(value: Json, place: Place = ()) -> Iterator[tuple[Place, Json]]:
    """Every scalar that a declared body holds, with the way to it; nulls and empty texts say nothing."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from leaves(child, (*place, str(key)))
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from leaves(child, (*place, _label(child) or i))
    elif value not in (None, ""):
        yield place, value


def _label(item: Json) -> str | None:
    name = item.get("name") if isinstance(item, Mapping) else None
    return f"[{name}]" if isinstance(name, str) else None


def find(body: Json, place: Place) -> Place | None:
    """The same way in a live body: keys without case, named elements by name, others by position."""
    way: list[str | int] = []
    for part in place:
        if isinstance(part, str) and part.startswith("[") and isinstance(body, list):
            at = next((i for i, item in enumerate(body) if str(_label(item)).lower() == part.lower()), None)
        elif isinstance(part, int) and isinstance(body, list):
            at = part if part < len(body) else None
        elif isinstance(body, Mapping):
            at = next((k for k in body if fold(str(k)) == fold(str(part))), None)
        else:
            at = None
        if at is None:
            return None
        way.append(at)
        body = body[at]
    return None if body is None or isinstance(body, Mapping | list) else tuple(way)


def value_at(body: Json, place: Place) -> Json:
    for part in place:
        body = body[part]
    return body


def put(body: Json, place: Place, value: Json) -> None:
    for part in place[:-1]:
        body = body[part]
    body[place[-1]] = value


def other(value: Json) -> Json:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}x"
