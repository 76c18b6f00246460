"""Key Vault: the gateway's certificate, read by the gateway alone."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, keyvault

from components.gates import VaultCertificate
from components.image_app.common import Place, kept, role_definition
from components.naming import Names
from components.settings import Profile

SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
"""Key Vault Secrets User (learn.microsoft.com/azure/role-based-access-control/built-in-roles/security)."""


@dataclass(frozen=True)
class VaultArgs:
    """tenant_id: whose identities it knows. domain: apex; the certificate names it and its wildcard. certificate: its
    name. reader: principal of the gateway's identity. operators: public ranges that may reach it, none: inside alone."""

    place: Place
    names: Names
    tenant_id: pulumi.Input[str]
    domain: str
    certificate: str
    reader: pulumi.Input[str]
    profile: Profile
    operators: tuple[str, ...] = ()


class Vault(pulumi.ComponentResource):
    """Roles instead of access policies, purge protection (not in a trial), and a certificate that exists."""

    def __init__(self, name: str, args: VaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Vault", name, None, opts)
        place, names = args.place, args.names
        doors = keyvault.NetworkRuleSetArgs(
            default_action="Deny", bypass="AzureServices",
            ip_rules=[keyvault.IPRuleArgs(value=r) for r in args.operators], virtual_network_rules=[],
        )  # fmt: skip
        self.resource = keyvault.Vault(
            "vault",
            resource_group_name=place.group, vault_name=names.vault, location=place.location, tags=place.tags,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=args.tenant_id, sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True, enable_soft_delete=True, soft_delete_retention_in_days=90,
                # Azure knows true and absent: false is refused once it was true.
                enable_purge_protection=True if args.profile is Profile.PRODUCTION else None,
                public_network_access="Enabled" if args.operators else "Disabled", network_acls=doors,
                enabled_for_deployment=False, enabled_for_disk_encryption=False, enabled_for_template_deployment=False,
            ),
            opts=kept(self),
        )  # fmt: skip
        self.certificate = VaultCertificate(
            "certificate",
            {
                "vaultId": self.resource.id, "certificateName": args.certificate,
                "names": [args.domain, f"*.{args.domain}"],
            },
            kept(self, [self.resource]),
        )  # fmt: skip
        self.role = authorization.RoleAssignment(
            "gateway-reads-certificate",
            scope=self.resource.id.apply(lambda i: f"{i}/secrets/{args.certificate}"),
            role_assignment_name=names.role("gateway", "certificate"), principal_id=args.reader,
            principal_type="ServicePrincipal", role_definition_id=role_definition(place, SECRETS_USER), opts=kept(self, [self.certificate]),
        )  # fmt: skip
        uri = self.resource.properties.apply(lambda p: str(getattr(p, "vault_uri", None) or ""))
        self.secret_id = pulumi.Output.concat(uri, "secrets/", args.certificate)
        self.register_outputs({"vaultId": self.resource.id})
