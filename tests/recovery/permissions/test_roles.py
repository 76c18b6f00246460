"""Permissions are data; page, role definitions and code say the same, and least privilege holds by rule."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session
import pytest

from recovery.arm.catalogue import CATALOGUE
from recovery.permissions import ROLES, Role, aws, azure, role
from recovery.permissions.actions import linked, needed
from recovery.permissions.model import Grant
from recovery.permissions.page import PAGE, page
from recovery.permissions.roles import DEPLOYER
from recovery.sync.source import Source

ROOT = Path(__file__).resolve().parents[3]
SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"


def test_the_page_is_the_one_that_the_data_writes() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(), "make readme"


@pytest.mark.parametrize(
    ("method", "path", "action", "scope"),
    [
        ("GET", f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v", "Microsoft.Network/virtualNetworks/read", f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v"),
        ("GET", f"{GROUP}/providers/Microsoft.Network/virtualNetworks", "Microsoft.Network/virtualNetworks/read", GROUP),
        ("PUT", f"{GROUP}/providers/Microsoft.Network/dnsZones/z/A/@", "Microsoft.Network/dnsZones/A/write", f"{GROUP}/providers/Microsoft.Network/dnsZones/z/A/@"),
        ("PATCH", GROUP, "Microsoft.Resources/subscriptions/resourceGroups/write", GROUP),
        ("GET", f"{GROUP}/resources", "Microsoft.Resources/subscriptions/resourceGroups/resources/read", GROUP),
        ("GET", f"/subscriptions/{SUBSCRIPTION}/resourceGroups", "Microsoft.Resources/subscriptions/resourceGroups/read", f"/subscriptions/{SUBSCRIPTION}"),
        ("POST", f"{GROUP}/providers/Microsoft.Network/applicationGateways/g/backendhealth", "Microsoft.Network/applicationGateways/backendhealth/action", f"{GROUP}/providers/Microsoft.Network/applicationGateways/g"),
        ("POST", f"{GROUP}/providers/Microsoft.Web/sites/s/config/appsettings/list", "Microsoft.Web/sites/config/list/action", f"{GROUP}/providers/Microsoft.Web/sites/s/config/appsettings"),
        ("DELETE", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a", "Microsoft.Storage/storageAccounts/delete", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a"),
        ("PUT", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a/providers/Microsoft.Authorization/roleAssignments/x", "Microsoft.Authorization/roleAssignments/write", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a/providers/Microsoft.Authorization/roleAssignments/x"),
        ("GET", f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets", "Microsoft.Network/virtualNetworks/subnets/read", f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v"),
    ],
)  # fmt: skip
def test_a_request_needs_the_action_that_azure_names(method: str, path: str, action: str, scope: str) -> None:
    assert needed(method, path) == (action, scope)


def test_every_type_that_the_program_may_declare_can_be_written_by_the_deployer_and_read_by_all_who_compare() -> (
    None
):
    for row in CATALOGUE.values():
        if not row.api_version:
            continue
        kind = row.arm_type.replace("{recordType}", "A")
        kind = kind.replace(
            "Microsoft.Resources/resourceGroups", "Microsoft.Resources/subscriptions/resourceGroups"
        )
        assert DEPLOYER.may(f"{kind}/write"), kind
        for key in ("deployer", "operator", "readiness", "remover"):
            assert role(key).may(f"{kind}/read"), (key, kind)


FORBIDDEN_TO_ALL = (
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",  # the private key is a secret
    "Microsoft.KeyVault/vaults/keys/delete",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.DocumentDB/databaseAccounts/listKeys/action",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/elevateAccess/action",
)


@pytest.mark.parametrize("one", ROLES, ids=lambda r: r.key)
def test_no_role_reads_a_private_key_an_account_key_or_widens_itself(one: Role) -> None:
    for action in FORBIDDEN_TO_ALL:
        assert not one.may(action) and not one.may_data(action), action


@pytest.mark.parametrize("one", ROLES, ids=lambda r: r.key)
def test_a_wildcard_stands_only_where_a_change_is_followed(one: Role) -> None:
    wide = {g.action for g in (*one.actions, *one.data, *one.documents) if "*" in g.action}
    assert wide <= {"*/operations/read", "*/operationresults/read", "*/operationStatuses/read"}
    for statement in one.aws:
        assert all("*" not in action for action in statement.actions)
        # Three calls know no resource in AWS's own model; the metric is held by its namespace.
        if statement.sid not in ("WhoAmI", "FindReaders") and not statement.condition:
            assert all(resource != "*" for resource in statement.resources)


@pytest.mark.parametrize(
    ("key", "writes"),
    [
        ("readiness", {"Microsoft.Network/dnsZones/TXT/write"}),
        ("approver", set()),
        ("sync", set()),
        ("remover", set()),
    ],
)
def test_who_only_looks_writes_nothing_in_resource_manager(key: str, writes: set[str]) -> None:
    assert {g.action for g in role(key).actions if g.action.endswith("/write")} == writes


def test_only_the_deployer_assigns_roles_and_only_the_remover_deletes_what_is_declared() -> None:
    assign = "Microsoft.Authorization/roleAssignments/write"
    assert [r.key for r in ROLES if r.may(assign)] == ["deployer"]
    account = "Microsoft.Storage/storageAccounts/delete"
    assert [r.key for r in ROLES if r.may(account)] == ["remover"]


def test_every_grant_has_its_reason_and_stands_once() -> None:
    for one in ROLES:
        for given in (one.actions, one.data, one.documents):
            assert all(g.why for g in given)
        reasons = [(g.action, g.why) for g in one.actions]
        assert len(reasons) == len(set(reasons)), one.key


def test_a_grant_covers_without_case_and_a_star_any_run_of_characters() -> None:
    assert Grant("Microsoft.Network/*/read", "").covers("microsoft.network/dnsZones/A/read")
    assert not Grant("Microsoft.Network/*/read", "").covers("Microsoft.Network/dnsZones/A/write")
    assert not Grant("Microsoft.Network/dnsZones/read", "").covers("Microsoft.Network/dnsZones/A/read")


def test_the_deployers_condition_names_the_definitions_that_it_may_assign() -> None:
    text = azure.assignment("def", "me", only_roles=["b", "a"])["properties"]["condition"]
    assert azure.assignable(text) == {"a", "b"}
    assert azure.assignable("somebody else's") is None


def test_naming_another_resource_needs_azures_linked_action() -> None:
    assert linked(f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s") == (
        "Microsoft.Network/virtualNetworks/subnets/join/action"
    )
    assert linked(f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a") is None


# -- AWS: what the code calls, and what the statements allow ----------------------------------------------------

_ROOMS = ("clouds", "clouds/sync", "clouds/objects", "clouds/runbook")
_SERVICES = {
    "s3": "s3",
    "dynamodb": "dynamodb",
    "dynamodbstreams": "dynamodb",
    "sqs": "sqs",
    "sts": "sts",
    "cloudwatch": "cloudwatch",
    "lambda": "lambda",
}
_IAM = {  # an operation whose permission has another name (docs.aws.amazon.com/service-authorization)
    "s3:HeadObject": ("s3:GetObject",), "s3:HeadBucket": ("s3:ListBucket",), "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:CopyObject": ("s3:GetObject", "s3:PutObject"), "s3:CreateMultipartUpload": ("s3:PutObject",),
    "s3:UploadPart": ("s3:PutObject",), "s3:CompleteMultipartUpload": ("s3:PutObject",),
    "s3:GetBucketNotificationConfiguration": ("s3:GetBucketNotification",),
    "s3:PutBucketNotificationConfiguration": ("s3:PutBucketNotification",),
    "sqs:DeleteMessageBatch": ("sqs:DeleteMessage",),
}  # fmt: skip


def _called() -> set[str]:
    """IAM actions of every boto3 operation that stands in the rooms which speak to the primary's data."""
    session = botocore.session.get_session()
    operations: dict[str, str] = {}
    for service, prefix in _SERVICES.items():
        model = session.get_service_model(service)
        for name in model.operation_names:
            snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
            operations.setdefault(snake, f"{prefix}:{name}")  # one name in two services: the first
    operations["list_objects_v2"] = "s3:ListObjectsV2"
    found: set[str] = set()
    for room in _ROOMS:
        for file in (ROOT / room).glob("*.py"):
            text = file.read_text()
            names = re.findall(
                r"(?:s3|dynamodb|streams|sqs|sts|lambda|functions|aws|client)(?:\(\"\w+\"\))?\.(\w+)\b", text
            )
            for name in (*names, *re.findall(r"paginator\(\"(\w+)\"\)", text)):
                if name in operations:
                    found |= set(_IAM.get(operations[name], (operations[name],)))
    return found


