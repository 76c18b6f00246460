"""The rules as a table: key, source, what must hold, how it is broken."""

from __future__ import annotations

from dataclasses import replace

from recovery.model import Desired
from tests.policy import rules
from tests.policy.rules import Rule, Stack, put, spoil, wants

ACCOUNT, VAULT, COSMOS = "storage:StorageAccount", "keyvault:Vault", "cosmosdb:DatabaseAccount"
GATEWAY, SCALE_SET, SITE = "network:ApplicationGateway", "compute:VirtualMachineScaleSet", "web:WebApp"
SERVICE, NSG = "storage:BlobServiceProperties", "network:NetworkSecurityGroup"
SYSTEM = "virtualMachineProfile.osProfile.linuxConfiguration"


def _with_aws(stack: Stack) -> Stack:
    extra = Desired(
        "aws:s3/bucket:Bucket", "", "gate:x", {}, {"name": "x", "protect": True, "retainOnDelete": True}
    )
    return replace(stack, resources=(*stack.resources, extra))


SOURCE = ("source",)

RULES: tuple[Rule, ...] = (
    Rule("no anonymous blobs (account)", "MCSB NS-2; CIS 4.17", wants(ACCOUNT, "allowBlobPublicAccess", False),
         spoil(ACCOUNT, "allowBlobPublicAccess", True)),
    Rule("no anonymous blobs (container)", "MCSB NS-2; CIS 4.17", wants("storage:BlobContainer", "publicAccess", "None"),
         spoil("storage:BlobContainer", "publicAccess", "Blob")),
    Rule("storage over TLS alone", "MCSB DP-3; CIS 4.1", wants(ACCOUNT, "enableHttpsTrafficOnly", True),
         spoil(ACCOUNT, "enableHttpsTrafficOnly", False)),
    Rule("storage TLS 1.2", "MCSB DP-3; CIS 4.15", wants(ACCOUNT, "minimumTlsVersion", "TLS1_2"),
         spoil(ACCOUNT, "minimumTlsVersion", "TLS1_0")),
    Rule("no account keys but the site's", "MCSB IM-1; pulumi-azure-native#2015 for the exception",
         wants(ACCOUNT, "allowSharedKeyAccess", False, unless=("storage-site",)),
         spoil(ACCOUNT, "allowSharedKeyAccess", True, "storage-uploads")),
    Rule("no replication to other tenants", "CIS 4.16", wants(ACCOUNT, "allowCrossTenantReplication", False),
         spoil(ACCOUNT, "allowCrossTenantReplication", True)),
    Rule("every overwrite leaves a version", "MCSB BR-2", wants(SERVICE, "isVersioningEnabled", True),
         spoil(SERVICE, "isVersioningEnabled", False)),
    Rule("blobs are deleted softly", "MCSB BR-2; CIS 4.10", wants(SERVICE, "deleteRetentionPolicy.enabled", True),
         spoil(SERVICE, "deleteRetentionPolicy.enabled", False)),
    Rule("containers are deleted softly", "MCSB BR-2; CIS 4.10",
         wants(SERVICE, "containerDeleteRetentionPolicy.enabled", True),
         spoil(SERVICE, "containerDeleteRetentionPolicy.enabled", False)),
    Rule("the database knows no keys", "MCSB IM-1; CIS 5.4.3", wants(COSMOS, "disableLocalAuth", True),
         spoil(COSMOS, "disableLocalAuth", False)),
    Rule("the database is backed up continuously", "MCSB BR-1", wants(COSMOS, "backupPolicy.type", "Continuous"),
         spoil(COSMOS, "backupPolicy.type", "Periodic")),
    Rule("the database over TLS 1.2", "MCSB DP-3", wants(COSMOS, "minimalTlsVersion", "Tls12"),
         spoil(COSMOS, "minimalTlsVersion", "Tls")),
    Rule("database and vault are private, or named people's", "MCSB NS-2; CIS 3.3.7, 5.4.1, 5.4.2",
         rules.private_or_named_people, spoil(COSMOS, "publicNetworkAccess", "Enabled")),
    Rule("the vault's door is shut by default", "MCSB NS-2", rules.private_or_named_people,
         spoil(VAULT, "properties.networkAcls.defaultAction", "Allow")),
    Rule("the vault goes by roles", "MCSB IM-1, DP-8; CIS 3.3.6",
         wants(VAULT, "properties.enableRbacAuthorization", True), spoil(VAULT, "properties.enableRbacAuthorization", False)),
    Rule("the vault cannot be purged", "MCSB DP-8; CIS 3.3.5", wants(VAULT, "properties.enablePurgeProtection", True),
         spoil(VAULT, "properties.enablePurgeProtection", False)),
    Rule("no open port", "MCSB NS-1; CIS 7.1, 7.2", rules.no_open_port,
         lambda s: s.spoiled(NSG, put("securityRules.0.sourceAddressPrefix", "Internet"), "nsg-api")),
    Rule("security groups end in a denial", "MCSB NS-1", rules.every_group_denies_the_rest,
         spoil(NSG, "securityRules", [], "nsg-functions")),
    Rule("every subnet has a security group", "MCSB NS-1", rules.every_subnet_is_guarded,
         spoil("network:VirtualNetwork", "subnets.1.networkSecurityGroup", None)),
    Rule("a firewall that prevents", "MCSB NS-6",
         wants("network:WebApplicationFirewallPolicy", "policySettings.mode", "Prevention"),
         spoil("network:WebApplicationFirewallPolicy", "policySettings.mode", "Detection")),
    Rule("the gateway has that firewall", "MCSB NS-6", wants(GATEWAY, "sku.tier", "WAF_v2"),
         spoil(GATEWAY, "sku.tier", "Standard_v2")),
    Rule("TLS 1.2 or newer at the gateway", "MCSB DP-3",
         wants(GATEWAY, "sslPolicy.policyName", "AppGwSslPolicy20220101S", "AppGwSslPolicy20220101"),
         spoil(GATEWAY, "sslPolicy.policyName", "AppGwSslPolicy20150501")),
    Rule("plain HTTP only redirects", "MCSB DP-3, NS-8", rules.plain_http_only_redirects,
         spoil(GATEWAY, "httpListeners.0.protocol", "Http")),
    Rule("SSH by key alone", "MCSB IM-6, PV-3", wants(SCALE_SET, f"{SYSTEM}.disablePasswordAuthentication", True),
         spoil(SCALE_SET, f"{SYSTEM}.disablePasswordAuthentication", False)),
    Rule("trusted launch", "MCSB PV-3", wants(SCALE_SET, "virtualMachineProfile.securityProfile.securityType", "TrustedLaunch"),
         spoil(SCALE_SET, "virtualMachineProfile.securityProfile.securityType", "Standard")),
    Rule("instances have no public address", "MCSB NS-1", rules.no_address_of_its_own,
         spoil(SCALE_SET, "virtualMachineProfile.networkProfile.networkInterfaceConfigurations.0.ipConfigurations.0"
               ".publicIPAddressConfiguration", {"name": "pip"})),
    Rule("nothing is fetched at boot (hosts)", "design: nothing downloaded from elsewhere at boot; MCSB DS-6",
         rules.nothing_is_fetched_at_boot, rules.boot_with("python3 -c 'get(\"https://pypi.example/x\")'")),
    Rule("nothing is fetched at boot (packages)", "design: nothing downloaded from elsewhere at boot; MCSB DS-6",
         rules.nothing_is_fetched_at_boot, rules.boot_with("apt-get install nginx")),
    Rule("functions over TLS alone", "MCSB DP-3; CIS 9.1", wants(SITE, "httpsOnly", True), spoil(SITE, "httpsOnly", False)),
    Rule("functions TLS 1.2", "MCSB DP-3", wants(SITE, "siteConfig.minTlsVersion", "1.2", "1.3"),
         spoil(SITE, "siteConfig.minTlsVersion", "1.0")),
    Rule("no FTP", "MCSB NS-8; CIS 9.3", wants(SITE, "siteConfig.ftpsState", "Disabled"),
         spoil(SITE, "siteConfig.ftpsState", "AllAllowed")),
    Rule("telemetry without keys (insights)", "MCSB IM-1", wants("applicationinsights:Component", "disableLocalAuth", True),
         spoil("applicationinsights:Component", "disableLocalAuth", False)),
    Rule("telemetry without keys (workspace)", "MCSB IM-1",
         wants("operationalinsights:Workspace", "features.disableLocalAuth", True),
         spoil("operationalinsights:Workspace", "features.disableLocalAuth", False)),
    Rule("everything that has logs sends them", "MCSB LT-3, LT-4, LT-5; CIS 6.1.4", rules.everything_logs,
         lambda s: s.without("diagnostics-vault")),
    Rule("everything is tagged", "MCSB AM-1", rules.everything_is_tagged,
         spoil("network:PublicIPAddress", "tags", {})),
    Rule("no role is too much", "MCSB PA-7, PA-1", rules.roles_are_narrow,
         spoil("authorization:RoleAssignment", "roleDefinitionId", "/x/8e3af657-a8ff-443c-a75c-2fe8c4bcb635")),
    Rule("no role reaches a whole group", "MCSB PA-7", rules.roles_are_narrow, rules.add_role_at_the_group),
    Rule("container images by digest, from our registry", "MCSB DS-6; design: image by digest", rules.images_by_digest,
         spoil("app:Job", "template.containers.0.image", "docker.io/library/standby:latest")),
    Rule("nothing is named after the mode", "design: two stacks, one footprint", rules.no_name_holds_the_mode,
         lambda s: s.renamed("vnet", "active")),
    Rule("nothing of AWS in a failover stack", "design: a failover stack holds nothing of the cloud that fails",
         rules.nothing_of_aws, _with_aws),
    Rule("everything is protected and kept", "design: protect and retain_on_delete; pulumi#7747", rules.everything_is_kept,
         rules.unprotected),
    Rule("our bucket is private, encrypted, versioned, over TLS", "CIS AWS 2.1.1, 2.1.4; AWS FSBP S3.2, S3.5, S3.14",
         rules.buckets_are_private, lambda s: s.without("exports-private"), SOURCE),
    Rule("queues are encrypted", "AWS FSBP SQS.1", wants("aws:sqs/queue:Queue", "sqsManagedSseEnabled", True),
         spoil("aws:sqs/queue:Queue", "sqsManagedSseEnabled", False), SOURCE),
    Rule("topics are encrypted", "AWS FSBP SNS.1", wants("aws:sns/topic:Topic", "kmsMasterKeyId", "alias/aws/sns"),
         spoil("aws:sns/topic:Topic", "kmsMasterKeyId", ""), SOURCE),
    Rule("no statement takes everything", "CIS AWS 1.16; AWS FSBP IAM.21", rules.no_statement_takes_everything,
         rules.takes_everything, SOURCE),
    Rule("the role is one identity's", "design: no long-lived keys, least privilege; AWS FSBP IAM.21", rules.trust_is_narrow,
         rules.trusts_anybody, SOURCE),
    Rule("everything in AWS is protected and kept", "design: protect and retain_on_delete", rules.everything_is_kept,
         rules.unprotected, SOURCE),
)  # fmt: skip
