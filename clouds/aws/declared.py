"""The declared AWS resources of either site as they are: by token and id, in the shape of Pulumi's inputs.

Read by the drift checkers and by the locally served providers. Every reader answers all the keys that it can read, None
where AWS has no value; None as a whole where there is no such resource. A denied or failed read raises: it is neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from clouds.aws import declared_parts
from clouds.aws.declared_parts import tags_of
from recovery.aws.kinds import AWS
from recovery.errors import Unobserved
from recovery.model import Json

Client = Any  # boto3 clients have no static type
_GONE = {
    "404", "NoSuchBucket", "NoSuchTagSet", "ServerSideEncryptionConfigurationNotFoundError", "NoSuchLifecycleConfiguration",
    "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NotFound", "NotFoundException", "NoSuchKey", "NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration", "ReplicationConfigurationNotFoundError",
    "ObjectLockConfigurationNotFoundError", "DBInstanceNotFound", "DBInstanceNotFoundFault", "NoSuchHostedZone", "NoSuchHealthCheck", "NoSuchEntity", "NoSuchDistribution",
}  # fmt: skip


class Account(Protocol):
    """Whoever hands out the clients: a site's file, or the endpoints in force."""

    def aws(self, service: str, region: str) -> Client: ...


def client(account: Account, token: str, region: str = "") -> Client:
    """The boto3 client that a token's resources are read and written with. region: "" for the type's own."""
    service = token.partition(":")[2].partition("/")[0]
    return account.aws(service, region or AWS[token].region)


def read(account: Account, token: str, id: str, region: str = "") -> dict[str, Json] | None:
    """The live resource. id: as AWS (and Pulumi) calls it. Raises Unobserved."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import (
        ResponseParserError,
    )  # no BotoCoreError: a door in between that answers with a page

    try:
        return _READERS[token](client(account, token, region), id)
    except ClientError as exc:
        if _code(exc) in _GONE:
            return None
        raise _unseen(token, id, exc, region) from exc
    except (BotoCoreError, ResponseParserError) as exc:
        raise _unseen(token, id, exc, region) from exc


def find(account: Account, token: str, inputs: Mapping[str, Json], region: str = "") -> str:
    """The id of the resource that these inputs name; "" when there is none. Raises Unobserved."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    look = _FINDERS.get(token)
    if look is None:
        parts = [str(inputs[key]) for key in AWS[token].name]
        return (":" if token.startswith("aws:iam/") else "/").join(parts)
    try:
        return look(client(account, token, region), inputs)
    except (BotoCoreError, ClientError, ResponseParserError) as exc:
        if _code(exc) in _GONE:
            return ""
        raise _unseen(token, "/".join(str(inputs.get(k)) for k in AWS[token].name), exc, region) from exc


def standing(
    account: Account, token: str, inputs: Mapping[str, Json], region: str = ""
) -> dict[str, Json] | None:
    """The live resource that these inputs name, None where there is none. Raises Unobserved."""
    id = find(account, token, inputs, region)
    return read(account, token, id, region) if id else None


def _code(exc: Exception) -> str:
    return str(getattr(exc, "response", {}).get("Error", {}).get("Code"))


def _unseen(token: str, id: str, why: Exception, region: str = "") -> Unobserved:
    return Unobserved(
        f"{AWS[token].type} {id} cannot be read: {type(why).__name__}: {why}", "whether it is as declared cannot be known",
        f"aws sts get-caller-identity --region {region or AWS[token].region}    (then again)", retry=True,
    )  # fmt: skip


# -- S3 ------------------------------------------------------------------------------------------------------


def _bucket(s3: Client, id: str) -> dict[str, Json]:
    from botocore.exceptions import ClientError

    s3.head_bucket(Bucket=id)
    try:
        lock = s3.get_object_lock_configuration(Bucket=id)["ObjectLockConfiguration"]
        locked = lock.get("ObjectLockEnabled") == "Enabled"
    except ClientError as exc:
        if _code(exc) not in _GONE:
            raise
        locked = False
    try:
        tags = tags_of(s3.get_bucket_tagging(Bucket=id)["TagSet"])
    except ClientError as exc:
        if _code(exc) not in _GONE:
            raise
        tags = {}
    return {"bucket": id, "objectLockEnabled": locked, "tags": tags}


def _versioning(s3: Client, id: str) -> dict[str, Json] | None:
    status = s3.get_bucket_versioning(Bucket=id).get("Status")
    return {"bucket": id, "versioningConfiguration": {"status": status}} if status else None


