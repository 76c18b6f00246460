"""What the locally served providers do in AWS (moto): create and update by token. Reading is `clouds.aws.declared`.

Each writer answers the resource's id. What is not written here is refused by the provider, never passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clouds.aws import declared
from localcloud.aws.writes_parts import WRITERS, pairs
from recovery.aws.kinds import AWS
from recovery.errors import Failed
from recovery.model import Json

Client = Any  # boto3 clients have no static type
Inputs = Mapping[str, Json]


def write(account: declared.Account, token: str, id: str, inputs: Inputs, region: str = "") -> str:
    """Create (id "") or update. Returns the id. Raises botocore's errors, as AWS says them, and Failed for what is not modelled."""
    return _WRITERS[token](declared.client(account, token, region), id, inputs)


def delete(token: str, id: str) -> None:
    """Everything of both sites is kept when it is forgotten (retain_on_delete): the engine never asks. Raises Failed."""
    raise Failed(
        f"the local provider deletes no {AWS[token].type} ({id})",
        "everything in AWS is kept when it is forgotten, so a delete is not what was declared",
        "keep retain_on_delete on the resource",
    )


def _bucket(s3: Client, id: str, inputs: Inputs) -> str:
    if not id:
        place = {"CreateBucketConfiguration": {"LocationConstraint": s3.meta.region_name}}
        more = {} if s3.meta.region_name == "us-east-1" else place
        s3.create_bucket(
            Bucket=inputs["bucket"], ObjectLockEnabledForBucket=bool(inputs.get("objectLockEnabled")), **more
        )
    if "tags" in inputs or id:
        s3.put_bucket_tagging(Bucket=inputs["bucket"], Tagging={"TagSet": pairs(inputs.get("tags"))})
    return str(inputs["bucket"])


def _versioning(s3: Client, id: str, inputs: Inputs) -> str:
    s3.put_bucket_versioning(
        Bucket=inputs["bucket"],
        VersioningConfiguration={"Status": inputs["versioningConfiguration"]["status"]},
    )
    return str(inputs["bucket"])


def _lock(s3: Client, id: str, inputs: Inputs) -> str:
    kept = inputs["rule"]["defaultRetention"]
    rule = {"DefaultRetention": {"Mode": kept["mode"], "Days": int(kept["days"])}}
    s3.put_object_lock_configuration(
        Bucket=inputs["bucket"], ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    return str(inputs["bucket"])


def _public(s3: Client, id: str, inputs: Inputs) -> str:
    keys = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    flags = {key: bool(inputs.get(key[0].lower() + key[1:])) for key in keys}
    s3.put_public_access_block(Bucket=inputs["bucket"], PublicAccessBlockConfiguration=flags)
    return str(inputs["bucket"])


def _policy(s3: Client, id: str, inputs: Inputs) -> str:
    s3.put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"])
    return str(inputs["bucket"])


def _replication(s3: Client, id: str, inputs: Inputs) -> str:
    rules = [
        {
            "ID": rule["id"], "Status": rule["status"], "Priority": int(rule["priority"]), "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": rule["deleteMarkerReplication"]["status"]}, "Destination": {"Bucket": rule["destination"]["bucket"]},
        }
        for rule in inputs["rules"]
    ]  # fmt: skip
    s3.put_bucket_replication(
        Bucket=inputs["bucket"], ReplicationConfiguration={"Role": inputs["role"], "Rules": rules}
    )
    return str(inputs["bucket"])


def _instance(rds: Client, id: str, inputs: Inputs) -> str:
    name = str(inputs["identifier"])
    if not id:
        rds.create_db_instance_read_replica(
            DBInstanceIdentifier=name, SourceDBInstanceIdentifier=inputs["replicateSourceDb"], DBInstanceClass=inputs["instanceClass"],
            KmsKeyId=inputs["kmsKeyId"], DeletionProtection=bool(inputs.get("deletionProtection")),
        )  # fmt: skip
    elif not inputs.get("replicateSourceDb"):
        # facts.md: removing the source promotes in place. No declared change may do that.
        raise ValueError(f"an update that takes the source away from {name} would promote it")
    rds.modify_db_instance(
        DBInstanceIdentifier=name, BackupRetentionPeriod=int(inputs["backupRetentionPeriod"]), DBInstanceClass=inputs["instanceClass"],
        DeletionProtection=bool(inputs.get("deletionProtection")), ApplyImmediately=True,
    )  # fmt: skip
    return name


def _zone(route53: Client, id: str, inputs: Inputs) -> str:
    if id:
        return id
    made = route53.create_hosted_zone(Name=inputs["name"], CallerReference=f"pulumi-{inputs['name']}")
    return str(made["HostedZone"]["Id"]).rpartition("/")[2]


