"""`dr init`: shown first, idempotent, resumable at every step; no secret in what it writes."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import localcloud
from clouds.azure.arm import Arm, ArmError, Patience
from clouds.azure.graph import Graph
from clouds.azure.registry import Context, Registry
from clouds.azure.role_ready import RoleReady, denied
from clouds.endpoints import LOCAL_SUBSCRIPTION, Endpoints, load
from clouds.opening import Opening, Wishes
from recovery import opening
from recovery.errors import Failed, Stopped
from recovery.opening import Change, Place, Step, compare, differences, environment
from scripts.init import write_environment

SOURCES = {"Dockerfile": b"FROM scratch\nCOPY recovery recovery\n", "recovery/a.py": b"1"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localcloud.LocalCloud]:
    with localcloud.start(
        tmp_path_factory.mktemp("opening"), 3000.0, with_parent=True, bare=True, enforce_roles=True
    ) as cloud:
        yield cloud


class World:
    """One opening with names of its own."""

    def __init__(self, cloud: localcloud.LocalCloud, environ: dict[str, str] | None = None) -> None:
        self.cloud = cloud
        self.endpoints = load(environ or cloud.environment)
        self.arm = Arm(self.endpoints, patience=Patience(attempts=1))
        self.place = Place(LOCAL_SUBSCRIPTION, f"p{uuid.uuid4().hex[:8]}", "brazilsouth")
        self.said: list[str] = []

    def opening(self, **wishes: Any) -> Opening:
        context = Context(SOURCES, "tag1")
        return Opening(
            self.arm, Graph(self.endpoints), self.place, Wishes(**wishes), context, self.said.append
        )

    def opened(self, **wishes: Any) -> list[Step]:
        one = self.opening(**wishes)
        one.carry_out(one.survey())
        return self.opening(**wishes).survey()


@pytest.fixture
def world(strict: localcloud.LocalCloud) -> Iterator[World]:
    made = World(strict)
    yield made
    strict.control("DELETE", "faults")


def changed(steps: list[Step]) -> list[str]:
    return [s.what for s in steps if s.change is not Change.SAME]


def test_after_one_run_a_second_has_nothing_to_do(world: World) -> None:
    first = world.opening().survey()
    assert {s.change for s in first if s.key.startswith(world.place.group)} == {Change.MAKE}
    assert changed(world.opened()) == []


def test_looking_changes_nothing(world: World, strict: localcloud.LocalCloud) -> None:
    seen = max((r["n"] for r in strict.control("GET", "requests")), default=0)
    world.opening().survey()
    methods = {r["method"] for r in strict.control("GET", f"requests?since={seen}&door=arm")}
    assert methods == {"GET"}


def test_a_run_killed_after_any_step_goes_on_where_it_stopped(world: World) -> None:
    """Design: again is harmless. A run cut off between any two kinds of steps, then a whole one, ends in the same."""
    steps = [s.what for s in world.opening(image=False).survey()]
    kinds = [what.split()[0] for what in steps]
    cuts = [i for i in range(1, len(steps)) if kinds[i] != kinds[i - 1]]
    assert len(cuts) >= 8
    for cut in cuts[::2]:
        world.place = Place(LOCAL_SUBSCRIPTION, f"p{uuid.uuid4().hex[:8]}", "brazilsouth")
        one = world.opening(image=False)
        one.carry_out(one.survey()[:cut])
        assert changed(world.opened(image=False)) == [], f"cut after {cut}"


def test_what_somebody_loosened_is_mended(world: World) -> None:
    world.opened(image=False)
    body = world.arm.get(world.place.account, opening.VERSIONS["storage"])
    body["properties"]["allowSharedKeyAccess"] = True
    world.arm.put(world.place.account, body, opening.VERSIONS["storage"])
    steps = world.opening(image=False).survey()
    assert [(s.change, s.detail) for s in steps if s.change is not Change.SAME] == [
        (Change.MEND, "properties.allowSharedKeyAccess")
    ]
    assert changed(world.opened(image=False)) == []


def test_the_states_key_is_never_made_anew(world: World) -> None:
    """A second PUT of a key would be a new version, which nothing of the old state was encrypted with."""
    world.opened(image=False)
    before = world.arm.get(world.place.key, opening.VERSIONS["vault"])
    assert (
        compare(next(t for t in opening.things(world.place, {}, "t") if t.once), before).change is Change.SAME
    )


def test_a_step_that_fails_stops_the_rest_and_says_how_to_go_on(
    world: World, strict: localcloud.LocalCloud
) -> None:
    strict.control(
        "POST",
        "faults",
        {"path": "vaults/kv-", "method": "PUT", "status": 409, "code": "VaultAlreadyExists", "times": 1},
    )
    one = world.opening(image=False)
    with pytest.raises(Failed, match="VaultAlreadyExists") as failed:
        one.carry_out(one.survey())
    assert failed.value.fix.startswith("dr init")
    assert changed(world.opened(image=False)) == []


def test_a_role_is_granted_where_it_can_be_and_later_where_it_belongs(world: World) -> None:
    """The footprint's group is made by the first up: until then the deployer is granted on the subscription."""
    principal = str(uuid.uuid4())
    grants = [("deployer", principal, "User"), ("operator", principal, "User")]
    before = [
        s
        for s in world.opening(image=False, grants=grants).survey()
        if "grant" in s.what and principal in s.what
    ]
    named = [(s.what.split()[1], s.why) for s in before]
    assert named == [(key, f"at /subscriptions/{LOCAL_SUBSCRIPTION}") for key in ("deployer", "looker")]
    assert any("does not exist yet" in text for text in world.said)
    world.arm.put(world.place.footprint, {"location": "brazilsouth"}, "2024-03-01")
    world.opened(image=False)
    after = [s.why for s in world.opening(image=False, grants=grants).survey() if principal in s.what]
    assert after == [f"at {world.place.footprint}", f"at {world.place.group}"] * 2 + [
        f"at /subscriptions/{LOCAL_SUBSCRIPTION}"
    ]
    assert changed(world.opened(image=False, grants=grants)) == []


