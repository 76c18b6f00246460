"""The kinds of resources that site trustlayer declares: Pulumi token, type, region, and how each is named. Pure.

An id of ours names a resource wherever it is asked for: ``/aws/us-west-2/AWS::S3::Bucket/trustlayer-flags``,
``/kubernetes/us-west-2/apps/v1/Deployment/trustlayer/trustlayer-api``. Those of AWS are in `recovery.aws.kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recovery.aws import kinds as aws
from recovery.aws.kinds import AWS, EAST, WEST
from recovery.model import Json


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


def id_of(token: str, inputs: Mapping[str, Json], region: str = "") -> str:
    """Our id of a declared resource. region: as in `recovery.aws.kinds.id_of`. KeyError: it has no explicit name."""
    if token in AWS:
        return aws.id_of(token, inputs, region)
    return f"/kubernetes/{WEST}/{type_of(token)}/{object_id(inputs)}"


def object_id(inputs: Mapping[str, Json]) -> str:
    """``NAMESPACE/NAME`` (or ``NAME``) of a Kubernetes object, as Pulumi's provider calls it."""
    meta = inputs["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def repair(id: str, stack: str) -> str:
    """The command that brings a resource of the site back."""
    return f"pulumi up -s {'trustlayer-global' if f'/{EAST}/' in id else stack}"
