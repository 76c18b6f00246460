"""us-west-2 in one of two modes: namespace, workloads, read replica, backup buckets, the gate and the traffic flag."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.gates import SiteGate
from components.trustlayer.settings import RECOVERY, Trustlayer

NAMESPACE = "trustlayer"
APPS = ("frontend", "api")


class Regional(pulumi.ComponentResource):
    """All of us-west-2. Order in mode active: replicas, then the gate, then the flag; in standby: the flag first."""

    def __init__(self, site: Trustlayer) -> None:
        super().__init__("standby:trustlayer:Regional", "trustlayer")
        self.site = site
        # Regional STS and nothing looked up at the start: us-east-1 may be gone when this runs.
        self.aws = aws.Provider(
            "us-west-2", region=RECOVERY, sts_region=RECOVERY, skip_requesting_account_id=True, skip_metadata_api_check=True,
            opts=pulumi.ResourceOptions(parent=self),
        )  # fmt: skip
        self.k8s = k8s.Provider(
            "dr-cluster", context=site["kubeContext"], opts=pulumi.ResourceOptions(parent=self)
        )
        self.backups()
        replica = self.replica()
        namespace = self.namespace()
        if site.dials.flag:
            workloads = [self.workload(app, namespace, []) for app in APPS]
            self.flag([self.gate([*workloads, replica])])
        else:
            flag = self.flag([])
            for app in APPS:
                self.workload(app, namespace, [flag] if flag else [])
        self.exports = {
            "mode": str(site.mode),
            "replica": replica.identifier,
            "flagBucket": f"{site['prefix']}-flags",
        }
        self.register_outputs({})

    def kept(
        self,
        provider: pulumi.ProviderResource,
        after: list[Any] | None = None,
        ignore: list[str] | None = None,
    ) -> pulumi.ResourceOptions:
        """Protected, and kept when forgotten: two stacks share it."""
        return pulumi.ResourceOptions(
            parent=self,
            provider=provider,
            protect=True,
            retain_on_delete=True,
            depends_on=after or [],
            ignore_changes=ignore,
        )

    def backups(self) -> None:
        """The copy of the backups and the flag's bucket: versioned; the copy locked."""
        for name, locked in (("backups-us-west-2", True), ("flags", False)):
            bucket = aws.s3.Bucket(
                name,
                bucket=f"{self.site['prefix']}-{name}",
                object_lock_enabled=locked,
                opts=self.kept(self.aws),
            )
            aws.s3.BucketVersioning(
                f"{name}-versions",
                bucket=bucket.bucket,
                versioning_configuration={"status": "Enabled"},
                opts=self.kept(self.aws),
            )
            if locked:
                aws.s3.BucketObjectLockConfiguration(
                    f"{name}-lock", bucket=bucket.bucket, opts=self.kept(self.aws),
                    rule={"default_retention": {"mode": "GOVERNANCE", "days": self.site["lockDays"]}},
                )  # fmt: skip

    def replica(self) -> aws.rds.Instance:
        """The cross-region read replica. Promotion removes its source behind our back, and that is no drift."""
        return aws.rds.Instance(
            "replica", identifier=self.site["replica"], replicate_source_db=self.site["replicaSource"], instance_class=self.site["replicaClass"],
            storage_encrypted=True, deletion_protection=True, skip_final_snapshot=False, backup_retention_period=7,
            final_snapshot_identifier=f"{self.site['replica']}-final", opts=self.kept(self.aws, ignore=["replicateSourceDb"]),
        )  # fmt: skip

    def namespace(self) -> k8s.core.v1.Namespace:
        """The namespace with its quota and its walls: nothing comes in but what is let in."""
        space = k8s.core.v1.Namespace(
            "namespace",
            metadata={"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
            opts=self.kept(self.k8s),
        )
        k8s.core.v1.ResourceQuota(
            "quota", metadata={"name": "quota", "namespace": NAMESPACE}, spec={"hard": {"pods": "40", "requests.cpu": "20", "requests.memory": "40Gi"}},
            opts=self.kept(self.k8s, [space]),
        )  # fmt: skip
        k8s.networking.v1.NetworkPolicy(
            "closed",
            metadata={"name": "closed", "namespace": NAMESPACE},
            spec={"podSelector": {}, "policyTypes": ["Ingress"]},
            opts=self.kept(self.k8s, [space]),
        )
        k8s.networking.v1.NetworkPolicy(
            "web", metadata={"name": "web", "namespace": NAMESPACE}, opts=self.kept(self.k8s, [space]),
            spec={"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": [f"trustlayer-{app}" for app in APPS]}]},
                  "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 8080}]}]},
        )  # fmt: skip
        return space

    def workload(
        self, app: str, namespace: k8s.core.v1.Namespace, after: list[Any]
    ) -> k8s.apps.v1.Deployment:
        """A deployment spread over the zones, with probes and a disruption budget. Its replicas are a dial."""
        name, site = f"trustlayer-{app}", self.site
        labels = {"app": name}
        probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5, "timeoutSeconds": 4}
        container = {
            "name": app, "image": site[f"{app}Image"], "ports": [{"containerPort": 8080}], "readinessProbe": probe,
            # A database that is down must not have every pod restarted: liveness asks the process alone.
            "livenessProbe": {**probe, "httpGet": {"path": "/livez", "port": 8080}},
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        }  # fmt: skip
        if app == "api":
            container["envFrom"] = [{"secretRef": {"name": "trustlayer-database"}}]
        pod = {
            "containers": [container],
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": labels},
                }
            ],
        }
        k8s.policy.v1.PodDisruptionBudget(
            f"{app}-budget", metadata={"name": name, "namespace": NAMESPACE}, opts=self.kept(self.k8s, [namespace]),
            spec={"maxUnavailable": 1, "selector": {"matchLabels": labels}},
        )  # fmt: skip
        return k8s.apps.v1.Deployment(
            app, opts=self.kept(self.k8s, [namespace, *after]),
            # Nothing waits for a rollout but the gate, which looks for itself.
            metadata={"name": name, "namespace": NAMESPACE, "labels": labels, "annotations": {"pulumi.com/skipAwait": "true"}},
            spec={"replicas": getattr(site.dials, app), "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        )  # fmt: skip

    def gate(self, after: list[Any]) -> SiteGate:
        """The api's pods are Ready and the database accepts a write; unpromoted, it stops and names level 4."""
        props = {"want": "ready", "api": self.site["api"], "timeoutSeconds": self.site["gateTimeout"]}
        return SiteGate("site-gate", props, pulumi.ResourceOptions(parent=self, depends_on=after))

    def flag(self, after: list[Any]) -> aws.s3.BucketObjectv2 | None:
        """The flag object: the inverted health check turns the names here while it is there. In standby there is none.

        Declared in mode active alone: its absence is the standby's state, and a missing flag means stay.
        """
        if not self.site.dials.flag:
            return None
        return aws.s3.BucketObjectv2(
            "flag", bucket=f"{self.site['prefix']}-flags", key="active", content=RECOVERY, acl="public-read", cache_control="no-store",
            opts=pulumi.ResourceOptions(parent=self, provider=self.aws, depends_on=after),
        )  # fmt: skip