def test_every_call_to_aws_that_stands_in_the_code_is_allowed_to_the_operator() -> None:
    allowed = {action for statement in role("operator").aws for action in statement.actions}
    called = _called()
    assert {"s3:ListBucket", "dynamodb:ExportTableToPointInTime", "sqs:ReceiveMessage"} <= called, (
        "the scan found nothing: it cannot fail"
    )
    assert called - allowed == set()


def test_nothing_is_allowed_in_aws_that_the_code_does_not_call() -> None:
    # Begun by botocore, or by DynamoDB with the caller's rights, under another name than the operation called.
    implied = {"s3:AbortMultipartUpload"}
    allowed = {action for one in ROLES for statement in one.aws for action in statement.actions}
    assert allowed - _called() - implied == set()


def test_the_sync_job_cannot_freeze_nor_mute_the_primary() -> None:
    allowed = {action for statement in role("sync").aws for action in statement.actions}
    assert not any("Policy" in action or "Notification" in action for action in allowed)


def test_the_policy_names_this_sites_buckets_and_table_and_the_trust_one_identity() -> None:
    policy = aws.policy(role("sync"), Source(uploadsBucket="mine"), "123456789012")
    resources = [text for one in policy["Statement"] for text in one["Resource"]]
    assert "arn:aws:s3:::mine" in resources and "arn:aws:s3:::mine/*" in resources
    assert "arn:aws:dynamodb:us-east-1:123456789012:table/demay-images" in resources
    assert not any("{" in text for text in resources)
    trust = aws.trust("123456789012", "tenant", "api://app", "principal")
    assert trust["Statement"][0]["Condition"] == {
        "StringEquals": {
            "sts.windows.net/tenant/:aud": "api://app",
            "sts.windows.net/tenant/:sub": "principal",
        }
    }


def test_a_role_definition_is_whole_and_its_name_stays() -> None:
    body = azure.definition(SUBSCRIPTION, role("operator"))["properties"]
    assert body["assignableScopes"] == [f"/subscriptions/{SUBSCRIPTION}"]
    assert "Microsoft.Compute/virtualMachineScaleSets/write" in body["permissions"][0]["actions"]
    assert not any("DocumentDB" in a for a in body["permissions"][0]["dataActions"])
    assert azure.name_of(SUBSCRIPTION, role("operator")) == azure.name_of(
        SUBSCRIPTION.upper(), role("operator")
    )
