"""The Kubernetes objects of the given site: what runs in us-east-1 before anything happens, and the standby's in us-west-2.

No stack declares the primary's objects; these stand for what the site's own deployment made.
"""

from __future__ import annotations

from collections.abc import Iterator

from localcloud.trustlayer.agent import NAMESPACE
from recovery.model import Json

IMAGES = {
    "trustlayer-api": "registry.example/trustlayer/api:1.0",
    "trustlayer-frontend": "registry.example/trustlayer/frontend:1.0",
    "trustlayer-db": "postgres:16",
}
_AWAY = [
    {"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    for why in ("not-ready", "unreachable")
]


def objects(
    database_url: str, api: int, frontend: int, instances: dict[str, str]
) -> Iterator[tuple[str, dict[str, Json]]]:
    """(collection path, object) in order. instances: database instance -> its zone."""
    yield "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    deployments = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    yield deployments, deployment("trustlayer-frontend", frontend, {})
    yield deployments, deployment("trustlayer-api", api, {"DATABASE_URL": database_url})
    for name, zone in instances.items():
        yield deployments, database(name, zone)
    for app, least in (("trustlayer-api", api), ("trustlayer-frontend", frontend)):
        yield f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets", {
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app},
            "spec": {"maxUnavailable": max(1, least // 2), "selector": {"matchLabels": {"app": app}}},
        }  # fmt: skip


def deployment(name: str, replicas: int, env: dict[str, str]) -> dict[str, Json]:
    """A deployment spread over the zones."""
    labels = {"app": name}
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    container = {
        "name": name.removeprefix("trustlayer-"),
        "image": IMAGES[name],
        "env": [{"name": k, "value": v} for k, v in env.items()],
    }
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "topologySpreadConstraints": spread, "tolerations": _AWAY, "terminationGracePeriodSeconds": 1},
            },
        },
    }  # fmt: skip


def database(instance: str, zone: str) -> dict[str, Json]:
    """One PostgreSQL server, bound to the zone of its volume."""
    body = deployment("trustlayer-db", 1, {})
    labels = {"app": "trustlayer-db", "instance": instance}
    body["metadata"] = {"name": f"trustlayer-{instance}", "labels": labels}
    body["spec"] |= {"selector": {"matchLabels": labels}, "strategy": {"type": "Recreate"}}
    body["spec"]["template"]["metadata"]["labels"] = labels
    pod = body["spec"]["template"]["spec"]
    pod |= {"nodeSelector": {"topology.kubernetes.io/zone": zone}}
    pod.pop("topologySpreadConstraints")
    return body