def _health(route53: Client, id: str, inputs: Inputs) -> str:
    config = {
        "FullyQualifiedDomainName": inputs["fqdn"], "Port": int(inputs["port"]), "ResourcePath": inputs["resourcePath"],
        "FailureThreshold": int(inputs["failureThreshold"]), "Inverted": bool(inputs.get("invertHealthcheck")),
    }  # fmt: skip
    if id:
        route53.update_health_check(HealthCheckId=id, **config)
        return id
    config |= {"Type": inputs["type"], "RequestInterval": int(inputs["requestInterval"])}
    made = route53.create_health_check(
        CallerReference=f"pulumi-{inputs['fqdn']}{inputs['resourcePath']}", HealthCheckConfig=config
    )
    return str(made["HealthCheck"]["Id"])


def _record(route53: Client, id: str, inputs: Inputs) -> str:
    _change(route53, "UPSERT", str(inputs["zoneId"]), inputs)
    return f"{inputs['zoneId']}_{inputs['name']}_{inputs['type']}_{inputs.get('setIdentifier') or ''}"


def _change(route53: Client, action: str, zone: str, inputs: Inputs) -> None:
    entry: dict[str, Json] = {
        "Name": inputs["name"], "Type": inputs["type"], "TTL": int(inputs["ttl"]), "ResourceRecords": [{"Value": value} for value in inputs["records"]],
    }  # fmt: skip
    if inputs.get("setIdentifier"):
        entry |= {
            "SetIdentifier": inputs["setIdentifier"],
            "Failover": inputs["failoverRoutingPolicies"][0]["type"],
        }
    if inputs.get("healthCheckId"):
        entry["HealthCheckId"] = inputs["healthCheckId"]
    route53.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": entry}]}
    )


def _role(iam: Client, id: str, inputs: Inputs) -> str:
    name = str(inputs["name"])
    if id:
        iam.update_assume_role_policy(RoleName=id, PolicyDocument=inputs["assumeRolePolicy"])
    else:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=inputs["assumeRolePolicy"])
    iam.update_role(
        RoleName=name, Description=inputs.get("description") or "", MaxSessionDuration=int(inputs.get("maxSessionDuration") or 3600)
    )  # fmt: skip
    held = [one["Key"] for one in iam.list_role_tags(RoleName=name)["Tags"]]
    if gone := sorted(set(held) - set(inputs.get("tags") or {})):
        iam.untag_role(RoleName=name, TagKeys=gone)
    if inputs.get("tags"):
        iam.tag_role(RoleName=name, Tags=pairs(inputs["tags"]))
    return name


def _role_policy(iam: Client, id: str, inputs: Inputs) -> str:
    iam.put_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"])
    return f"{inputs['role']}:{inputs['name']}"


def _distribution(cloudfront: Client, id: str, inputs: Inputs) -> str:
    if id:
        raise Failed(
            f"the local provider updates no AWS::CloudFront::Distribution ({id})",
            "what is not modelled is refused and never called done",
            "leave the distribution as it was made, or try the change in an AWS account",
        )
    cache, limits = inputs["defaultCacheBehavior"], inputs["restrictions"]["geoRestriction"]
    values = cache["forwardedValues"]
    made = cloudfront.create_distribution(DistributionConfig={
        "CallerReference": f"pulumi-{inputs['comment']}", "Comment": inputs["comment"], "Enabled": bool(inputs["enabled"]),
        "Origins": _several([_origin(one) for one in inputs["origins"]]),
        "ViewerCertificate": {"CloudFrontDefaultCertificate": bool(inputs["viewerCertificate"]["cloudfrontDefaultCertificate"])},
        "Restrictions": {"GeoRestriction": {"RestrictionType": limits["restrictionType"], "Quantity": 0}},
        "DefaultCacheBehavior": {
            "TargetOriginId": cache["targetOriginId"], "ViewerProtocolPolicy": cache["viewerProtocolPolicy"], "MinTTL": 0,
            "AllowedMethods": {**_several(cache["allowedMethods"]), "CachedMethods": _several(cache["cachedMethods"])},
            "ForwardedValues": {"QueryString": bool(values["queryString"]), "Cookies": {"Forward": values["cookies"]["forward"]}},
        },
    })  # fmt: skip
    return str(made["Distribution"]["Id"])


def _several(items: list[Json]) -> dict[str, Json]:
    return {"Quantity": len(items), "Items": items}


def _origin(one: Inputs) -> dict[str, Json]:
    own = one["customOriginConfig"]
    config = {
        "HTTPPort": int(own["httpPort"]), "HTTPSPort": int(own["httpsPort"]), "OriginProtocolPolicy": own["originProtocolPolicy"],
        "OriginSslProtocols": _several(own["originSslProtocols"]),
    }  # fmt: skip
    return {"Id": one["originId"], "DomainName": one["domainName"], "CustomOriginConfig": config}


_WRITERS: dict[str, Callable[[Client, str, Inputs], str]] = {
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
    **WRITERS,
}
