"""Stack `source`, whole: export bucket, event queue, what bucket and table must send, the sync's role, the alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.gates import BucketEvents, TableStream
from components.image_app.common import kept
from components.image_app.source import rights
from components.image_app.source.settings import SourceSide

FLOWS = ("site", "uploads", "metadata")
DAY = 86_400


class SourceFootprint(pulumi.ComponentResource):
    """Everything of the site in AWS that is ours. Bucket and table themselves are the primary's: what they have stays."""

    def __init__(self, side: SourceSide) -> None:
        super().__init__("standby:aws:Source", "source")
        self._side, self._tags = side, dict(side.tags)
        self._aws = aws.Provider("aws", region=side.source.region, opts=pulumi.ResourceOptions(parent=self))
        exports, (queue, allowed) = self._exports(), self._queue()
        names, arn = side.source, self._arn("sqs", side.source.queue)
        for label, bucket in (("site", names.site_bucket), ("uploads", names.uploads_bucket)):
            BucketEvents(
                f"{label}-events",
                {"bucket": bucket, "queueArn": arn, "region": names.region},
                kept(self, [queue, allowed]),
            )
        TableStream("table-stream", {"table": names.table, "region": names.region}, kept(self))
        role, topic = self._role(), self._alarms()
        self.exports: Mapping[str, Any] = {
            "exportBucket": exports.bucket, "queue": queue.url, "roleArn": role.arn, "topicArn": topic.arn,
        }  # fmt: skip
        self.register_outputs({})

    def _kept(self, after: list[pulumi.Resource] | None = None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(
            kept(self, after or []), pulumi.ResourceOptions(provider=self._aws)
        )

    def _arn(self, service: str, name: str) -> str:
        return f"arn:aws:{service}:{self._side.source.region}:{self._side.account}:{name}"

    def _exports(self) -> aws.s3.Bucket:
        """Where DynamoDB writes: private, encrypted, versioned, over TLS; exports are gone after a month."""
        name = self._side.source.export_bucket
        bucket = aws.s3.Bucket(
            "exports", bucket=name, force_destroy=False, tags=self._tags, opts=self._kept()
        )
        aws.s3.BucketPublicAccessBlock(
            "exports-private", bucket=bucket.bucket, block_public_acls=True, block_public_policy=True, ignore_public_acls=True,
            restrict_public_buckets=True, opts=self._kept(),
        )  # fmt: skip
        aws.s3.BucketServerSideEncryptionConfiguration(
            "exports-encrypted", bucket=bucket.bucket, opts=self._kept(),
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}, "bucket_key_enabled": True}],
        )  # fmt: skip
        versions = aws.s3.BucketVersioning(
            "exports-versions", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=self._kept()
        )  # fmt: skip
        aws.s3.BucketLifecycleConfiguration(
            "exports-lifecycle", bucket=bucket.bucket, opts=self._kept([versions]),
            rules=[{
                "id": "a-month", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 35},
                "noncurrent_version_expiration": {"noncurrent_days": 7},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 2},
            }],
        )  # fmt: skip
        aws.s3.BucketPolicy(
            "exports-tls", bucket=bucket.bucket, policy=json.dumps(rights.tls_alone(name)), opts=self._kept()
        )
        return bucket

    def _queue(self) -> tuple[aws.sqs.Queue, aws.sqs.QueuePolicy]:
        """Events of both buckets: kept for two weeks, and what fails five times is put aside."""
        name = self._side.source.queue
        aside = aws.sqs.Queue(
            "events-aside", name=f"{name}-aside", message_retention_seconds=14 * DAY, sqs_managed_sse_enabled=True,
            tags=self._tags, opts=self._kept(),
        )  # fmt: skip
        queue = aws.sqs.Queue(
            "events-queue", name=name, message_retention_seconds=14 * DAY, visibility_timeout_seconds=120,
            receive_wait_time_seconds=20, sqs_managed_sse_enabled=True, tags=self._tags,
            redrive_policy=json.dumps({"deadLetterTargetArn": self._arn("sqs", f"{name}-aside"), "maxReceiveCount": 5}),
            opts=self._kept([aside]),
        )  # fmt: skip
        allowed = aws.sqs.QueuePolicy(
            "events-queue-from-buckets", queue_url=queue.url, policy=json.dumps(rights.from_buckets(self._side)), opts=self._kept()
        )  # fmt: skip
        return queue, allowed

    def _role(self) -> aws.iam.Role:
        """The sync's: an Azure identity's token is its only way in. The identity is what stack standby exports."""
        side = self._side
        issuer = f"https://{rights.issuer_of(side)}"
        provider = aws.iam.OpenIdConnectProvider(
            "azure", url=issuer, client_id_lists=[side.audience], tags=self._tags, opts=self._kept()
        )
        azure = pulumi.StackReference(
            "azure-side", stack_name=f"organization/{pulumi.get_project()}/{side.standby}"
        )
        federated = f"arn:aws:iam::{side.account}:oidc-provider/{rights.issuer_of(side)}"
        trusted = azure.get_output("syncPrincipal").apply(
            lambda principal: json.dumps(
                rights.trust(side, federated, _known(principal, side.standby)), ensure_ascii=False
            )
        )
        role = aws.iam.Role(
            "sync", name=side.role, description="the standby's sync, by the token of its Azure identity",
            max_session_duration=4 * 3600, assume_role_policy=trusted, tags=self._tags, opts=self._kept([provider]),
        )  # fmt: skip
        allowed = json.dumps(rights.document(rights.statements(side)))
        aws.iam.RolePolicy("sync-rights", name="sync", role=role.name, policy=allowed, opts=self._kept())
        return role

    def _alarms(self) -> aws.sns.Topic:
        """SYNC-4: two days running without a run that carried and proved everything; silence counts as failure."""
        side = self._side
        topic = aws.sns.Topic(
            "alarms", name=f"{side.prefix}-dr-alarms", kms_master_key_id="alias/aws/sns", tags=self._tags, opts=self._kept()
        )  # fmt: skip
        for n, mail in enumerate(side.emails, 1):
            aws.sns.TopicSubscription(
                f"mail-{n}", topic=topic.arn, protocol="email", endpoint=mail, opts=self._kept()
            )
        for flow in FLOWS:
            aws.cloudwatch.MetricAlarm(
                f"two-days-{flow}", name=f"{side.prefix}-dr-sync-{flow}", namespace=rights.METRICS, metric_name="Succeeded",
                dimensions={"Flow": flow}, statistic="Sum", period=DAY, evaluation_periods=2, datapoints_to_alarm=2,
                comparison_operator="LessThanThreshold", threshold=1, treat_missing_data="breaching",
                alarm_description=f"no {flow} sync has succeeded for two days running: dr sync {flow}",
                actions_enabled=True, alarm_actions=[topic.arn], ok_actions=[topic.arn], tags=self._tags, opts=self._kept(),
            )  # fmt: skip
        return topic


def _known(principal: object, stack: str) -> str:
    """The identity's object id. Raises RunError where the stack does not tell it: a role that trusts "None" is worse."""
    if not isinstance(principal, str) or not principal:
        raise pulumi.RunError(
            f"stack {stack} exports no syncPrincipal; nothing was created\n"
            "  why it matters: the role would trust nobody, and no sync would reach AWS\n"
            f"  fix: pulumi up -s {stack}    (the standby first, then: pulumi up -s source)"
        )
    return principal
