"""Stack `source`, the primary's side, by the real CLI: built, checked, mended, killed half-way (SYNC-3, SYNC-4)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from clouds.aws.session import client
from localcloud.aws.seed import ACCOUNT
from recovery.model import Json
from tests.pulumi_cli.conftest import Bench, Ended

REGION = "us-east-1"
SITE, UPLOADS, EXPORTS = "demay-site", "demay-uploads", "demay-dr-exports"
TABLE, QUEUE = "demay-images", "demay-dr-uploads"
THEIRS = "somebody-elses"
KNOWN = {"AWS_ACCOUNT_ID": ACCOUNT, "DR_FEDERATION_AUDIENCE": "api://app-1"}
"""What `dr init` writes into its file; the standby of these tests was built without."""


@dataclass
class Side:
    """AWS of the local cloud, and the commands on stack source."""

    bench: Bench
    url: str

    def aws(self, service: str) -> Any:
        return client(service, REGION, self.url)

    def pulumi(self, *args: str) -> Ended:
        return self.bench.pulumi(*args, "-s", "source", **KNOWN)

    def up(self) -> Ended:
        return self.pulumi("up", "--yes", "--skip-preview")

    def preview(self) -> Ended:
        return self.pulumi("preview", "--expect-no-changes", "--diff")

    def drift(self) -> tuple[int, list[str]]:
        done = self.bench.dr("drift", "-s", "source", "--format", "json", **KNOWN)
        assert done.out, done.said
        found = json.loads(done.out)["findings"]
        return done.code, sorted(
            f"{one['verdict']} {one['id'].rpartition('/')[2]} {one['path']}" for one in found
        )

    def bucket(self, name: str) -> dict[str, Json]:
        """All that a stack could spoil in a bucket that is not its own, but for what tells our queue."""
        s3 = self.aws("s3")
        told = s3.get_bucket_notification_configuration(Bucket=name)
        told.pop("ResponseMetadata")
        queues = [one for one in told.pop("QueueConfigurations", []) if QUEUE not in one["QueueArn"]]
        return {
            "tags": s3.get_bucket_tagging(Bucket=name)["TagSet"], "told": told, "queues": queues,
            "versions": s3.get_bucket_versioning(Bucket=name).get("Status"),
            "rules": s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"],
        }  # fmt: skip

    def ours(self, bucket: str) -> list[str]:
        found = self.aws("s3").get_bucket_notification_configuration(Bucket=bucket)
        return [
            one["Id"] for one in found.get("QueueConfigurations", []) if one["QueueArn"].endswith(f":{QUEUE}")
        ]

    def roles(self) -> list[str]:
        return [one["RoleName"] for one in self.aws("iam").list_roles()["Roles"]]

    def table(self) -> dict[str, Json]:
        dynamodb = self.aws("dynamodb")
        shown = dynamodb.describe_table(TableName=TABLE)["Table"]
        backups = dynamodb.describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]
        return {
            "stream": (shown.get("StreamSpecification") or {}).get("StreamViewType"),
            "recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
            "tags": dynamodb.list_tags_of_resource(ResourceArn=shown["TableArn"])["Tags"],
            "arn": shown["TableArn"],
        }  # fmt: skip


@pytest.fixture
def side(ready: Bench) -> Side:
    """A primary that has never heard of us: no export bucket, no queue, notifications and settings of its own."""
    side = Side(ready, str(ready.arm.endpoints.aws_url))
    s3, sqs, dynamodb = side.aws("s3"), side.aws("sqs"), side.aws("dynamodb")
    empty(s3, EXPORTS)
    for name in (QUEUE, f"{QUEUE}-aside"):
        gone(sqs, name)
    nobody(side.aws("iam"), side.aws("sns"), side.aws("cloudwatch"))
    theirs = sqs.create_queue(QueueName=THEIRS)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=theirs, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = {
        "ID": "old-parts",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
    }
    for name in (SITE, UPLOADS):
        s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={
            "QueueConfigurations": [{"Id": "theirs", "QueueArn": arn, "Events": ["s3:ObjectCreated:Put"]}],
        })  # fmt: skip
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "owner", "Value": "the-site"}]})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    keys = dynamodb.describe_table(TableName=TABLE)["Table"]
    dynamodb.delete_table(TableName=TABLE)  # moto 5.2 switches no stream on that was ever switched off
    dynamodb.create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST", KeySchema=keys["KeySchema"],
        AttributeDefinitions=keys["AttributeDefinitions"], Tags=[{"Key": "owner", "Value": "the-site"}],
    )  # fmt: skip
    made = ready.pulumi("stack", "init", "source")
    assert made.code == 0, made.said
    return side


def empty(s3: Any, bucket: str) -> None:
    """Take a bucket away with all it holds, if it is there."""
    if bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        return
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def nobody(iam: Any, sns: Any, cloudwatch: Any) -> None:
    """Take the role, its issuer, the topic and the alarms away, of the test before."""
    for role in iam.list_roles()["Roles"]:
        if role["RoleName"] == "demay-dr-sync":
            for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                iam.delete_role_policy(RoleName=role["RoleName"], PolicyName=policy)
            iam.delete_role(RoleName=role["RoleName"])
    for issuer in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=issuer["Arn"])
    for topic in sns.list_topics()["Topics"]:
        sns.delete_topic(TopicArn=topic["TopicArn"])
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    cloudwatch.delete_alarms(AlarmNames=[one["AlarmName"] for one in alarms])


def gone(sqs: Any, name: str) -> None:
    for url in sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", []):
        if url.endswith(f"/{name}"):
            sqs.delete_queue(QueueUrl=url)


def test_the_primarys_side_is_built_and_checked_and_what_bucket_and_table_had_stays(side: Side) -> None:
    """SYNC-3: built by a bare up; the bucket's and the table's own settings are the primary's, before and after."""
    before = {name: side.bucket(name) for name in (SITE, UPLOADS)}
    tags = side.table()["tags"]
    built = side.up()
    assert built.code == 0, built.said
    assert {name: side.bucket(name) for name in (SITE, UPLOADS)} == before
    assert [side.ours(name) for name in (SITE, UPLOADS)] == [["standby-uploads"]] * 2
    assert side.table() | {"arn": ""} == {
        "stream": "NEW_AND_OLD_IMAGES",
        "recovery": "ENABLED",
        "tags": tags,
        "arn": "",
    }
    role = side.aws("iam").get_role(RoleName="demay-dr-sync")["Role"]
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]
    standby = side.bench.exported("standby")["deployment"]["resources"][0]["outputs"]["syncPrincipal"]
    assert standby in trusted.values(), "the role trusts the identity that the standby has"
    calm = side.preview()
    assert calm.code == 0, calm.said
    assert side.drift() == (0, [])


