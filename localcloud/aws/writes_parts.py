"""Writers of `localcloud.aws.writes` for what stack `source` declares beside its bucket and role. Same rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from recovery.errors import Failed
from recovery.model import Json

Client = Any  # boto3 clients have no static type
Inputs = Mapping[str, Json]


def pairs(tags: Json) -> list[dict[str, str]]:
    """A map of tags as AWS's list of Key and Value."""
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def _encryption(s3: Client, id: str, inputs: Inputs) -> str:
    rules = []
    for rule in inputs["rules"]:
        how = rule["applyServerSideEncryptionByDefault"]
        by = {"SSEAlgorithm": how["sseAlgorithm"]}
        if how.get("kmsMasterKeyId"):
            by["KMSMasterKeyID"] = how["kmsMasterKeyId"]
        rules.append(
            {"ApplyServerSideEncryptionByDefault": by, "BucketKeyEnabled": bool(rule.get("bucketKeyEnabled"))}
        )
    s3.put_bucket_encryption(Bucket=inputs["bucket"], ServerSideEncryptionConfiguration={"Rules": rules})
    return str(inputs["bucket"])


def _lifecycle(s3: Client, id: str, inputs: Inputs) -> str:
    rules = [
        {
            "ID": rule["id"], "Status": rule["status"], "Filter": {"Prefix": rule["filter"]["prefix"]},
            "Expiration": {"Days": int(rule["expiration"]["days"])},
            "NoncurrentVersionExpiration": {"NoncurrentDays": int(rule["noncurrentVersionExpiration"]["noncurrentDays"])},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": int(rule["abortIncompleteMultipartUpload"]["daysAfterInitiation"])},
        }
        for rule in inputs["rules"]
    ]  # fmt: skip
    s3.put_bucket_lifecycle_configuration(Bucket=inputs["bucket"], LifecycleConfiguration={"Rules": rules})
    return str(inputs["bucket"])


_QUEUE = {
    "messageRetentionSeconds": "MessageRetentionPeriod", "visibilityTimeoutSeconds": "VisibilityTimeout",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds", "delaySeconds": "DelaySeconds",
}  # fmt: skip


def _queue(sqs: Client, id: str, inputs: Inputs) -> str:
    url = id or str(sqs.create_queue(QueueName=inputs["name"])["QueueUrl"])
    wanted = {
        theirs: str(int(inputs[ours])) for ours, theirs in _QUEUE.items() if inputs.get(ours) is not None
    }
    wanted["SqsManagedSseEnabled"] = "true" if inputs.get("sqsManagedSseEnabled") else "false"
    wanted["RedrivePolicy"] = str(inputs.get("redrivePolicy") or "")
    held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes") or {}
    if held.get("Policy"):  # AWS keeps what is not sent; moto 5.2 forgets the policy
        wanted["Policy"] = held["Policy"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes=wanted)
    tags = sqs.list_queue_tags(QueueUrl=url).get("Tags") or {}
    if gone := sorted(set(tags) - set(inputs.get("tags") or {})):
        sqs.untag_queue(QueueUrl=url, TagKeys=gone)
    sqs.tag_queue(QueueUrl=url, Tags=dict(inputs.get("tags") or {}))
    return url


def _queue_policy(sqs: Client, id: str, inputs: Inputs) -> str:
    sqs.set_queue_attributes(QueueUrl=inputs["queueUrl"], Attributes={"Policy": inputs["policy"]})
    return str(inputs["queueUrl"])


def _topic(sns: Client, id: str, inputs: Inputs) -> str:
    arn = id or str(sns.create_topic(Name=inputs["name"])["TopicArn"])
    key = str(inputs.get("kmsMasterKeyId") or "")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=key)
    held = [one["Key"] for one in sns.list_tags_for_resource(ResourceArn=arn).get("Tags") or []]
    if gone := sorted(set(held) - set(inputs.get("tags") or {})):
        sns.untag_resource(ResourceArn=arn, TagKeys=gone)
    sns.tag_resource(ResourceArn=arn, Tags=pairs(inputs.get("tags")))
    return arn


def _subscription(sns: Client, id: str, inputs: Inputs) -> str:
    sns.subscribe(TopicArn=inputs["topic"], Protocol=inputs["protocol"], Endpoint=inputs["endpoint"])
    return f"{inputs['topic']}|{inputs['protocol']}|{inputs['endpoint']}"


def _alarm(cloudwatch: Client, id: str, inputs: Inputs) -> str:
    cloudwatch.put_metric_alarm(
        AlarmName=inputs["name"], AlarmDescription=inputs.get("alarmDescription") or "", Namespace=inputs["namespace"],
        MetricName=inputs["metricName"], Dimensions=[{"Name": k, "Value": v} for k, v in (inputs.get("dimensions") or {}).items()],
        Statistic=inputs["statistic"], Period=int(inputs["period"]), EvaluationPeriods=int(inputs["evaluationPeriods"]),
        DatapointsToAlarm=int(inputs["datapointsToAlarm"]), ComparisonOperator=inputs["comparisonOperator"],
        Threshold=float(inputs["threshold"]), TreatMissingData=inputs.get("treatMissingData") or "missing",
        ActionsEnabled=inputs.get("actionsEnabled") is not False,
        AlarmActions=list(inputs.get("alarmActions") or []), OKActions=list(inputs.get("okActions") or []),
    )  # fmt: skip
    arn = cloudwatch.describe_alarms(AlarmNames=[inputs["name"]])["MetricAlarms"][0]["AlarmArn"]
    held = [one["Key"] for one in cloudwatch.list_tags_for_resource(ResourceARN=arn).get("Tags") or []]
    if gone := sorted(set(held) - set(inputs.get("tags") or {})):
        cloudwatch.untag_resource(ResourceARN=arn, TagKeys=gone)
    cloudwatch.tag_resource(ResourceARN=arn, Tags=pairs(inputs.get("tags")))
    return str(inputs["name"])


def _issuer(iam: Client, id: str, inputs: Inputs) -> str:
    wanted = list(inputs["clientIdLists"])
    if not id:
        made = iam.create_open_id_connect_provider(
            Url=inputs["url"], ClientIDList=wanted, Tags=pairs(inputs.get("tags"))
        )
        return str(made["OpenIDConnectProviderArn"])
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=id)
    held = found.get("ClientIDList") or []
    if set(held) != set(wanted):
        raise Failed(
            f"the local provider changes no audience of {id} (has {', '.join(held)})",
            "moto 5.2 has neither AddClientIDToOpenIDConnectProvider nor its counterpart; what is not modelled is refused",
            f"aws iam delete-open-id-connect-provider --open-id-connect-provider-arn {id}    (then: pulumi up --refresh)",
        )
    if gone := sorted({t["Key"] for t in found.get("Tags") or []} - set(inputs.get("tags") or {})):
        iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=id, TagKeys=gone)
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=id, Tags=pairs(inputs.get("tags")))
    return id


WRITERS: dict[str, Callable[[Client, str, Inputs], str]] = {
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _encryption,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _lifecycle,
    "aws:sqs/queue:Queue": _queue,
    "aws:sqs/queuePolicy:QueuePolicy": _queue_policy,
    "aws:sns/topic:Topic": _topic,
    "aws:sns/topicSubscription:TopicSubscription": _subscription,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _issuer,
}
