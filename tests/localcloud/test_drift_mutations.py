"""The whole footprint in both modes, as it is answered: every changed value is found, nothing else is.

The live bodies are the local cloud's answers to the declared ones (it re-cases, fills in, drops write-only values), not
copies of them, and what the data plane and the resolvers say. Two rates are printed for each mode; whatever is not found
stands in EXCEPTIONS by name, with its reason.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

import localcloud
from clouds.azure.arm import Arm
from clouds.azure.live import read_live
from clouds.direct_engine import DirectEngine
from clouds.endpoints import Endpoints, load
from clouds.program import desired
from clouds.public_names import beside
from recovery.arm.placeholders import resolve
from recovery.drift import dynamic
from recovery.drift.normalizers import canonical_id, fold
from recovery.drift.prepare import declared_body
from recovery.drift.report import Live, check
from recovery.engine import DIALS_ONLY
from recovery.model import Action, Desired, Finding, Json
from tests.contract.test_engines_agree import put_site
from tests.pulumi_cli.conftest import clean_environment, copy_program
from tests.recovery.drift.strategies import changed, name_of, with_value

pytestmark = [pytest.mark.localcloud, pytest.mark.timeout(900)]  # two whole ups, on a busy machine too
Place = tuple[str | int, ...]

EXCEPTIONS: dict[tuple[str, str], str] = {
    (
        "Microsoft.Compute/virtualMachineScaleSets",
        "properties.virtualMachineProfile.osProfile.customData",
    ): "a secret: never returned",
    ("Microsoft.DocumentDB/databaseAccounts", "properties.createMode"): "how it was made: a GET omits it",
}
"""(ARM type, property path without list positions) -> why the service does not answer it, so that nothing can be found."""

MODES = ("standby", "active")


@dataclass
class Built:
    """What one mode declares that can drift, in the form in which it is compared, and what is really there."""

    wanted: list[Desired]
    live: Live


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Built]]:
    """The whole footprint on a local cloud with its data plane: built as standby and looked at, then failed over."""
    folder = tmp_path_factory.mktemp("mutations")
    cloud = localcloud.start(folder / "cloud", 600.0, with_parent=True)
    with pytest.MonkeyPatch.context() as patch:
        try:
            environ = clean_environment(cloud.environment)
            for key, value in environ.items():
                patch.setenv(key, value)
            project, endpoints = copy_program(folder / "project"), load(environ)
            engine, arm = DirectEngine(project, environ=environ), Arm(endpoints)
            seen = {}
            for mode, allow in zip(MODES, (DIALS_ONLY | {Action.CREATE}, DIALS_ONLY), strict=True):
                engine.up(mode, allow=allow, on_event=lambda _event: None)
                wanted = desired(project, mode, environ)
                put_site(arm, wanted, endpoints.storage_key)
                seen[mode] = look(arm, wanted, endpoints)
            arm.close()
            yield seen
        finally:
            cloud.stop()


def look(arm: Arm, wanted: list[Desired], endpoints: Endpoints) -> Built:
    """Everything but the gates, which want nothing of the world; an older answer that a resolver still keeps is waited for."""
    for _ in range(60):
        everything, live = beside(wanted, endpoints.resolvers, lambda: read_live(arm, wanted, discover=True))
        if not live.unknown:
            break
        time.sleep(0.5)
    return Built([d for d in everything if dynamic.as_arm(d) is not None], live)


@pytest.mark.parametrize("mode", MODES)
def test_right_after_it_was_built_nothing_is_found(built: dict[str, Built], mode: str) -> None:
    here = built[mode]
    report = check(here.wanted, here.live)
    assert [(f.id, f.path, f.want, f.have, f.reason) for f in report.findings] == []
    assert report.counts["="] == len(here.wanted)


@pytest.mark.parametrize("mode", MODES)
def test_every_changed_live_value_is_found_and_nothing_that_does_not_matter(
    built: dict[str, Built], mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = built[mode]
    found = total = shuffles = 0
    missed: set[tuple[str, str]] = set()
    silent: set[tuple[str, str]] = set()
    noise: list[tuple[str, str]] = []
    for one in here.wanted:
        form = dynamic.as_arm(one)
        assert form is not None
        live = here.live.body(form.id)
        assert live is not None, form.id
        body = declared_body(replace(form, inputs=resolve(dict(form.inputs), here.live.body)), live)
        for place, _ in leaves(body):
            kind = (
                form.arm_type or str(dynamic.kind(one.type)),
                ".".join(p for p in place if isinstance(p, str)),
            )
            there = find(live, place)
            if there is None:
                silent.add(kind)
                continue
            total += 1
            meddled = with_value(live, there, changed(value_at(live, there)))
            name = fold(name_of(place))
            if any(name in fold(f.path) for f in _findings(here, one, form.id, meddled)):
                found += 1
            else:
                missed.add(kind)
        for seed in range(3):
            shuffles += 1
            again = {**given_back(live, random.Random(seed)), "id": form.id}  # noqa: S311 (not for secrets)
            noise += [(form.id, f.path) for f in _findings(here, one, form.id, again)]
    with capsys.disabled():
        print(
            f"\n{mode}: {found} of {total} changed values found in {len(here.wanted)} resources, "
            f"{len(noise)} false alarms in {shuffles} re-cased and reordered bodies"
        )
        for kind in sorted(silent):
            print(f"not answered, so not seen: {' '.join(kind)} ({EXCEPTIONS.get(kind, 'no reason known')})")
    assert silent <= set(EXCEPTIONS), sorted(silent - set(EXCEPTIONS))
    assert missed == set()
    assert noise == []
    assert total > 300


def _findings(built: Built, one: Desired, id: str, body: Mapping[str, Json]) -> list[Finding]:
    bodies = {**built.live.bodies, canonical_id(id): body}
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
    """The same way in a live body: keys without case, named elements by name, others by position. What is no answer of
    Resource Manager's (a resolver's, a package's) has no `properties`."""
    way: list[str | int] = []
    for part in place if "properties" in body else [p for p in place if p != "properties"]:
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