def test_what_somebody_changed_in_aws_is_found_by_both_and_mended_by_the_next_up(side: Side) -> None:
    """SYNC-4: an alarm that is off, a policy that is gone, a right too many, an event that nobody hears."""
    built = side.up()
    assert built.code == 0, built.said
    cloudwatch, sqs, iam, s3 = (side.aws(name) for name in ("cloudwatch", "sqs", "iam", "s3"))
    cloudwatch.disable_alarm_actions(AlarmNames=["demay-dr-sync-metadata"])
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    # the policy goes along, for moto 5.2 forgets what is not sent
    sqs.set_queue_attributes(QueueUrl=url, Attributes={**held, "MessageRetentionPeriod": "600"})
    s3.delete_bucket_policy(Bucket=EXPORTS)
    wide = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    )
    iam.put_role_policy(RoleName="demay-dr-sync", PolicyName="sync", PolicyDocument=wide)
    theirs = s3.get_bucket_notification_configuration(Bucket=UPLOADS)
    kept = [one for one in theirs["QueueConfigurations"] if one["Id"] == "theirs"]
    s3.put_bucket_notification_configuration(
        Bucket=UPLOADS, NotificationConfiguration={"QueueConfigurations": kept}
    )

    code, found = side.drift()
    assert (code, found) == (3, [
        f"missing {EXPORTS} ", "~ demay-dr-sync-metadata actionsEnabled", f"~ {QUEUE} messageRetentionSeconds",
        "~ gate:uploads-events observed", "~ sync policy",
    ])  # fmt: skip
    checked = side.preview()
    assert checked.code == 7, checked.said
    mended = side.up()
    assert mended.code == 0, mended.said
    assert side.drift() == (0, [])
    assert cloudwatch.describe_alarms(AlarmNames=["demay-dr-sync-metadata"])["MetricAlarms"][0][
        "ActionsEnabled"
    ]
    assert side.ours(UPLOADS) == ["standby-uploads"]


def test_an_up_killed_in_the_middle_goes_on_where_it_was(side: Side) -> None:
    """What came to exist and was not written down is taken in: AWS refuses a second role of that name."""
    process = subprocess.Popen(
        ["pulumi", "up", "-s", "source", "--yes", "--skip-preview", "--non-interactive"],  # noqa: S607
        cwd=side.bench.project, env={**side.bench.environment, **KNOWN}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    side.bench.wait_for(lambda: "demay-dr-sync" in side.roles())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    refused = side.up()
    assert "lock" in refused.said, refused.said
    resumed = side.bench.dr("resume", "-s", "source", **KNOWN)
    assert resumed.code == 0, resumed.said
    assert "pulumi up -s source" in resumed.out
    again = side.up()
    assert again.code == 0, again.said
    assert side.preview().code == 0
    assert side.drift() == (0, [])


@pytest.mark.parametrize("missing", list(KNOWN))
def test_without_what_dr_init_wrote_nothing_is_created_and_the_error_names_it(
    side: Side, missing: str
) -> None:
    done = side.bench.pulumi("up", "--yes", "--skip-preview", "-s", "source", **{**KNOWN, missing: ""})
    assert done.code != 0
    assert missing in done.said and "dr init" in done.said
    assert EXPORTS not in [one["Name"] for one in side.aws("s3").list_buckets()["Buckets"]]
