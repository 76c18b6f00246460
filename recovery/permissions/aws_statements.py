"""What the code calls in AWS, as policy statements. Resources carry placeholders: {account}, {region} and the names
of `recovery.sync.source.Source`."""

from __future__ import annotations

from recovery.permissions.model import Statement

_BUCKET = "arn:aws:s3:::{bucket}"
_SITE, _UPLOADS, _EXPORTS = (
    _BUCKET.format(bucket=f"{{{name}}}") for name in ("siteBucket", "uploadsBucket", "exportBucket")
)
_TABLE = "arn:aws:dynamodb:{region}:{account}:table/{table}"
_QUEUE = "arn:aws:sqs:{region}:{account}:{queue}"

IDENTIFY = (
    Statement(
        "WhoAmI", ("sts:GetCallerIdentity",), ("*",), "a freeze lets the sync itself through, by its name"
    ),
)

_ALARM = "arn:aws:cloudwatch:{region}:{account}:alarm:standby-run-missed"

ARMED = (
    Statement("ArmSchedule", ("cloudwatch:PutMetricAlarm",), (_ALARM,), "dr watchdog arm sets the dead man's switch (SYNC-4)"),
)  # fmt: skip

WATCHED = (
    Statement("WatchSchedule", ("cloudwatch:DescribeAlarms",), (_ALARM,), "the dead man's switch is looked at (SYNC-4)"),
    Statement("Heartbeat", ("cloudwatch:PutMetricData",), ("*",), "what was on time says so; silence raises the alarm",
              (("StringEquals", "cloudwatch:namespace", "standby"),)),
)  # fmt: skip

TELL = (
    Statement("TellHowItEnded", ("cloudwatch:PutMetricData",), ("*",), "the alarm hears how a run ended (SYNC-4)",
              (("StringEquals", "cloudwatch:namespace", "standby/sync"),)),
)  # fmt: skip

FORWARD = (
    Statement("ListBuckets", ("s3:ListBucket",), (_SITE, _UPLOADS, _EXPORTS),
              "listings are compared with Azure's"),
    Statement("ReadObjects", ("s3:GetObject",), (f"{_SITE}/*", f"{_UPLOADS}/*", f"{_EXPORTS}/*"),
              "objects are copied, and read back to be proven"),
    Statement("ExportTable",
              ("dynamodb:DescribeTable", "dynamodb:ExportTableToPointInTime"),
              (_TABLE,), "the metadata leaves as an export, which takes no read capacity"),
    Statement("FollowExport", ("dynamodb:DescribeExport",), (f"{_TABLE}/export/*",),
              "an export is awaited"),
    Statement("WriteExport", ("s3:PutObject", "s3:AbortMultipartUpload"), (f"{_EXPORTS}/*",),
              "DynamoDB writes the export with the caller's own rights"),
)  # fmt: skip

CONTINUOUS = (
    Statement("ReadStream", ("dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"),
              (f"{_TABLE}/stream/*",), "dr sync watch follows the table"),
    Statement("ReadQueue", ("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage"), (_QUEUE,),
              "dr sync watch follows the uploads"),
)  # fmt: skip

REVERSE = (
    Statement("WriteBackObjects", ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"),
              (f"{_SITE}/*", f"{_UPLOADS}/*"), "what was written in Azure goes home (BACK-2)"),
    Statement("WriteBackItems", ("dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:DeleteItem",
                                 "dynamodb:Query"),
              (_TABLE,), "the same for items, each write naming the version it replaces"),
)  # fmt: skip

FREEZE = (
    Statement("FreezeUploads", ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"), (_UPLOADS,),
              "uploads are blocked by bucket policy (ACT-2), and the former policy put back"),
    Statement("FreezeTable",
              ("dynamodb:GetResourcePolicy", "dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy"), (_TABLE,),
              "the table likewise"),
)  # fmt: skip

TRIGGERS = (
    Statement("MuteTriggers", ("s3:GetBucketNotification", "s3:PutBucketNotification"), (_SITE, _UPLOADS),
              "triggers on AWS's side are muted during the way back, and restored exactly"),
    Statement("FindReaders", ("lambda:ListEventSourceMappings",), ("*",), "who reads the table's stream"),
    Statement("MuteReaders", ("lambda:UpdateEventSourceMapping",),
              ("arn:aws:lambda:{region}:{account}:event-source-mapping:*",), "they are muted and restored likewise"),
)  # fmt: skip
