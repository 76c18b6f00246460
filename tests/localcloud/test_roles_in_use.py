"""On a local cloud that enforces roles, each role does what its verbs need, by the real commands, and no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import localcloud
from clouds.azure.arm import Arm
from clouds.azure.blobs import Blobs
from clouds.endpoints import LOCAL_SUBSCRIPTION, load
from recovery.permissions import role
from recovery.permissions.azure import on_documents
from recovery.permissions.model import covered
from recovery.permissions.parts import DIALS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.localcloud, pytest.mark.timeout(600)]
ROLES = ("deployer", "operator", "readiness", "remover")
DOCTORED = ("deployer", "operator", "readiness", "approver")
ACCOUNT = f"/subscriptions/{LOCAL_SUBSCRIPTION}/resourceGroups/rg-demay-dr/providers/Microsoft.DocumentDB/databaseAccounts/cosmos-demay-dr"
Doctored = tuple[str, list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]
"""Object id; the answers before the grant, after it, and without the documents' own assignment."""


class Story:
    """One strict local cloud with somebody for each role."""

    def __init__(self, cloud: localcloud.LocalCloud) -> None:
        self.cloud = cloud
        self.people = {key: cloud.sign_in(f"the-{key}") for key in ROLES}
        self.doctored: dict[str, Doctored] = {}

    def dr(self, who: str, *args: str) -> subprocess.CompletedProcess[str]:
        environment = self.cloud.environment if who == "owner" else self.people[who]
        return subprocess.run(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "scripts.cli", *args], cwd=ROOT, env={**os.environ, **environment},
            capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def done(self, who: str, *args: str) -> str:
        ended = self.dr(who, *args)
        assert ended.returncode == 0, (
            f"{who}: dr {' '.join(args)}\n{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}"
        )
        return ended.stdout

    def grant(self, *keys: str) -> None:
        wanted = [f"--grant={key}={self.people[key]['DR_OBJECT_ID']}" for key in keys]
        self.done("owner", "init", "--yes", "--no-image", *wanted)
        from tests.localcloud.azure import until

        until(lambda: all(r["inForce"] for r in self.cloud.control("GET", "roles")), 60)

    def doctor(self, key: str) -> Doctored:
        """`dr doctor` of somebody new: before the grant, after it, and without what the documents' plane was told."""
        person = self.people[f"new-{key}"] = self.cloud.sign_in(f"new-{key}")
        me, asked = person["DR_OBJECT_ID"], []
        from tests.localcloud.azure import until

        def ask() -> None:
            said = self.dr(f"new-{key}", "doctor", "--role", key, "--format", "json")
            asked.append(json.loads(said.stdout)["answers"])

        ask()
        self.done("owner", "init", "--yes", "--no-image", f"--grant={key}={me}")
        until(lambda: all(r["inForce"] for r in self.cloud.control("GET", "roles")), 60)
        ask()
        if role(key).documents:
            id, _ = on_documents(ACCOUNT, me)
            arm = Arm(load(self.cloud.environment))
            arm.delete(id, "2025-10-15")
            ask()
        return me, asked[0], asked[1], asked[-1]

    def site(self) -> None:
        """The static site has a page, as after a first sync."""
        arm = Arm(load(self.cloud.environment))
        id = f"/subscriptions/{LOCAL_SUBSCRIPTION}/resourceGroups/rg-demay-dr/providers/Microsoft.Storage/storageAccounts/stdemaysite"
        blobs = Blobs(arm.get(id, "2024-01-01"), load(self.cloud.environment))
        blobs.put("$web", "index.html", b"<h1>hello</h1>", content_type="text/html")

    def actions(self, who: str, kind: str = "used") -> set[str]:
        found: list[dict[str, Any]] = self.cloud.control("GET", "actions")[kind]
        return {a["action"] for a in found if a["who"] == f"the-{who}"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story, told once: built, granted, switched there and back, looked at, taken down."""
    with localcloud.start(
        tmp_path_factory.mktemp("story"), 600.0, with_parent=True, enforce_roles=True
    ) as cloud:
        told = Story(cloud)
        told.grant("deployer")
        told.done("deployer", "up", "-s", "standby", "--first-build", "--engine", "direct", "--yes")
        told.site()
        told.grant("deployer", "operator", "readiness", "remover")
        told.done("readiness", "drift", "-s", "standby")
        told.doctored = {key: told.doctor(key) for key in DOCTORED}
        told.done("operator", "up", "-s", "active", "--engine", "direct", "--yes")
        told.refused = told.dr("readiness", "up", "-s", "standby", "--engine", "direct", "--yes")  # type: ignore[attr-defined]
        told.torn_too_early = told.dr("remover", "teardown", "--confirm", "rg-demay-dr")  # type: ignore[attr-defined]
        told.taken_too_early = told.actions("remover")  # type: ignore[attr-defined]
        yield told


def test_the_operator_turned_every_dial_and_made_nothing(story: Story) -> None:
    writes = {a for a in story.actions("operator") if a.endswith("/write")}
    turned = {g.action for g in DIALS if g.action.endswith("/write")}
    assert {w.lower() for w in writes} == {t.lower() for t in turned}


def test_nobody_was_refused_what_its_verbs_need(story: Story) -> None:
    for key in ("deployer", "operator"):
        assert story.actions(key, "refused") == set()


def test_every_action_that_a_role_used_is_one_that_the_page_gives_it(story: Story) -> None:
    for key in ("deployer", "operator", "readiness"):
        given = [g.action for g in (*role(key).actions, *role(key).data)]
        used = story.actions(key)
        assert used, key
        assert {a for a in used if not covered(a, given)} == set(), key


def test_who_only_looks_cannot_switch(story: Story) -> None:
    ended = story.refused  # type: ignore[attr-defined]
    assert ended.returncode != 0
    assert "AuthorizationFailed" in ended.stderr and "dr doctor" in ended.stderr
    assert any(a.endswith("/write") for a in story.actions("readiness", "refused"))


def test_the_standby_is_not_taken_down_while_it_serves(story: Story) -> None:
    ended = story.torn_too_early  # type: ignore[attr-defined]
    assert ended.returncode in (4, 5) and "nothing was deleted" in ended.stderr
    assert not any(a.endswith("/delete") for a in story.taken_too_early)  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", DOCTORED)
def test_the_doctor_answers_every_permission_of_a_role_and_names_the_command_that_grants_it(
    story: Story, key: str
) -> None:
    """ACT-1: before the grant each failure says which; after it nothing is missing and nothing unknown."""
    me, before, after, _ = story.doctored[key]
    bad = [one for one in before if one["says"] != "ok"]
    assert {one["group"] for one in bad} == {"permissions", "names", "delegation"}
    assert {one["fix"].partition("    ")[0] for one in bad} == {f"dr init --grant {key}={me}"}
    asked = [one for one in after if one["group"] == "permissions"]
    assert [one for one in asked if one["says"] != "ok"] == []
    total = len(role(key).actions) + len(role(key).data)
    assert any(f"{total} of {total} granted" in one["detail"] for one in asked)
    assert any("documents" in one["question"] for one in asked) == bool(role(key).documents)


def test_an_identity_that_the_documents_do_not_know_is_told_so(story: Story) -> None:
    """Cosmos DB asks no role of Azure's: the operator's assignment there is a thing of its own."""
    me, _, _, without = story.doctored["operator"]
    (one,) = [a for a in without if a["says"] != "ok"]
    assert "documents" in one["question"]
    assert one["says"] == "missing"
    assert one["fix"].startswith(f"dr init --grant operator={me}")


def test_the_way_back_and_the_way_out_by_those_who_may(story: Story) -> None:
    """After it nothing is left but the data, and the role that took it down wrote nothing."""
    story.cloud.control("PUT", "primary", {"state": "up"})
    story.done("operator", "up", "-s", "standby", "--engine", "direct", "--yes")
    said = story.done("remover", "teardown", "--confirm", "rg-demay-dr")
    kept = said.partition("kept: ")[2].splitlines()[0].rstrip(".").split(", ")
    assert {"certificate", "documents", "journal", "site", "uploads"} <= set(kept)
    assert not [a for a in story.actions("remover") if a.endswith("/write")]
    assert "Microsoft.Compute/virtualMachineScaleSets/delete" in story.actions("remover")
