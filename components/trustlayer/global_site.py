"""What has no mode and no single region: zone, failover records, the inverted health check, CDN, replication of backups."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from components.trustlayer.settings import PRIMARY, RECOVERY, Trustlayer


class Global(pulumi.ComponentResource):
    """Stack trustlayer-global. It is changed in quiet times only: its control planes live in us-east-1."""

    def __init__(self, site: Trustlayer) -> None:
        super().__init__("standby:trustlayer:Global", "trustlayer-global")
        east = aws.Provider("us-east-1", region=PRIMARY, opts=pulumi.ResourceOptions(parent=self))
        kept = pulumi.ResourceOptions(parent=self, provider=east, protect=True, retain_on_delete=True)
        prefix, domain = site["prefix"], site["domain"]
        zone = aws.route53.Zone("zone", name=domain, opts=kept)
        # Healthy while the flag is missing: inverted, so that no answer of ours is ever needed to stay.
        check = aws.route53.HealthCheck(
            "flag-check", type="HTTPS", fqdn=f"{prefix}-flags.s3.{RECOVERY}.amazonaws.com", port=443, resource_path="/active",
            request_interval=10, failure_threshold=3, invert_healthcheck=True, opts=kept,
        )  # fmt: skip
        for kind, host, health in (
            ("PRIMARY", site["primaryHost"], check.id),
            ("SECONDARY", site["recoveryHost"], None),
        ):
            aws.route53.Record(
                f"{kind.lower()}-record", zone_id=zone.zone_id, name=f"www.{domain}", type="CNAME", ttl=site["ttl"], records=[host],
                set_identifier=kind.lower(), failover_routing_policies=[{"type": kind}], health_check_id=health, opts=kept,
            )  # fmt: skip
        role = aws.iam.Role(
            "replication", name=f"{prefix}-backup-replication", opts=kept,
            assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]}),
        )  # fmt: skip
        source, target = f"arn:aws:s3:::{site['sourceBackups']}", f"arn:aws:s3:::{prefix}-backups-{RECOVERY}"
        allowed = [
            {
                "Effect": "Allow",
                "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
                "Resource": source,
            },
            {
                "Effect": "Allow",
                "Action": ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl"],
                "Resource": f"{source}/*",
            },
            {
                "Effect": "Allow",
                "Action": ["s3:ReplicateObject", "s3:ReplicateTags"],
                "Resource": f"{target}/*",
            },
        ]
        aws.iam.RolePolicy(
            "replication-rights",
            name="replicate",
            role=role.name,
            policy=json.dumps({"Version": "2012-10-17", "Statement": allowed}),
            opts=kept,
        )
        aws.s3.BucketReplicationConfig(
            "backups-replication", bucket=site["sourceBackups"], role=role.arn, opts=kept,
            rules=[{"id": "all", "status": "Enabled", "priority": 1, "filter": {}, "delete_marker_replication": {"status": "Disabled"}, "destination": {"bucket": target}}],
        )  # fmt: skip
        self._backup_job(site, kept)
        cdn = aws.cloudfront.Distribution(
            "cdn", enabled=True, comment=f"{prefix} site", restrictions={"geo_restriction": {"restriction_type": "none"}}, opts=kept,
            viewer_certificate={"cloudfront_default_certificate": True},
            origins=[{"origin_id": "site", "domain_name": f"www.{domain}",
                      "custom_origin_config": {"http_port": 80, "https_port": 443, "origin_protocol_policy": "https-only", "origin_ssl_protocols": ["TLSv1.2"]}}],
            default_cache_behavior={"target_origin_id": "site", "viewer_protocol_policy": "redirect-to-https", "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
                                    "cached_methods": ["GET", "HEAD"], "forwarded_values": {"query_string": True, "cookies": {"forward": "all"}}},
        )  # fmt: skip
        self.exports = {"zoneId": zone.zone_id, "distribution": cdn.id, "healthCheck": check.id}
        self.register_outputs({})

    def _backup_job(self, site: Trustlayer, kept: pulumi.ResourceOptions) -> None:
        """The role of the nightly backup job: by the identity of its service account in us-west-2, and nothing more."""
        issuer, prefix = site["oidcProvider"], site["prefix"]
        who = {
            f"{issuer}:sub": "system:serviceaccount:trustlayer:backup",
            f"{issuer}:aud": "sts.amazonaws.com",
        }
        trust = {
            "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": who},
            "Principal": {"Federated": f"arn:aws:iam::{site.account}:oidc-provider/{issuer}"},
        }  # fmt: skip
        role = aws.iam.Role(
            "backup-job", name=f"{prefix}-backup-job", opts=kept,
            assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )  # fmt: skip
        buckets = [site["sourceBackups"], f"{prefix}-backups-{RECOVERY}"]
        allowed = [
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{name}" for name in (*buckets, f"{prefix}-storage")]},
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": [f"arn:aws:s3:::{name}/*" for name in buckets]},
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::{prefix}-storage/*"},
        ]  # fmt: skip
        aws.iam.RolePolicy(
            "backup-job-rights", name="backup", role=role.name, opts=kept,
            policy=json.dumps({"Version": "2012-10-17", "Statement": allowed}),
        )  # fmt: skip
