"""us-west-2 in one of two modes: workloads, read replica, buckets, the nightly backup, the gate and the traffic flag.

active:  replicas -> SiteGate (pods Ready, the database takes a write) -> flag
standby: SiteGate (traffic may go back, or is back) -> flag away, and waited for -> replicas
"""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.gates import SiteGate, TrafficFlag
from components.guard import passed
from components.trustlayer.settings import RECOVERY, Trustlayer

NAMESPACE, STANDBY = "trustlayer", "trustlayer-standby"
APPS = ("frontend", "api")


class Regional(pulumi.ComponentResource):
    """All of us-west-2, and nothing of us-east-1: an unreadable resource there would hold up the very day."""

    def __init__(self, site: Trustlayer) -> None:
        super().__init__("standby:trustlayer:Regional", "trustlayer")
        self.site, active = site, site.dials.flag
        # Regional STS and nothing looked up at the start: us-east-1 may be gone when this runs.
        self.aws = aws.Provider(
            "us-west-2", region=RECOVERY, sts_region=RECOVERY, skip_requesting_account_id=True, skip_metadata_api_check=True,
            opts=pulumi.ResourceOptions(parent=self),
        )  # fmt: skip
        self.k8s = k8s.Provider(
            "dr-cluster", context=site["kubeContext"], opts=pulumi.ResourceOptions(parent=self)
        )
        # Known only when a hand-over has brought this stack the footprint as it is: everything waits for it.
        stamp = passed(site.fingerprint, active=active, standby=STANDBY)
        self.prefix = stamp.apply(lambda _stamp: str(site["prefix"]))
        self.space = stamp.apply(lambda _stamp: NAMESPACE)
        self.backups()
        replica = self.replica()
        namespace = self.namespace()
        self.nightly(namespace)
        if active:
            workloads = [self.workload(app, namespace, []) for app in APPS]
            self.flag([self.gate([*workloads, replica])])
        else:
            flag = self.flag([self.gate([])])
            for app in APPS:
                self.workload(app, namespace, [flag])
        self.exports = {
            "footprint": site.fingerprint, "mode": str(site.mode), "replica": replica.identifier, "flagBucket": f"{site['prefix']}-flags",
        }  # fmt: skip
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

    def bucket(self, name: str, *, locked: bool, public: bool) -> Any:
        """A versioned bucket. Objects without ACLs, as new buckets are; what is public is so by policy alone."""
        made = aws.s3.Bucket(
            name, bucket=pulumi.Output.format("{0}-{1}", self.prefix, name), object_lock_enabled=locked, opts=self.kept(self.aws)
        )  # fmt: skip
        aws.s3.BucketVersioning(
            f"{name}-versions", bucket=made.bucket, versioning_configuration={"status": "Enabled"}, opts=self.kept(self.aws)
        )  # fmt: skip
        closed = aws.s3.BucketPublicAccessBlock(
            f"{name}-walls", bucket=made.bucket, block_public_acls=True, ignore_public_acls=True, block_public_policy=not public,
            restrict_public_buckets=not public, opts=self.kept(self.aws),
        )  # fmt: skip
        return made, closed

    def backups(self) -> None:
        """The copy of the backups: versioned and locked. The flag's bucket: its one object can be read by health
        checkers, which are anonymous (facts.md)."""
        copy, _ = self.bucket("backups-us-west-2", locked=True, public=False)
        aws.s3.BucketObjectLockConfiguration(
            "backups-us-west-2-lock", bucket=copy.bucket, opts=self.kept(self.aws),
            rule={"default_retention": {"mode": "GOVERNANCE", "days": self.site["lockDays"]}},
        )  # fmt: skip
        flags, open_ = self.bucket("flags", locked=False, public=True)
        readable = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{self.site['prefix']}-flags/active"}  # fmt: skip
        aws.s3.BucketPolicy(
            "flags-readable", bucket=flags.bucket, opts=self.kept(self.aws, [open_]),
            policy=json.dumps({"Version": "2012-10-17", "Statement": [readable]}),
        )  # fmt: skip

    def replica(self) -> aws.rds.Instance:
        """The cross-region read replica. Promotion removes its source behind our back, and that is no drift.

        It is named by its generation, and a new one takes over after each failback: the older is then forgotten, not
        deleted (retain_on_delete; AWS's own deletion protection stands), so it is not `protect`, which would refuse.
        """
        name = str(self.site["replica"])
        opts = self.kept(self.aws, ignore=["replicateSourceDb"])
        opts.protect = False
        return aws.rds.Instance(
            name, identifier=self.prefix.apply(lambda _: name), replicate_source_db=self.site["replicaSource"], instance_class=self.site["replicaClass"],
            storage_encrypted=True, kms_key_id=self.site["replicaKey"], deletion_protection=True, skip_final_snapshot=False,
            backup_retention_period=7, final_snapshot_identifier=f"{name}-final", opts=opts,
        )  # fmt: skip

    def nightly(self, namespace: k8s.core.v1.Namespace) -> None:
        """The nightly backup: a job outside the primary's region, by the cluster's identity, one at a time."""
        labels = {"app": "trustlayer-backup"}
        k8s.core.v1.ServiceAccount(
            "backup-identity", opts=self.kept(self.k8s, [namespace]),
            metadata={"name": "backup", "namespace": NAMESPACE, "annotations": {"eks.amazonaws.com/role-arn": self.site.backup_role}},
        )  # fmt: skip
        container = {
            "name": "backup", "image": self.site["toolImage"], "args": ["backup", "run"],
            "env": [{"name": "DR_TRUSTLAYER", "value": "/site/site.json"}, {"name": "HOME", "value": "/tmp"}],  # noqa: S108 - the pod's own
            "volumeMounts": [{"name": "site", "mountPath": "/site", "readOnly": True}, {"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108
            "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}, "securityContext": _NARROW,
        }  # fmt: skip
        pod = {
            "serviceAccountName": "backup", "restartPolicy": "Never", "containers": [container], "securityContext": _UNPRIVILEGED,
            "volumes": [{"name": "site", "secret": {"secretName": "trustlayer-site"}}, {"name": "scratch", "emptyDir": {}}],
        }  # fmt: skip
        k8s.batch.v1.CronJob(
            "nightly-backup", metadata={"name": "nightly-backup", "namespace": NAMESPACE}, opts=self.kept(self.k8s, [namespace]),
            spec={
                "schedule": self.site["backupSchedule"], "timeZone": "Etc/UTC", "concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 3600,
                "jobTemplate": {"spec": {"backoffLimit": 2, "activeDeadlineSeconds": 7200, "template": {"metadata": {"labels": labels}, "spec": pod}}},
            },
        )  # fmt: skip

    def namespace(self) -> k8s.core.v1.Namespace:
        """The namespace with its quota and its walls: nothing comes in but what is let in."""
        space = k8s.core.v1.Namespace(
            "namespace",
            metadata={"name": self.space, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
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
            "securityContext": _NARROW,
        }  # fmt: skip
        if app == "api":
            container["envFrom"] = [{"secretRef": {"name": "trustlayer-database"}}]
        pod = {
            "containers": [container],
            "securityContext": _UNPRIVILEGED,
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
            # Nothing waits for a rollout but the gate, which looks for itself. A runbook sets the replicas too, under a
            # name of its own: without patchForce the next switch would end in a conflict of field managers.
            metadata={"name": name, "namespace": NAMESPACE, "labels": labels, "annotations": {"pulumi.com/skipAwait": "true", "pulumi.com/patchForce": "true"}},
            spec={"replicas": getattr(site.dials, app), "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        )  # fmt: skip

    def gate(self, after: list[Any]) -> SiteGate:
        """active: the api's pods are Ready and the database accepts a write; unpromoted, it stops and names level 4.
        standby: traffic is in us-east-1 already, or may go back there; else it stops and names the failback."""
        want = "ready" if self.site.dials.flag else "returned"
        props = {"want": want, "api": self.site["api"], "timeoutSeconds": self.site["gateTimeout"]}
        return SiteGate("site-gate", props, pulumi.ResourceOptions(parent=self, depends_on=after))

    def flag(self, after: list[Any]) -> TrafficFlag:
        """The flag object: the inverted health check turns the names here while it is there.

        A resource in both modes that observes whether it is there: an object that only mode active declared would be
        deleted last on the way back (the engine deletes after it updates), with the pods gone before the traffic.
        """
        want = "set" if self.site.dials.flag else "missing"
        props = {"want": want, "timeoutSeconds": self.site["gateTimeout"]}
        return TrafficFlag("traffic-flag", props, pulumi.ResourceOptions(parent=self, depends_on=after))


_UNPRIVILEGED = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_NARROW = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
