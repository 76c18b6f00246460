"""What stands in AWS before anything is synced: two data buckets, the export bucket, the table, the events' queue."""

from __future__ import annotations

import json

from clouds.aws.session import client
from recovery.sync.source import Source

ACCOUNT = "123456789012"


def seed(source: Source, url: str) -> None:
    """Make them through a server of ours at `url` that nobody else knows yet. Empty, as a new account is."""
    s3 = client("s3", source.region, url)
    place = (
        {}
        if source.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": source.region}}
    )
    for bucket in (source.siteBucket, source.uploadsBucket, source.exportBucket):
        s3.create_bucket(Bucket=bucket, **place)
    sqs = client("sqs", source.region, url)
    queue = sqs.create_queue(QueueName=source.queue)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}],
    })})  # fmt: skip
    for bucket in (source.siteBucket, source.uploadsBucket):
        s3.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
                ]
            },
        )
    dynamodb = client("dynamodb", source.region, url)
    dynamodb.create_table(
        TableName=source.table, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": source.partitionKey, "KeyType": "HASH"}, {"AttributeName": source.sortKey, "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": source.partitionKey, "AttributeType": "S"}, {"AttributeName": source.sortKey, "AttributeType": "N"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )  # fmt: skip
    dynamodb.update_continuous_backups(
        TableName=source.table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
