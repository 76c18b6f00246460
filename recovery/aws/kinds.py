"""The AWS types that the program declares, of both sites: Pulumi token, type, region, and how each is named. Pure.

An id of ours names a resource wherever it is asked for: ``/aws/us-west-2/AWS::S3::Bucket/trustlayer-flags``. The types
are CloudFormation's names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from recovery.model import Json

EAST, WEST = "us-east-1", "us-west-2"
_REFERS = re.compile(r"⟦([^#⟦⟧]+)#[^⟦⟧]+⟧")


@dataclass(frozen=True)
class AwsKind:
    """One AWS type. region: where site trustlayer has it, unless its provider says another. name: the inputs that name a
    resource, joined by "/". fixed: inputs that cannot be changed in place. silent: inputs that are the provider's own,
    which AWS never returns. made: outputs that only AWS knows."""

    token: str
    type: str
    region: str
    name: tuple[str, ...]
    fixed: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    made: tuple[str, ...] = ()


def _s3(kind: str, type: str, region: str = WEST, **more: Json) -> AwsKind:
    return AwsKind(
        f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}",
        type,
        region,
        ("bucket",),
        frozenset({"bucket"}),
        **more,
    )


AWS: dict[str, AwsKind] = {
    row.token: row
    for row in (
        _s3("Bucket", "AWS::S3::Bucket", silent=frozenset({"forceDestroy"})),
        _s3("BucketVersioning", "AWS::S3::BucketVersioning"),
        _s3("BucketObjectLockConfiguration", "AWS::S3::ObjectLock"),
        _s3("BucketPublicAccessBlock", "AWS::S3::PublicAccessBlock"),
        _s3("BucketPolicy", "AWS::S3::BucketPolicy"),
        _s3("BucketReplicationConfig", "AWS::S3::Replication", EAST),
        _s3("BucketServerSideEncryptionConfiguration", "AWS::S3::Encryption"),
        _s3("BucketLifecycleConfiguration", "AWS::S3::Lifecycle"),
        AwsKind("aws:sqs/queue:Queue", "AWS::SQS::Queue", EAST, ("name",), frozenset({"name"}), made=("url", "arn")),
        AwsKind("aws:sqs/queuePolicy:QueuePolicy", "AWS::SQS::QueuePolicy", EAST, ("queueUrl",), frozenset({"queueUrl"})),
        AwsKind("aws:sns/topic:Topic", "AWS::SNS::Topic", EAST, ("name",), frozenset({"name"}), made=("arn",)),
        AwsKind(
            "aws:sns/topicSubscription:TopicSubscription", "AWS::SNS::Subscription", EAST, ("topic", "protocol", "endpoint"),
            frozenset({"topic", "protocol", "endpoint"}),
        ),
        AwsKind("aws:cloudwatch/metricAlarm:MetricAlarm", "AWS::CloudWatch::Alarm", EAST, ("name",), frozenset({"name"})),
        AwsKind("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "AWS::IAM::OIDCProvider", EAST, ("url",), frozenset({"url"}), made=("arn",)),
        AwsKind(
            "aws:rds/instance:Instance", "AWS::RDS::DBInstance", WEST, ("identifier",),
            frozenset({"identifier", "storageEncrypted", "kmsKeyId"}), frozenset({"skipFinalSnapshot", "finalSnapshotIdentifier", "applyImmediately"}),
        ),
        AwsKind("aws:route53/zone:Zone", "AWS::Route53::HostedZone", EAST, ("name",), frozenset({"name"}), frozenset({"comment", "forceDestroy"}), ("zoneId", "id")),
        AwsKind(
            "aws:route53/healthCheck:HealthCheck", "AWS::Route53::HealthCheck", EAST, ("fqdn", "resourcePath"),
            frozenset({"type", "requestInterval"}), made=("id",),
        ),
        AwsKind("aws:route53/record:Record", "AWS::Route53::RecordSet", EAST, ("name", "type", "setIdentifier"), frozenset({"zoneId", "name", "type", "setIdentifier"})),
        AwsKind("aws:iam/role:Role", "AWS::IAM::Role", EAST, ("name",), frozenset({"name"}), made=("arn",)),
        AwsKind("aws:iam/rolePolicy:RolePolicy", "AWS::IAM::RolePolicy", EAST, ("role", "name"), frozenset({"role", "name"})),
        AwsKind("aws:cloudfront/distribution:Distribution", "AWS::CloudFront::Distribution", EAST, ("comment",), made=("id",)),
    )
}  # fmt: skip
"""Every AWS type of the program. One that is not here cannot be served locally, nor compared."""


def id_of(token: str, inputs: Mapping[str, Json], region: str = "") -> str:
    """Our id of a declared resource. region: its provider's, "" for the type's own. KeyError: it has no explicit name."""
    row = AWS[token]
    name = "/".join(_short(str(inputs[key])) for key in row.name)
    return f"/aws/{region or row.region}/{row.type}/{name}"


def region_of(id: str) -> str:
    """The region in an id of ours."""
    return id.split("/")[2]


def _short(value: str) -> str:
    """What a resource is named by may be another one's address (a queue's URL, a topic's ARN): then by that one's name."""
    if found := _REFERS.fullmatch(value):
        return found[1].rpartition("/")[2]
    return value.removeprefix("https://").rstrip("/") if value.startswith("https://") else value