def test_the_deployers_first_grant_is_taken_back_once_the_group_is_enough(world: World) -> None:
    grants = [("deployer", str(uuid.uuid4()), "User")]
    world.opened(image=False, grants=grants)
    world.arm.put(world.place.footprint, {"location": "brazilsouth"}, "2024-03-01")
    steps = world.opening(image=False, grants=grants).survey()
    assert [s.what.split()[0] for s in steps if grants[0][1] in s.what and s.change is not Change.SAME] == [
        "grant",
        "grant",
        "take",
    ]
    assert changed(world.opened(image=False, grants=grants)) == []
    listed = world.arm.list(
        f"/subscriptions/{LOCAL_SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments", "2022-04-01"
    )
    mine = [a["properties"]["scope"] for a in listed if a["properties"]["principalId"] == grants[0][1]]
    assert sorted(mine) == sorted([world.place.footprint, world.place.group])


def test_the_deployers_grant_carries_its_condition_and_a_changed_program_changes_it(world: World) -> None:
    principal = str(uuid.uuid4())
    grants = [("deployer", principal, "User")]
    world.opened(image=False, grants=grants, assignable=["aa"])
    steps = world.opening(image=False, grants=grants, assignable=["aa", "bb"]).survey()
    assert [(s.change, s.what) for s in steps if s.change is not Change.SAME] == [
        (Change.MEND, f"grant deployer to {principal}")
    ]


def test_the_tools_identity_becomes_an_operator_once_there_is_something_to_operate(world: World) -> None:
    world.opened(image=False)
    world.arm.put(world.place.footprint, {"location": "brazilsouth"}, "2024-03-01")
    principal = world.arm.get(world.place.tools, opening.VERSIONS["identity"])["properties"]["principalId"]
    wanted = [f"grant operator to {principal}"] * 2 + [f"grant looker to {principal}"]
    assert changed(world.opening(image=False).survey()) == wanted


def test_who_works_with_documents_is_let_in_by_their_own_plane_too(world: World) -> None:
    """ACT-1: Cosmos DB asks no role of Azure's; an operator without this could neither sync nor prove anything."""
    who = {key: str(uuid.uuid4()) for key in ("deployer", "operator", "readiness", "approver")}
    grants = [(key, principal, "User") for key, principal in who.items()]
    world.opened(image=False, grants=grants)
    world.arm.put(world.place.footprint, {"location": "brazilsouth"}, "2024-03-01")
    account = world.place.documents
    version = opening.VERSIONS["documents"]
    body = {
        "location": "brazilsouth",
        "kind": "GlobalDocumentDB",
        "properties": {
            "databaseAccountOfferType": "Standard",
            "locations": [{"locationName": "brazilsouth", "failoverPriority": 0}],
        },
    }
    world.arm.put(account, body, version)
    tools = world.arm.get(world.place.tools, opening.VERSIONS["identity"])["properties"]["principalId"]
    assert changed(world.opened(image=False, grants=grants)) == []
    held = [one["properties"] for one in world.arm.list(f"{account}/sqlRoleAssignments", version)]
    assert {one["principalId"] for one in held} == {who["operator"], who["readiness"], tools}
    assert {one["scope"] for one in held} == {account}


