"""The rules of site trustlayer's stacks: pods, namespace, replica, buckets, rights. PSS: Kubernetes Pod Security
Standards, profile "restricted"; FSBP: AWS Foundational Security Best Practices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from recovery.model import Desired
from tests.policy import rules
from tests.policy.rules import Inputs, Rule, Stack, at, name, put, spoil, wants

MODES = ("trustlayer-standby", "trustlayer-active")
GLOBAL = ("trustlayer-global",)
DEPLOYMENT, JOB = "kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:CronJob"
REPLICA, WALLS = "aws:rds/instance:Instance", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_PODS = {DEPLOYMENT: "spec.template.spec", JOB: "spec.jobTemplate.spec.template.spec"}


def pods(path: str, wanted: object, *, container: bool = True) -> Rule:
    """Every pod template of a workload (or its first container) has this value."""
    inner = f"containers.0.{path}" if container else path

    def check(stack: Stack) -> Iterator[str]:
        for kind, where in _PODS.items():
            for one in stack.of(kind):
                if (have := at(one.inputs, f"{where}.{inner}")) != wanted:
                    yield f"{name(one)}: {path} is {have!r}, not {wanted!r}"

    return Rule(
        f"pods: {path}", "PSS restricted", check, spoil(DEPLOYMENT, f"{_PODS[DEPLOYMENT]}.{inner}", "spoiled"), MODES
    )  # fmt: skip


def every_container_has_limits(stack: Stack) -> Iterator[str]:
    for kind, where in _PODS.items():
        for one in stack.of(kind):
            if not at(one.inputs, f"{where}.containers.0.resources.limits.memory"):
                yield f"{name(one)}: no limit of memory: one pod may take its node's"


def restricted(stack: Stack) -> Iterator[str]:
    for one in stack.of("kubernetes:core/v1:Namespace"):
        level = one.inputs["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce")
        if level != "restricted":
            yield f"{name(one)}: it admits pods of level {level}"


def nothing_comes_in_unasked(stack: Stack) -> Iterator[str]:
    closed = [
        p
        for p in stack.of(POLICY)
        if p.inputs["spec"].get("podSelector") == {} and not p.inputs["spec"].get("ingress")
    ]
    if not closed:
        yield "no policy closes the namespace"


def only_the_flag_is_public(stack: Stack) -> Iterator[str]:
    for one in stack.of(WALLS):
        if name(one) != "flags-walls" and not all(one.inputs.get(key) is True for key in rules.BLOCKS):
            yield f"{name(one)}: it may be public"
    for one in stack.of("aws:s3/bucketPolicy:BucketPolicy"):
        for statement in json.loads(one.inputs["policy"])["Statement"]:
            narrow = statement["Action"] == "s3:GetObject" and statement["Resource"].endswith("/active")
            if statement["Principal"] == "*" and not narrow:
                yield f"{name(one)}: anybody may do more than read the flag"


def anybody_may_list(stack: Stack) -> Stack:
    def edit(inputs: Inputs) -> None:
        inputs["policy"] = inputs["policy"].replace("/active", "/*")

    return stack.spoiled("aws:s3/bucketPolicy:BucketPolicy", edit)


def every_bucket_has_versions(stack: Stack) -> Iterator[str]:
    versioned = {d.inputs["bucket"] for d in stack.of("aws:s3/bucketVersioning:BucketVersioning")}
    for one in stack.of("aws:s3/bucket:Bucket"):
        if one.inputs["bucket"] not in versioned:
            yield f"{name(one)}: what is overwritten is gone"


def nothing_asks_the_lost_region(stack: Stack) -> Iterator[str]:
    """us-east-1 is named once: as the source of the replica, which nobody reads on the day."""
    for one in stack.resources:
        inputs = {key: value for key, value in one.inputs.items() if key != "replicateSourceDb"}
        if "us-east-1" in json.dumps(inputs, default=str):
            yield f"{name(one)}: it names us-east-1"


def everything_but_the_replica_is_kept(stack: Stack) -> Iterator[str]:
    """The replica is named by its generation and forgotten after a failback; AWS's own deletion protection stands.
    Gates observe and hold nothing."""
    return rules.everything_is_kept(
        replace(
            stack,
            resources=tuple(
                d for d in stack.resources if d.type != REPLICA and "dynamic/gates:" not in d.type
            ),
        )
    )


def unprotected(stack: Stack) -> Stack:
    first = next(d for d in stack.resources if not d.type.startswith("pulumi:") and d.options.get("protect"))
    open_ = replace(first, options={**first.options, "protect": False})
    return replace(stack, resources=tuple(open_ if d is first else d for d in stack.resources))


def trust_is_narrow(stack: Stack) -> Iterator[str]:
    """A service of AWS, or one identity of one issuer."""
    roles = tuple(
        d
        for d in stack.of("aws:iam/role:Role")
        if not all(
            set(s["Principal"]) == {"Service"} for s in json.loads(d.inputs["assumeRolePolicy"])["Statement"]
        )
    )
    return rules.trust_is_narrow(replace(stack, resources=roles))


def trusts_anybody(stack: Stack) -> Stack:
    def edit(inputs: Inputs) -> None:
        inputs["assumeRolePolicy"] = inputs["assumeRolePolicy"].replace(":sub", ":iss")

    return stack.spoiled("aws:iam/role:Role", edit, "backup-job")


def _source_elsewhere(stack: Stack) -> Stack:
    extra = Desired("aws:s3/bucket:Bucket", "", "gate:x", {"bucket": "b", "region": "us-east-1"}, {"name": "x"})  # fmt: skip
    return replace(stack, resources=(*stack.resources, extra))


RULES: tuple[Rule, ...] = (
    pods("securityContext.allowPrivilegeEscalation", False),
    pods("securityContext.readOnlyRootFilesystem", True),
    pods("securityContext.capabilities.drop", ["ALL"]),
    pods("securityContext.runAsNonRoot", True, container=False),
    pods("securityContext.seccompProfile.type", "RuntimeDefault", container=False),
    Rule("containers have limits", "Kubernetes: resource management for pods and containers", every_container_has_limits,
         spoil(DEPLOYMENT, f"{_PODS[DEPLOYMENT]}.containers.0.resources.limits", {}), MODES),
    Rule("the namespace enforces restricted pods", "PSS restricted, by Pod Security Admission",
         restricted,
         spoil("kubernetes:core/v1:Namespace", "metadata.labels", {}), MODES),
    Rule("nothing comes in unasked", "CIS Kubernetes 5.3.2", nothing_comes_in_unasked,
         lambda s: s.without("closed"), MODES),
    Rule("the replica is encrypted", "FSBP RDS.3", wants(REPLICA, "storageEncrypted", True),
         spoil(REPLICA, "storageEncrypted", False), MODES),
    Rule("the replica is not deleted by a slip", "FSBP RDS.8", wants(REPLICA, "deletionProtection", True),
         spoil(REPLICA, "deletionProtection", False), MODES),
    Rule("nothing but the flag is public (walls)", "FSBP S3.8; design: an inverted health check is anonymous", only_the_flag_is_public,
         lambda s: s.spoiled(WALLS, put("blockPublicPolicy", False), "backups-us-west-2-walls"), MODES),
    Rule("nothing but the flag is public (policy)", "FSBP S3.2", only_the_flag_is_public, anybody_may_list, MODES),
    Rule("every bucket has versions", "FSBP S3.14", every_bucket_has_versions,
         lambda s: s.without("backups-us-west-2-versions"), MODES),
    Rule("backups are locked", "FSBP S3.15", wants("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
         "rule.defaultRetention.mode", "GOVERNANCE", "COMPLIANCE"),
         spoil("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", "rule.defaultRetention", {}), MODES),
    Rule("nothing asks the region that is lost", "TL-4; design: a failover stack holds nothing of the cloud that fails",
         nothing_asks_the_lost_region, _source_elsewhere, MODES),
    Rule("everything of us-west-2 is protected and kept", "design: protect and retain_on_delete", everything_but_the_replica_is_kept,
         unprotected, MODES),
    Rule("everything global is protected and kept", "design: protect and retain_on_delete", rules.everything_is_kept,
         rules.unprotected, GLOBAL),
    Rule("no global statement takes everything", "CIS AWS 1.16; FSBP IAM.21", rules.no_statement_takes_everything,
         rules.takes_everything, GLOBAL),
    Rule("the backup's role is one identity's", "FSBP IAM.21; EKS: IAM roles for service accounts", trust_is_narrow,
         trusts_anybody, GLOBAL),
    Rule("the CDN speaks HTTPS alone", "FSBP CloudFront.3",
         wants("aws:cloudfront/distribution:Distribution", "defaultCacheBehavior.viewerProtocolPolicy", "redirect-to-https", "https-only"),
         spoil("aws:cloudfront/distribution:Distribution", "defaultCacheBehavior.viewerProtocolPolicy", "allow-all"), GLOBAL),
)  # fmt: skip
"""The rules as a table: key, source, what must hold, how it is broken."""
