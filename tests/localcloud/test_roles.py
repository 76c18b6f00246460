"""A local cloud that enforces the roles of docs/permissions.md: Azure's words, its delay, its linked checks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import localcloud
from clouds.azure.arm import Arm, ArmError
from clouds.azure.role_ready import young_identity
from clouds.azure.vaults import Certificates
from clouds.direct_engine import LiveCloud
from clouds.endpoints import LOCAL_SUBSCRIPTION, load
from recovery.permissions import ROLES, azure, role
from tests.localcloud.azure import Azure, Body, until
from tests.localcloud.test_vaults_and_doors import NAMES, secure, vault

SUBSCRIPTION = f"/subscriptions/{LOCAL_SUBSCRIPTION}"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localcloud.LocalCloud]:
    """A local cloud that enforces roles, without data plane: its assignments take 0.2 s here."""
    with localcloud.start(
        tmp_path_factory.mktemp("strict"), 600.0, with_parent=True, bare=True, enforce_roles=True
    ) as cloud:
        yield cloud


@pytest.fixture
def owner(strict: localcloud.LocalCloud) -> Iterator[Azure]:
    client = Azure(strict)
    client.make_group()
    yield client
    client.drop_group()
    client.close()


def somebody(strict: localcloud.LocalCloud) -> tuple[Arm, str]:
    """A fresh identity: its client and object id."""
    environment = strict.sign_in(f"p-{uuid.uuid4().hex[:8]}")
    return Arm(load(environment)), environment["DR_OBJECT_ID"]


def grant(owner: Azure, key: str, principal: str, scope: str, **more: Any) -> str:
    """The role's definition and an assignment of it, as the Owner makes them; the assignment's id."""
    one = role(key)
    definition = azure.definition_id(LOCAL_SUBSCRIPTION, one)
    made = owner.send("PUT", definition, azure.definition(LOCAL_SUBSCRIPTION, one))
    assert made.status_code < 300, made.text
    id = (
        f"{scope}/providers/Microsoft.Authorization/roleAssignments/"
        f"{azure.assignment_name(scope, principal, definition)}"
    )
    done = owner.send("PUT", id, azure.assignment(definition, principal, **more))
    assert done.status_code < 300, done.text
    return id


def allowed(call: Any) -> bool:
    """Whether a call is let through (True) or denied for want of a role (False)."""
    try:
        call()
    except ArmError as error:
        if error.code in ("AuthorizationFailed", "LinkedAuthorizationFailed"):
            return False
        raise
    return True


def test_an_identity_without_a_role_is_denied_in_azures_words(
    strict: localcloud.LocalCloud, owner: Azure
) -> None:
    arm, object_id = somebody(strict)
    with pytest.raises(ArmError) as denied:
        arm.get(owner.group, "2024-03-01")
    assert (denied.value.status, denied.value.code) == (403, "AuthorizationFailed")
    assert (
        f"with object id '{object_id}' does not have authorization to perform action" in denied.value.message
    )
    assert "'Microsoft.Resources/subscriptions/resourceGroups/read'" in denied.value.message
    assert f"over scope '{owner.group}'" in denied.value.message


def test_a_token_that_nobody_was_given_is_no_identity_at_all(
    strict: localcloud.LocalCloud, owner: Azure
) -> None:
    answer = httpx.get(
        f"{strict.url}{owner.group}?api-version=2024-03-01",
        headers={"Authorization": "Bearer made-up"},
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")


def test_an_assignment_works_only_after_its_while(strict: localcloud.LocalCloud, owner: Azure) -> None:
    """Facts: role assignments take minutes to work."""
    arm, principal = somebody(strict)
    grant(owner, "readiness", principal, owner.group)
    began = time.monotonic()
    assert not allowed(lambda: arm.get(owner.group, "2024-03-01")), "it worked at once"
    until(lambda: allowed(lambda: arm.get(owner.group, "2024-03-01")))
    assert time.monotonic() - began >= 0.1


def test_a_role_holds_at_its_scope_and_below_and_nowhere_else(
    strict: localcloud.LocalCloud, owner: Azure
) -> None:
    arm, principal = somebody(strict)
    grant(owner, "deployer", principal, owner.group)
    until(lambda: allowed(lambda: arm.get(owner.group, "2024-03-01")))
    assert allowed(
        lambda: arm.list(f"{owner.group}/providers/Microsoft.Network/virtualNetworks", "2024-05-01")
    )
    assert not allowed(lambda: arm.list(f"{SUBSCRIPTION}/resourceGroups", "2024-03-01"))
    assert not allowed(
        lambda: arm.put(f"{SUBSCRIPTION}/resourceGroups/other", {"location": "westeurope"}, "2024-03-01")
    )


def test_a_taken_away_assignment_stops_to_work(strict: localcloud.LocalCloud, owner: Azure) -> None:
    arm, principal = somebody(strict)
    id = grant(owner, "readiness", principal, owner.group)
    until(lambda: allowed(lambda: arm.get(owner.group, "2024-03-01")))
    assert owner.send("DELETE", id).status_code == 200
    until(lambda: not allowed(lambda: arm.get(owner.group, "2024-03-01")))


SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
GATEWAY_API = "2024-05-01"


@pytest.fixture
def unread(owner: Azure) -> tuple[Body, str, str]:
    """A gateway's body with a certificate that its identity has no role for yet; the assignment's id and the identity."""
    vault_id = vault(owner)
    uri = owner.get(vault_id)["properties"]["vaultUri"]
    Certificates({"properties": {"vaultUri": uri}}, owner.endpoints).create("wildcard", NAMES)
    body = secure(owner, f"{uri}secrets/wildcard")
    [identity] = body["identity"]["userAssignedIdentities"]
    principal = owner.get(identity)["properties"]["principalId"]
    scope = f"{vault_id}/secrets/wildcard"
    return body, f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}", principal


def may_read(owner: Azure, assignment: str, principal: str) -> None:
    definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{SECRETS_USER}"
    owner.put(assignment, azure.assignment(definition, principal, kind="ServicePrincipal"))


def refused(call: Any) -> bool:
    try:
        call()
    except ArmError as error:
        return young_identity(error)
    return False


def test_a_gateway_whose_identity_got_its_role_a_moment_ago_is_waited_for(
    owner: Azure, unread: tuple[Body, str, str]
) -> None:
    """A first build assigns the role and makes the gateway right after (mspnp/aks-baseline#242): Azure says no for a while."""
    body, assignment, principal = unread
    arm, id = Arm(owner.endpoints), owner.id("Microsoft.Network/applicationGateways/agw")
    assert refused(lambda: arm.put(id, body, GATEWAY_API))
    may_read(owner, assignment, principal)
    with pytest.raises(ArmError, match="observe propagation time"):
        arm.put(id, body, GATEWAY_API)  # the assignment stands, and does not work yet
    made = LiveCloud(arm).put(id, body, GATEWAY_API)
    assert made["properties"]["provisioningState"] == "Succeeded"
    arm.close()


def test_a_running_gateway_that_lost_its_role_is_refused_at_once(
    owner: Azure, unread: tuple[Body, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a failover ten minutes of patience would bring nothing back."""
    body, assignment, principal = unread
    arm, id = Arm(owner.endpoints), owner.id("Microsoft.Network/applicationGateways/agw")
    may_read(owner, assignment, principal)
    LiveCloud(arm).put(id, body, GATEWAY_API)
    assert owner.send("DELETE", assignment).status_code == 200
    until(lambda: refused(lambda: arm.put(id, body, GATEWAY_API)))
    monkeypatch.setattr("clouds.direct_engine.RoleReady", lambda *_, **__: pytest.fail("it waited"))
    with pytest.raises(ArmError, match="observe propagation time"):
        LiveCloud(arm).put(id, body, GATEWAY_API)
    arm.close()


def test_naming_another_resource_needs_the_right_to_join_it(
    strict: localcloud.LocalCloud, owner: Azure
) -> None:
    """Azure's LinkedAuthorizationFailed: a write alone is not enough where the body names something else."""
    identity = owner.put("Microsoft.ManagedIdentity/userAssignedIdentities/id", {"location": "westeurope"})[
        "id"
    ]
    arm, principal = somebody(strict)
    narrow = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{uuid.uuid4()}"
    owner.send("PUT", narrow, {"properties": {"roleName": "vault only", "permissions": [
        {"actions": ["Microsoft.Storage/storageAccounts/*"], "dataActions": []}]}})  # fmt: skip
    scope = f"{owner.group}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    owner.send("PUT", scope, azure.assignment(narrow, principal))
    account = owner.id("Microsoft.Storage/storageAccounts/stlinked")
    body = {
        "location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"},
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}, "properties": {},
    }  # fmt: skip
    until(
        lambda: allowed(
            lambda: arm.list(f"{owner.group}/providers/Microsoft.Storage/storageAccounts", "2024-01-01")
        )
    )
    with pytest.raises(ArmError) as denied:
        arm.put(account, body, "2024-01-01")
    assert denied.value.code == "LinkedAuthorizationFailed"
    assert "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action" in denied.value.message
    del body["identity"]
    arm.put(account, body, "2024-01-01")


def test_the_deployer_may_assign_only_the_roles_that_its_condition_names(
    strict: localcloud.LocalCloud, owner: Azure
) -> None:
    blob_owner, own = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    arm, principal = somebody(strict)
    grant(owner, "deployer", principal, owner.group, only_roles=[blob_owner])
    until(lambda: allowed(lambda: arm.get(owner.group, "2024-03-01")))

    def assign(definition: str) -> None:
        id = f"{owner.group}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        whole = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{definition}"
        arm.put(id, azure.assignment(whole, principal), "2022-04-01")

    assert allowed(lambda: assign(blob_owner))
    assert not allowed(lambda: assign(own)), "the deployer made itself Owner"


@pytest.mark.parametrize("key", [r.key for r in ROLES if r.key != "deployer"])
def test_no_role_but_the_deployers_can_widen_anybody(
    strict: localcloud.LocalCloud, owner: Azure, key: str
) -> None:
    arm, principal = somebody(strict)
    grant(owner, key, principal, owner.group)
    until(
        lambda: bool(
            [r for r in strict.control("GET", "roles") if r["principal"] == principal and r["inForce"]]
        )
    )
    definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{uuid.uuid4()}"
    id = f"{owner.group}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    assert not allowed(lambda: arm.put(id, azure.assignment(definition, principal), "2022-04-01"))
    assert not allowed(lambda: arm.put(definition, {"properties": {"permissions": []}}, "2022-04-01"))


def test_without_the_option_everybody_who_signs_in_may_do_everything(
    cloud: localcloud.LocalCloud, azure: Azure
) -> None:
    arm = Arm(load(cloud.sign_in("anybody")))
    assert arm.get(azure.group, "2024-03-01")["name"] == azure.group_name
