"""Readers of `clouds.aws.declared` for what stack `source` declares beside its bucket and role: the bucket's settings,
queues, topic, alarms, the provider of tokens. Same rules: every key that can be read, None as a whole where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from recovery.model import Json

Client = Any  # boto3 clients have no static type


def tags_of(pairs: list[Mapping[str, str]]) -> dict[str, str]:
    """A list of Key and Value as a map, without AWS's own (``aws:``), which nobody can set."""
    return {one["Key"]: one["Value"] for one in pairs if not one["Key"].startswith("aws:")}


# -- S3 ------------------------------------------------------------------------------------------------------


def _encryption(s3: Client, id: str) -> dict[str, Json]:
    found = s3.get_bucket_encryption(Bucket=id)["ServerSideEncryptionConfiguration"]["Rules"]
    rules = []
    for rule in found:
        how = rule.get("ApplyServerSideEncryptionByDefault") or {}
        by = {"sseAlgorithm": how.get("SSEAlgorithm"), "kmsMasterKeyId": how.get("KMSMasterKeyID")}
        rules.append(
            {"applyServerSideEncryptionByDefault": by, "bucketKeyEnabled": bool(rule.get("BucketKeyEnabled"))}
        )
    return {"bucket": id, "rules": rules}


def _lifecycle(s3: Client, id: str) -> dict[str, Json]:
    rules = [
        {
            "id": rule.get("ID"), "status": rule["Status"], "filter": {"prefix": _prefix(rule)},
            "expiration": {"days": (rule.get("Expiration") or {}).get("Days")},
            "noncurrentVersionExpiration": {"noncurrentDays": (rule.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays")},
            "abortIncompleteMultipartUpload": {
                "daysAfterInitiation": (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation"),
            },
        }
        for rule in s3.get_bucket_lifecycle_configuration(Bucket=id)["Rules"]
    ]  # fmt: skip
    return {"bucket": id, "rules": rules}


def _prefix(rule: Mapping[str, Json]) -> str:
    """Of the objects that the rule is for. A filter by anything else is shown whole, so that it never looks like none."""
    by = rule.get("Filter") or {}
    if set(by) - {"Prefix"}:
        return json.dumps(by, sort_keys=True)
    return str(by.get("Prefix") or rule.get("Prefix") or "")


# -- SQS -----------------------------------------------------------------------------------------------------


def _queue(sqs: Client, id: str) -> dict[str, Json]:
    found = _attributes(sqs, id)
    redrive = found.get("RedrivePolicy")
    if redrive:  # the number comes back as it was sent, as a number or as text
        body = json.loads(redrive)
        redrive = json.dumps({**body, "maxReceiveCount": int(body.get("maxReceiveCount", 0))})
    return {
        "name": id.rpartition("/")[2], "url": id, "arn": found["QueueArn"], "redrivePolicy": redrive,
        "messageRetentionSeconds": int(found["MessageRetentionPeriod"]), "visibilityTimeoutSeconds": int(found["VisibilityTimeout"]),
        "receiveWaitTimeSeconds": int(found.get("ReceiveMessageWaitTimeSeconds", 0)), "delaySeconds": int(found.get("DelaySeconds", 0)),
        "sqsManagedSseEnabled": found.get("SqsManagedSseEnabled") == "true", "kmsMasterKeyId": found.get("KmsMasterKeyId"),
        "tags": dict(sqs.list_queue_tags(QueueUrl=id).get("Tags") or {}),
    }  # fmt: skip


def _queue_policy(sqs: Client, id: str) -> dict[str, Json] | None:
    policy = _attributes(sqs, id).get("Policy")
    return {"queueUrl": id, "policy": policy} if policy else None


def _attributes(sqs: Client, url: str) -> Mapping[str, str]:
    found: Mapping[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found


def _find_queue(sqs: Client, inputs: Mapping[str, Json]) -> str:
    return str(sqs.get_queue_url(QueueName=str(inputs["name"]))["QueueUrl"])


def _find_queue_policy(sqs: Client, inputs: Mapping[str, Json]) -> str:
    """By the queue's own name: the declared URL may be a queue's that is not there yet."""
    return _find_queue(sqs, {"name": _last(str(inputs["queueUrl"]), "/")})


# -- SNS and CloudWatch --------------------------------------------------------------------------------------


def _topic(sns: Client, id: str) -> dict[str, Json]:
    found = sns.get_topic_attributes(TopicArn=id)["Attributes"]
    return {
        "name": id.rpartition(":")[2], "arn": id, "kmsMasterKeyId": found.get("KmsMasterKeyId") or None,
        "tags": tags_of(sns.list_tags_for_resource(ResourceArn=id).get("Tags") or []),
    }  # fmt: skip


def _find_topic(sns: Client, inputs: Mapping[str, Json]) -> str:
    for page in sns.get_paginator("list_topics").paginate():
        for one in page["Topics"]:
            if one["TopicArn"].rpartition(":")[2] == inputs["name"]:
                return str(one["TopicArn"])
    return ""


def _subscription(sns: Client, id: str) -> dict[str, Json] | None:
    """id: ``TOPIC|PROTOCOL|ENDPOINT``, for until somebody has confirmed it a subscription has no ARN of its own."""
    topic, protocol, endpoint = id.split("|", 2)
    for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
        for one in page["Subscriptions"]:
            if (one["Protocol"], one["Endpoint"]) == (protocol, endpoint):
                return {"topic": topic, "protocol": protocol, "endpoint": endpoint}
    return None


def _find_subscription(sns: Client, inputs: Mapping[str, Json]) -> str:
    topic = _find_topic(sns, {"name": _last(_last(str(inputs["topic"]), "/"), ":")})
    return f"{topic}|{inputs['protocol']}|{inputs['endpoint']}" if topic else ""


def _alarm(cloudwatch: Client, id: str) -> dict[str, Json] | None:
    found = cloudwatch.describe_alarms(AlarmNames=[id])["MetricAlarms"]
    if not found:
        return None
    one = found[0]
    return {
        "name": id, "arn": one["AlarmArn"], "alarmDescription": one.get("AlarmDescription"), "namespace": one.get("Namespace"),
        "metricName": one.get("MetricName"), "dimensions": {d["Name"]: d["Value"] for d in one.get("Dimensions") or []},
        "statistic": one.get("Statistic"), "period": one.get("Period"), "evaluationPeriods": one["EvaluationPeriods"],
        "datapointsToAlarm": one.get("DatapointsToAlarm"), "comparisonOperator": one["ComparisonOperator"], "threshold": one.get("Threshold"),
        "treatMissingData": one.get("TreatMissingData"), "actionsEnabled": bool(one.get("ActionsEnabled")),
        "alarmActions": list(one.get("AlarmActions") or []), "okActions": list(one.get("OKActions") or []),
        "tags": tags_of(cloudwatch.list_tags_for_resource(ResourceARN=one["AlarmArn"]).get("Tags") or []),
    }  # fmt: skip


# -- IAM -----------------------------------------------------------------------------------------------------


def _issuer(iam: Client, id: str) -> dict[str, Json]:
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=id)
    url = str(found["Url"])
    return {
        "url": url if url.startswith("https://") else f"https://{url}", "arn": id, "clientIdLists": list(found.get("ClientIDList") or []),
        "tags": tags_of(found.get("Tags") or []),
    }  # fmt: skip


def _find_issuer(iam: Client, inputs: Mapping[str, Json]) -> str:
    wanted = str(inputs["url"]).removeprefix("https://")
    for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        if str(one["Arn"]).partition(":oidc-provider/")[2].rstrip("/") == wanted.rstrip("/"):
            return str(one["Arn"])
    return ""


def _last(text: str, separator: str) -> str:
    """What stands after the last one; of a placeholder (⟦ID#OUTPUT⟧), of its id."""
    return text.partition("#")[0].rpartition(separator)[2]


READERS: dict[str, Callable[[Client, str], dict[str, Json] | None]] = {
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _encryption,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _lifecycle,
    "aws:sqs/queue:Queue": _queue,
    "aws:sqs/queuePolicy:QueuePolicy": _queue_policy,
    "aws:sns/topic:Topic": _topic,
    "aws:sns/topicSubscription:TopicSubscription": _subscription,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _issuer,
}
FINDERS: dict[str, Callable[[Client, Mapping[str, Json]], str]] = {
    "aws:sqs/queue:Queue": _find_queue,
    "aws:sqs/queuePolicy:QueuePolicy": _find_queue_policy,
    "aws:sns/topic:Topic": _find_topic,
    "aws:sns/topicSubscription:TopicSubscription": _find_subscription,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _find_issuer,
}