def _lock(s3: Client, id: str) -> dict[str, Json] | None:
    rule = s3.get_object_lock_configuration(Bucket=id)["ObjectLockConfiguration"].get("Rule")
    if not rule:
        return None
    kept = rule["DefaultRetention"]
    return {"bucket": id, "rule": {"defaultRetention": {"mode": kept["Mode"], "days": kept.get("Days")}}}


_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _public(s3: Client, id: str) -> dict[str, Json]:
    found = s3.get_public_access_block(Bucket=id)["PublicAccessBlockConfiguration"]
    return {"bucket": id} | {key[0].lower() + key[1:]: bool(found.get(key)) for key in _BLOCKS}


def _policy(s3: Client, id: str) -> dict[str, Json]:
    return {"bucket": id, "policy": s3.get_bucket_policy(Bucket=id)["Policy"]}


def _replication(s3: Client, id: str) -> dict[str, Json]:
    found = s3.get_bucket_replication(Bucket=id)["ReplicationConfiguration"]
    rules = [
        {
            "id": rule["ID"], "status": rule["Status"], "priority": rule.get("Priority"), "filter": {},
            "deleteMarkerReplication": {"status": (rule.get("DeleteMarkerReplication") or {}).get("Status")},
            "destination": {"bucket": rule["Destination"]["Bucket"]},
        }
        for rule in found["Rules"]
    ]  # fmt: skip
    return {"bucket": id, "role": found["Role"], "rules": rules}


# -- RDS, Route 53, IAM, CloudFront --------------------------------------------------------------------------


def _instance(rds: Client, id: str) -> dict[str, Json]:
    one = rds.describe_db_instances(DBInstanceIdentifier=id)["DBInstances"][0]
    return {
        "identifier": one["DBInstanceIdentifier"], "replicateSourceDb": one.get("ReadReplicaSourceDBInstanceIdentifier") or None,
        "instanceClass": one["DBInstanceClass"], "storageEncrypted": bool(one.get("StorageEncrypted")), "kmsKeyId": one.get("KmsKeyId"),
        "deletionProtection": bool(one.get("DeletionProtection")), "backupRetentionPeriod": one.get("BackupRetentionPeriod"),
        "arn": one.get("DBInstanceArn"), "status": one["DBInstanceStatus"],
    }  # fmt: skip


def _zone(route53: Client, id: str) -> dict[str, Json]:
    found = route53.get_hosted_zone(Id=id)
    return {"name": found["HostedZone"]["Name"].rstrip("."), "zoneId": id, "id": id}


def _find_zone(route53: Client, inputs: Mapping[str, Json]) -> str:
    name = str(inputs["name"]).rstrip(".")
    for zone in route53.list_hosted_zones_by_name(DNSName=name)["HostedZones"]:
        if zone["Name"].rstrip(".") == name and not zone.get("Config", {}).get("PrivateZone"):
            return str(zone["Id"]).rpartition("/")[2]
    return ""


def _health(route53: Client, id: str) -> dict[str, Json]:
    one = route53.get_health_check(HealthCheckId=id)["HealthCheck"]["HealthCheckConfig"]
    return {
        "type": one["Type"], "fqdn": one.get("FullyQualifiedDomainName"), "port": one.get("Port"), "resourcePath": one.get("ResourcePath"),
        "requestInterval": one.get("RequestInterval"), "failureThreshold": one.get("FailureThreshold"),
        "invertHealthcheck": bool(one.get("Inverted")), "disabled": bool(one.get("Disabled")), "id": id,
    }  # fmt: skip


def _find_health(route53: Client, inputs: Mapping[str, Json]) -> str:
    for page in route53.get_paginator("list_health_checks").paginate():
        for one in page["HealthChecks"]:
            config = one["HealthCheckConfig"]
            if (config.get("FullyQualifiedDomainName"), config.get("ResourcePath")) == (
                inputs["fqdn"],
                inputs["resourcePath"],
            ):
                return str(one["Id"])
    return ""


def _record(route53: Client, id: str) -> dict[str, Json] | None:
    zone, name, kind, which = id.split("_", 3)
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
    for page in pages:
        for one in page["ResourceRecordSets"]:
            if (one["Name"].rstrip("."), one["Type"], one.get("SetIdentifier", "")) == (name, kind, which):
                return {
                    "zoneId": zone, "name": name, "type": kind, "setIdentifier": which or None, "ttl": one.get("TTL"),
                    "records": [r["Value"] for r in one.get("ResourceRecords", [])], "healthCheckId": one.get("HealthCheckId"),
                    "failoverRoutingPolicies": [{"type": one["Failover"]}] if one.get("Failover") else None,
                }  # fmt: skip
    return None