def test_the_syncs_identity_may_find_the_data_once_the_first_up_has_made_it(world: World) -> None:
    world.opened(image=False)
    world.arm.put(world.place.footprint, {"location": "brazilsouth"}, "2024-03-01")
    world.arm.put(world.place.sync, {"location": "brazilsouth"}, opening.VERSIONS["identity"])
    principal = world.arm.get(world.place.sync, opening.VERSIONS["identity"])["properties"]["principalId"]
    mine = [(s.what, s.why) for s in world.opening(image=False).survey() if principal in s.what]
    assert mine == [(f"grant sync to {principal}", f"at {world.place.footprint}")]
    assert changed(world.opened(image=False)) == []


def test_the_image_is_found_by_what_it_is_made_of_and_named_by_digest(world: World) -> None:
    world.opened()
    one = world.opening()
    one.survey()
    assert one.image.startswith(f"{world.place.registry_name}.azurecr.io/standby@sha256:")


def test_an_image_whose_sources_lack_a_file_is_not_built(world: World) -> None:
    world.opened(image=False)
    broken = Context({"Dockerfile": b"FROM scratch\nCOPY nowhere nowhere\n"}, "tag2")
    with pytest.raises(Failed, match="nowhere") as failed:
        Registry(world.arm, world.place.registry).build(broken, LOCAL_SUBSCRIPTION)
    assert "az acr task logs" in failed.value.fix


def test_ci_gets_a_federated_credential_and_no_secret(world: World) -> None:
    subject = "repo:org/name:ref:refs/heads/main"
    assert changed(world.opened(image=False, ci=subject)) == []
    app: Any = Graph(world.endpoints).application(world.place.application)
    assert [c["subject"] for c in Graph(world.endpoints).credentials(app["id"])] == [subject]
    assert "passwordCredentials" not in app


def test_an_application_that_was_left_without_its_identifier_gets_one(world: World) -> None:
    graph = Graph(world.endpoints)
    graph._call("POST", "/applications", {"displayName": world.place.application})
    assert changed(world.opened(image=False)) == []
    app: Any = graph.application(world.place.application)
    assert app["identifierUris"] == [f"api://{app['appId']}"]


def test_two_applications_of_one_name_are_not_guessed_between(world: World) -> None:
    graph = Graph(world.endpoints)
    for _ in range(2):
        graph._call("POST", "/applications", {"displayName": world.place.application})
    with pytest.raises(Stopped, match="2 Entra applications"):
        world.opening().survey()


def test_who_may_not_read_the_subscription_is_told_so_and_nothing_is_taken_for_missing(
    strict: localcloud.LocalCloud,
) -> None:
    nobody = World(strict, strict.sign_in(f"n-{uuid.uuid4().hex[:6]}"))
    with pytest.raises(Exception, match="AuthorizationFailed"):
        nobody.opening(image=False, federation=False).survey()


def test_who_may_not_change_the_directory_learns_which_role_it_takes(strict: localcloud.LocalCloud) -> None:
    nobody = World(strict, strict.sign_in(f"n-{uuid.uuid4().hex[:6]}"))
    with pytest.raises(Stopped, match="Application Developer"):
        Graph(nobody.endpoints).make_application("x")


# -- the environment file ----------------------------------------------------------------------------------------

PLACE = Place("sub", "demay", "brazilsouth")


def test_the_environment_file_holds_ids_and_no_secret_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "standby.env"
    azure = Endpoints(subscription="sub", tenant="ten")
    assert write_environment(
        file, azure, PLACE, {"AWS_ACCOUNT_ID": "123456789012", "DR_IMAGE": "", "DR_FEDERATION_AUDIENCE": ""}
    )
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "ARM_SUBSCRIPTION_ID='sub'" in text and "AWS_ACCOUNT_ID='123456789012'" in text
    assert "PULUMI_BACKEND_URL='azblob://state?storage_account=stdemaystate'" in text
    assert not any(word in text.upper() for word in ("PASSPHRASE", "PASSWORD", "SECRET=", "KEY="))


def test_a_second_run_keeps_what_it_does_not_know_anew(tmp_path: Path) -> None:
    file = tmp_path / "standby.env"
    azure = Endpoints(subscription="sub", tenant="ten")
    write_environment(file, azure, PLACE, {"AWS_ACCOUNT_ID": "123456789012"})
    write_environment(file, azure, PLACE, {"AWS_ACCOUNT_ID": "", "DR_IMAGE": "i@sha256:1"})
    assert "AWS_ACCOUNT_ID='123456789012'" in file.read_text() and "DR_IMAGE='i@sha256:1'" in file.read_text()


