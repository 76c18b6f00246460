"""Both engines end in the same live state, and each calls clean what the other has built (contract suite)."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import localcloud
from clouds.azure.arm import Arm
from clouds.azure.live import read_live
from clouds.direct_engine import DirectEngine
from clouds.endpoints import load
from clouds.program import desired
from recovery.drift.report import check
from recovery.engine import DIALS_ONLY, Engine, Event, EventKind
from recovery.model import Action, Desired
from tests.pulumi_cli.conftest import clean_environment, copy_program

pytestmark = [pytest.mark.localcloud, pytest.mark.timeout(1800)]
SCALE = 600.0
STORY = ("standby", "active", "standby")

VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # ids that every cloud makes anew
    r"|\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?"  # times
    r"|127\.0\.0\.1:\d+"  # local doors
    r"|[0-9a-f]{8}(?=\.local\.azurecontainerapps)"  # a Container Apps environment's own domain
)
FORGOTTEN = frozenset({"etag", "_etag", "_rid", "_ts", "_self", "customdomainverificationid"})


def settled(value: Any) -> Any:
    """A live body without what differs between two clouds that are the same."""
    if isinstance(value, dict):
        return {VOLATILE.sub("…", k): settled(v) for k, v in value.items() if k.lower() not in FORGOTTEN}
    if isinstance(value, list):
        return sorted((settled(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
    return VOLATILE.sub("…", value) if isinstance(value, str) else value


@dataclass
class Told:
    """What one engine did to a cloud of its own: live state, changed names, findings after each act of the story."""

    name: str
    states: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Action]] = field(default_factory=list)
    drift: list[list[str]] = field(default_factory=list)
    left_by_direct: list[list[str]] = field(default_factory=list)
    left_by_itself: list[list[str]] = field(default_factory=list)
    order: list[list[str]] = field(default_factory=list)


def engine_of(name: str, project: Path, environ: Mapping[str, str]) -> Engine:
    if name == "direct":
        return DirectEngine(project, environ=environ)
    from clouds.pulumi_cli import PulumiCli
    from clouds.pulumi_engine import PulumiEngine

    return PulumiEngine(project, cli=PulumiCli(project, environ))


def put_site(arm: Arm, wanted: list[Desired], key: str | None) -> None:
    """The page that the gateway's probe asks for: the sync's work, done here by hand."""
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.storage.blob import BlobClient

    account = next(d for d in wanted if d.options["name"] == "storage-site")
    body = arm.get(account.id, "2024-01-01")
    credential = AzureNamedKeyCredential(body["name"], key or "")
    endpoint = body["properties"]["primaryEndpoints"]["blob"].rstrip("/")
    with BlobClient(endpoint, "$web", "index.html", credential=credential) as page:
        page.upload_blob(b"<h1>here</h1>", overwrite=True)


def tell(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Build the standby, switch to active, switch back; look after each."""
    told = Told(name)
    cloud = localcloud.start(folder / "cloud", SCALE, with_parent=True)
    try:
        environ = clean_environment(cloud.environment)
        for key, value in environ.items():
            monkeypatch.setenv(key, value)
        project = copy_program(folder / "project")
        engine, arm = engine_of(name, project, environ), Arm(load(environ))
        if name == "pulumi":
            from clouds.pulumi_cli import PulumiCli

            for stack in ("standby", "active"):
                PulumiCli(project, environ).run("stack", "init", stack)
        for number, stack in enumerate(STORY):
            events: list[Event] = []
            allow = DIALS_ONLY if number else DIALS_ONLY | {Action.CREATE}
            if number == 1 and name == "pulumi":
                from clouds.checkpoint import hand_over
                from clouds.pulumi_cli import PulumiCli

                hand_over(PulumiCli(project, environ), "standby", "active", environ=environ)
            plan = engine.up(stack, allow=allow, on_event=events.append)
            wanted = desired(project, stack, environ)
            live = read_live(arm, wanted)
            put_site(arm, wanted, load(environ).storage_key)
            told.states.append({id: settled(body) for id, body in live.bodies.items()})
            told.changed.append({s.name: s.action for s in plan.changes})
            told.drift.append(
                [f"{f.verdict} {f.id} {f.path}" for f in check(wanted, live, None, stack).findings]
            )
            told.left_by_itself.append([s.name for s in engine.preview(stack).changes])
            told.left_by_direct.append(
                [s.name for s in DirectEngine(project, environ=environ).preview(stack).changes]
            )
            told.order.append([e.name for e in events if e.kind is EventKind.DONE])
        arm.close()
    finally:
        cloud.stop()
    return told


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as held:
        yield held


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Told:
    return tell("direct", tmp_path_factory.mktemp("direct"), patch)


@pytest.fixture(scope="module")
def pulumi(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Told:
    if shutil.which("pulumi") is None:
        pytest.skip("the Pulumi CLI is not on PATH")
    return tell("pulumi", tmp_path_factory.mktemp("pulumi"), patch)


ENGINES = ["direct", pytest.param("pulumi", marks=pytest.mark.pulumi_cli)]


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Told:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Told)
    return found


@pytest.mark.parametrize("told", ENGINES, indirect=True)
def test_nothing_is_left_to_do_after_any_act(told: Told) -> None:
    """Neither the engine itself, nor the drift check, nor the direct engine finds anything after a clean up."""
    assert told.left_by_itself == [[], [], []]
    assert told.left_by_direct == [[], [], []]
    assert told.drift == [[], [], []]


@pytest.mark.parametrize("told", ENGINES, indirect=True)
def test_a_switch_updates_and_does_nothing_else(told: Told) -> None:
    """Safety gate: no create, replace or delete in a mode switch."""
    for changed in told.changed[1:]:
        assert set(changed.values()) == {Action.UPDATE}, changed


@pytest.mark.parametrize("told", ENGINES, indirect=True)
def test_traffic_moves_after_health_and_capacity_goes_after_traffic(told: Told) -> None:
    """The order by mode, as it really happened (ACT-3, ACT-4, BACK-4, BACK-5)."""
    active, standby = told.order[1], told.order[2]
    records = ("apex-record", "api-record", "www-record")
    for record in records:
        assert active.index("api") < active.index("health-gate") < active.index(record)
        assert standby.index("return-gate") < standby.index(record) < standby.index("drain-gate")
    assert standby.index("drain-gate") < standby.index("api")
    assert standby.index("drain-gate") < standby.index("cosmos-throughput")


@pytest.mark.parametrize("told", ENGINES, indirect=True)
def test_the_way_back_ends_where_it_began(told: Told) -> None:
    assert told.states[2] == told.states[0]
    assert told.states[1] != told.states[0]


@pytest.mark.pulumi_cli
@pytest.mark.parametrize("act", range(len(STORY)), ids=["built", "active", "standby again"])
def test_both_engines_end_in_the_same_live_state(direct: Told, pulumi: Told, act: int) -> None:
    assert direct.states[act].keys() == pulumi.states[act].keys()
    for id, body in direct.states[act].items():
        assert body == pulumi.states[act][id], id


@pytest.mark.pulumi_cli
def test_both_engines_change_the_same_resources(direct: Told, pulumi: Told) -> None:
    assert set(direct.changed[1]) == set(pulumi.changed[1])
    assert set(direct.changed[2]) == set(pulumi.changed[2])
