"""The kinds of resources that site trustlayer declares: Pulumi token, type, region, and how each is named. Pure.

An id of ours names a resource wherever it is asked for: ``/aws/us-west-2/AWS::S3::Bucket/trustlayer-flags``,
``/kubernetes/us-west-2/apps/v1/Deployment/trustlayer/trustlayer-api``. AWS's types are CloudFormation's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recovery.model import Json

EAST, WEST = "us-east-1", "us-west-2"


@dataclass(frozen=True)
class AwsKind:
    """One AWS type. name: the inputs that name a resource, joined by "/". fixed: inputs that cannot be changed in
    place. silent: inputs that are the provider's own, which AWS never returns. made: outputs that only AWS knows."""

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
        _s3("Bucket", "AWS::S3::Bucket"),
        _s3("BucketVersioning", "AWS::S3::BucketVersioning"),
        _s3("BucketObjectLockConfiguration", "AWS::S3::ObjectLock"),
        _s3("BucketPublicAccessBlock", "AWS::S3::PublicAccessBlock"),
        _s3("BucketPolicy", "AWS::S3::BucketPolicy"),
        _s3("BucketReplicationConfig", "AWS::S3::Replication", EAST),
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
"""Every AWS type of the three stacks. One that is not here cannot be served locally, nor compared."""


@dataclass(frozen=True)
class KubernetesKind:
    """One Kubernetes type. api: ``apps/v1`` (core: ``v1``). plural: as in its path. fixed: paths that cannot change."""

    token: str
    api: str
    kind: str
    plural: str
    namespaced: bool = True
    fixed: tuple[str, ...] = ()

    def path(self, namespace: str, name: str = "") -> str:
        """Its path in the API; without a name its collection's."""
        root = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        where = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{root}{where}/{self.plural}" + (f"/{name}" if name else "")


_NAMED = ("metadata.name", "metadata.namespace")
KUBERNETES: dict[str, KubernetesKind] = {
    row.token: row
    for row in (
        KubernetesKind("kubernetes:core/v1:Namespace", "v1", "Namespace", "namespaces", False, _NAMED),
        KubernetesKind(
            "kubernetes:core/v1:ServiceAccount", "v1", "ServiceAccount", "serviceaccounts", fixed=_NAMED
        ),
        KubernetesKind(
            "kubernetes:core/v1:ResourceQuota", "v1", "ResourceQuota", "resourcequotas", fixed=_NAMED
        ),
        KubernetesKind(
            "kubernetes:apps/v1:Deployment",
            "apps/v1",
            "Deployment",
            "deployments",
            fixed=(*_NAMED, "spec.selector"),
        ),
        KubernetesKind("kubernetes:batch/v1:CronJob", "batch/v1", "CronJob", "cronjobs", fixed=_NAMED),
        KubernetesKind(
            "kubernetes:networking.k8s.io/v1:NetworkPolicy",
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "networkpolicies",
            fixed=_NAMED,
        ),
        KubernetesKind(
            "kubernetes:policy/v1:PodDisruptionBudget",
            "policy/v1",
            "PodDisruptionBudget",
            "poddisruptionbudgets",
            fixed=_NAMED,
        ),
    )
}
"""Every Kubernetes type of the mode stacks; all of them live in us-west-2's cluster."""


def type_of(token: str) -> str:
    """``AWS::S3::Bucket``, ``apps/v1/Deployment``; "" for a type that is none of the site's."""
    if token in AWS:
        return AWS[token].type
    row = KUBERNETES.get(token)
    return f"{row.api}/{row.kind}" if row else ""


def id_of(token: str, inputs: Mapping[str, Json]) -> str:
    """Our id of a declared resource. KeyError: it has no explicit name."""
    if token in AWS:
        row = AWS[token]
        return f"/aws/{row.region}/{row.type}/{'/'.join(str(inputs[key]) for key in row.name)}"
    return f"/kubernetes/{WEST}/{type_of(token)}/{object_id(inputs)}"


def object_id(inputs: Mapping[str, Json]) -> str:
    """``NAMESPACE/NAME`` (or ``NAME``) of a Kubernetes object, as Pulumi's provider calls it."""
    meta = inputs["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def repair(id: str, stack: str) -> str:
    """The command that brings a resource of the site back."""
    return f"pulumi up -s {'trustlayer-global' if f'/{EAST}/' in id else stack}"
