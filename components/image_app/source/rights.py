"""What the sync may do in AWS, as policy statements: pure. A test holds them against docs/permissions.md's role."""

from __future__ import annotations

from typing import Any

from components.image_app.source.settings import SourceSide

METRICS = "standby/sync"
"""The one CloudWatch namespace that it writes to (recovery/sync/signals.py)."""


def statements(side: SourceSide) -> list[dict[str, Any]]:
    """Forward, continuous and reverse; nothing wider than the buckets, the table and the queue that are named."""
    place, names = f"{side.source.region}:{side.account}", side.source
    site, uploads, exports = (
        f"arn:aws:s3:::{b}" for b in (names.site_bucket, names.uploads_bucket, names.export_bucket)
    )
    table, queue = f"arn:aws:dynamodb:{place}:table/{names.table}", f"arn:aws:sqs:{place}:{names.queue}"
    metrics = _allow("TellCloudWatch", "cloudwatch:PutMetricData", "*")
    metrics["Condition"] = {"StringEquals": {"cloudwatch:namespace": METRICS}}
    return [
        _allow("WhoAmI", "sts:GetCallerIdentity", "*"),
        _allow("ListBuckets", "s3:ListBucket", site, uploads, exports),
        _allow("ReadObjects", "s3:GetObject", f"{site}/*", f"{uploads}/*", f"{exports}/*"),
        _allow("ExportTable", "dynamodb:DescribeTable dynamodb:ExportTableToPointInTime", table),
        _allow("FollowExport", "dynamodb:DescribeExport", f"{table}/export/*"),
        _allow("WriteExport", "s3:PutObject s3:AbortMultipartUpload", f"{exports}/*"),
        _allow("ReadStream", "dynamodb:DescribeStream dynamodb:GetShardIterator dynamodb:GetRecords", f"{table}/stream/*"),
        _allow("ReadQueue", "sqs:GetQueueUrl sqs:GetQueueAttributes sqs:ReceiveMessage sqs:DeleteMessage", queue),
        _allow("WriteBackObjects", "s3:PutObject s3:DeleteObject s3:AbortMultipartUpload", f"{site}/*", f"{uploads}/*"),
        _allow("WriteBackItems", "dynamodb:BatchGetItem dynamodb:PutItem dynamodb:DeleteItem dynamodb:Query", table),
        metrics,
    ]  # fmt: skip


def _allow(sid: str, actions: str, *resources: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions.split(), "Resource": list(resources)}


def trust(side: SourceSide, provider_arn: str, principal: str) -> dict[str, Any]:
    """Who may take the role: one Azure identity (its object id), by its token for one audience; no key anywhere.

    Source: docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
    """
    issuer = issuer_of(side)
    return document([{
        "Effect": "Allow", "Principal": {"Federated": provider_arn}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{issuer}:aud": side.audience, f"{issuer}:sub": principal}},
    }])  # fmt: skip


def issuer_of(side: SourceSide) -> str:
    """Of the tokens of Azure's managed identities (v1), without its scheme."""
    return f"sts.windows.net/{side.tenant}/"


def tls_alone(bucket: str) -> dict[str, Any]:
    """A bucket policy that refuses plain HTTP (CIS AWS 3.0.0, 2.1.1)."""
    arn = f"arn:aws:s3:::{bucket}"
    return document([{
        "Sid": "TlsAlone", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }])  # fmt: skip


def from_buckets(side: SourceSide) -> dict[str, Any]:
    """The queue takes messages of the two data buckets alone, and of this account (no confused deputy)."""
    return document([{
        "Sid": "DataBucketsAlone", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": f"arn:aws:sqs:{side.source.region}:{side.account}:{side.source.queue}",
        "Condition": {
            "ArnEquals": {"aws:SourceArn": [f"arn:aws:s3:::{b}" for b in (side.source.site_bucket, side.source.uploads_bucket)]},
            "StringEquals": {"aws:SourceAccount": side.account},
        },
    }])  # fmt: skip


def document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": statements}