def _find_record(route53: Client, inputs: Mapping[str, Json]) -> str:
    zone = str(inputs.get("zoneId") or "")
    if not zone or zone.startswith("⟦"):  # declared by a zone that is not there: so is its record not
        domain = str(inputs["name"]).partition(".")[2]
        zone = _find_zone(route53, {"name": domain})
    return f"{zone}_{inputs['name']}_{inputs['type']}_{inputs.get('setIdentifier') or ''}" if zone else ""


def _role(iam: Client, id: str) -> dict[str, Json]:
    one = iam.get_role(RoleName=id)["Role"]
    return {
        "name": id, "arn": one["Arn"], "assumeRolePolicy": _text(one["AssumeRolePolicyDocument"]), "description": one.get("Description"),
        "maxSessionDuration": one.get("MaxSessionDuration"), "tags": tags_of(one.get("Tags") or []),
    }  # fmt: skip


def _role_policy(iam: Client, id: str) -> dict[str, Json]:
    role, _, name = id.partition(":")
    found = iam.get_role_policy(RoleName=role, PolicyName=name)
    return {"role": role, "name": name, "policy": _text(found["PolicyDocument"])}


def _text(policy: Json) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)


_METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")


def _methods(found: Mapping[str, Json]) -> list[str]:
    """A set to AWS: in the order in which everybody writes it."""
    return [one for one in _METHODS if one in (found.get("Items") or [])]


def _distribution(cloudfront: Client, id: str) -> dict[str, Json]:
    one = cloudfront.get_distribution(Id=id)["Distribution"]["DistributionConfig"]
    cache, allowed = one["DefaultCacheBehavior"], one["DefaultCacheBehavior"].get("AllowedMethods") or {}
    passed = cache.get("ForwardedValues") or {}
    certificate = one.get("ViewerCertificate") or {}
    limits = (one.get("Restrictions") or {}).get("GeoRestriction") or {}
    return {
        "id": id, "enabled": bool(one["Enabled"]), "comment": one.get("Comment"), "origins": [_origin(o) for o in one["Origins"]["Items"]],
        "defaultCacheBehavior": {
            "targetOriginId": cache["TargetOriginId"], "viewerProtocolPolicy": cache["ViewerProtocolPolicy"],
            "allowedMethods": _methods(allowed), "cachedMethods": _methods(allowed.get("CachedMethods") or {}),
            "forwardedValues": {"queryString": bool(passed.get("QueryString")), "cookies": {"forward": (passed.get("Cookies") or {}).get("Forward")}},
        },
        "viewerCertificate": {"cloudfrontDefaultCertificate": bool(certificate.get("CloudFrontDefaultCertificate"))},
        "restrictions": {"geoRestriction": {"restrictionType": limits.get("RestrictionType")}},
    }  # fmt: skip


def _origin(one: Mapping[str, Json]) -> dict[str, Json]:
    own = one.get("CustomOriginConfig") or {}
    config = {
        "httpPort": own.get("HTTPPort"), "httpsPort": own.get("HTTPSPort"), "originProtocolPolicy": own.get("OriginProtocolPolicy"),
        "originSslProtocols": (own.get("OriginSslProtocols") or {}).get("Items") or [],
    }  # fmt: skip
    return {"originId": one["Id"], "domainName": one["DomainName"], "customOriginConfig": config}


def _find_distribution(cloudfront: Client, inputs: Mapping[str, Json]) -> str:
    listed = cloudfront.list_distributions().get("DistributionList", {}).get("Items") or []
    return next((str(one["Id"]) for one in listed if one.get("Comment") == inputs["comment"]), "")


_READERS: dict[str, Callable[[Client, str], dict[str, Json] | None]] = {
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketVersioning:BucketVersioning": _versioning,
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": _lock,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _public,
    "aws:s3/bucketPolicy:BucketPolicy": _policy,
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _replication,
    "aws:rds/instance:Instance": _instance,
    "aws:route53/zone:Zone": _zone,
    "aws:route53/healthCheck:HealthCheck": _health,
    "aws:route53/record:Record": _record,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:cloudfront/distribution:Distribution": _distribution,
    **declared_parts.READERS,
}
_FINDERS: dict[str, Callable[[Client, Mapping[str, Json]], str]] = {
    "aws:route53/zone:Zone": _find_zone,
    "aws:route53/healthCheck:HealthCheck": _find_health,
    "aws:route53/record:Record": _find_record,
    "aws:cloudfront/distribution:Distribution": _find_distribution,
    **declared_parts.FINDERS,
}