def test_a_local_cloud_keeps_its_own_environment(tmp_path: Path) -> None:
    file = tmp_path / "standby.env"
    assert not write_environment(file, Endpoints(control_url="http://x"), PLACE, {})
    assert not file.exists()


def test_a_trial_can_be_thrown_away_and_nothing_else_differs() -> None:
    """The trial profile has purge protection off, everything else the same."""
    whole = {t.id: t.body for t in opening.things(PLACE, {}, "t")}
    trial = {t.id: t.body for t in opening.things(Place("sub", "demay", "brazilsouth", trial=True), {}, "t")}
    differing = {id: differences(whole[id], trial[id]) for id in whole if whole[id] != trial[id]}
    assert differing == {
        PLACE.vault: ["properties.softDeleteRetentionInDays", "properties.enablePurgeProtection"]
    }
    assert environment(PLACE, "t", {}) == environment(
        Place("sub", "demay", "brazilsouth", trial=True), "t", {}
    )


def test_what_the_service_adds_is_no_difference_and_what_it_writes_otherwise_neither() -> None:
    assert (
        differences({"a": {"B": "West Europe", "c": [2, 1]}}, {"A": {"b": "westeurope", "C": [1, 2], "d": 1}})
        == []
    )
    assert differences({"a": {"b": True}}, {"a": {}}) == ["a.b"]


# -- RoleReady ---------------------------------------------------------------------------------------------------


class Waiting:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now, self.said = 0.0, list[str]()

    def ready(self, **more: Any) -> RoleReady:
        def sleep(seconds: float) -> None:
            self.now += seconds

        return RoleReady(say=self.said.append, sleep=sleep, clock=lambda: self.now, **more)


def test_an_operation_is_tried_until_its_role_works() -> None:
    tries = iter(
        [ArmError(403, "AuthorizationFailed", "no"), ArmError(403, "LinkedAuthorizationFailed", "no"), None]
    )

    def operation() -> str:
        error = next(tries)
        if error:
            raise error
        return "done"

    waiting = Waiting()
    assert waiting.ready()("reading", operation) == "done"
    assert waiting.now > 0 and "still denied" in waiting.said[0]


def test_any_other_error_is_the_operations_own_and_is_not_waited_out() -> None:
    waiting = Waiting()

    def operation() -> None:
        raise ArmError(409, "Conflict", "busy")

    with pytest.raises(ArmError):
        waiting.ready()("reading", operation)
    assert waiting.now == 0


def test_a_role_that_never_works_is_named_with_the_command_that_grants_it() -> None:
    def operation() -> None:
        raise ArmError(403, "AuthorizationFailed", "no")

    waiting = Waiting()
    with pytest.raises(Stopped) as stopped:
        waiting.ready(limit=600.0)("reading the state", operation, "operator")
    assert 600 <= waiting.now < 700
    assert "dr init --grant operator=OBJECT_ID" in stopped.value.fix


def test_the_wait_is_divided_by_the_scale() -> None:
    def operation() -> None:
        raise ArmError(403, "AuthorizationFailed", "no")

    waiting = Waiting()
    with pytest.raises(Stopped):
        waiting.ready(limit=600.0, scale=60.0)("reading", operation)
    assert 10 <= waiting.now < 15


def test_a_denial_is_told_from_other_refusals_also_behind_our_own_errors() -> None:
    wrapped = Failed("x", "y", "z")
    wrapped.__cause__ = SimpleError(403, "")
    assert denied(wrapped) and denied(SimpleError(400, "FailedIdentityOperation"))
    assert not denied(SimpleError(404, "ResourceNotFound")) and not denied(ValueError("x"))


class SimpleError(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status_code, self.error_code = status, code


def test_a_real_assignment_is_waited_out_by_trying(strict: localcloud.LocalCloud) -> None:
    owner, environ = World(strict), strict.sign_in(f"r-{uuid.uuid4().hex[:6]}")
    fresh = World(strict, environ)
    owner.arm.put(owner.place.footprint, {"location": "brazilsouth"}, "2024-03-01")
    owner.opened(image=False, grants=[("readiness", environ["DR_OBJECT_ID"], "User")])
    found = RoleReady(3000.0)("reading the group", lambda: fresh.arm.get(owner.place.footprint, "2024-03-01"))
    assert found["name"] == owner.place.footprint.rpartition("/")[2]
