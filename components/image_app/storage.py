"""Storage: the static site, the uploads, the function host's own state, and the journal with its lock."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import storage

from components.image_app.common import Place, kept
from components.naming import Names

SERVICE_FILLED = ("defaultEncryptionScope", "denyEncryptionScopeOverride")
"""Filled in by the service and reported by every refresh (pulumi-azure-native#2833)."""

CONTAINERS = {
    "uploads": ("uploads", "staging", "deadletter", "artifacts"),
    "host": ("deployments",),
    "journal": ("journal", "ledger", "locks"),
}
"""By account. staging: exports of the primary's table on their way; artifacts: what the API's instances install;
journal: what is replaced under its ETag (the direction, checkpoints, what is asked of approvers); ledger: the journal's
lines, appended and never changed."""

KEEP_DAYS, APPEND_ONLY_DAYS = 14, 365
_DAYS_LEFT = {"staging": 7, "deadletter": 30}
"""What the account's lifecycle deletes by itself, and after how many days."""


@dataclass(frozen=True)
class StorageArgs:
    """place: where. names: physical names."""

    place: Place
    names: Names


class Storage(pulumi.ComponentResource):
    """Four accounts, so that a permission on one is none on the others. Only the site may be read by the public."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Storage", name, None, opts)
        self._args = args
        # azure-native sets the website through the account's key (pulumi-azure-native#2015): the one account with keys.
        self.site = self._account("site", keys=True)
        self.uploads, self.host, self.journal = (self._account(p) for p in ("uploads", "host", "journal"))
        storage.StorageAccountStaticWebsite(
            "site-website",
            resource_group_name=args.place.group, account_name=self.site.name,
            index_document="index.html", error404_document="404.html", opts=kept(self),
        )  # fmt: skip
        accounts = {"site": self.site, "uploads": self.uploads, "host": self.host, "journal": self.journal}
        self.services = {purpose: self._service(purpose, account) for purpose, account in accounts.items()}
        self.containers = {
            n: self._container(accounts[p], n) for p, names in CONTAINERS.items() for n in names
        }
        self.deployments, self.journal_container = self.containers["deployments"], self.containers["journal"]
        self._append_only(self.containers["ledger"])
        for purpose, account in accounts.items():
            self._lifecycle(purpose, account)
        self.register_outputs({"journal": self.journal_container.id})

    def _account(self, purpose: str, *, keys: bool = False) -> storage.StorageAccount:
        place = self._args.place
        return storage.StorageAccount(
            f"storage-{purpose}",
            resource_group_name=place.group, account_name=self._args.names.storage(purpose), location=place.location,
            tags=place.tags, kind="StorageV2", sku=storage.SkuArgs(name="Standard_ZRS"), access_tier=storage.AccessTier.HOT,
            minimum_tls_version="TLS1_2", enable_https_traffic_only=True, allow_blob_public_access=False,
            allow_shared_key_access=keys, default_to_o_auth_authentication=True, allow_cross_tenant_replication=False,
            is_local_user_enabled=False, opts=kept(self),
        )  # fmt: skip

    def _service(self, purpose: str, account: storage.StorageAccount) -> storage.BlobServiceProperties:
        """Every overwrite leaves a version, every deletion can be taken back."""
        days = storage.DeleteRetentionPolicyArgs(enabled=True, days=KEEP_DAYS)
        return storage.BlobServiceProperties(
            f"blobs-{purpose}",
            resource_group_name=self._args.place.group, account_name=account.name, blob_services_name="default",
            is_versioning_enabled=True, delete_retention_policy=days, container_delete_retention_policy=days,
            opts=kept(self),
        )  # fmt: skip

    def _container(self, account: storage.StorageAccount, name: str) -> storage.BlobContainer:
        return storage.BlobContainer(
            f"container-{name}",
            resource_group_name=self._args.place.group, account_name=account.name, container_name=name,
            public_access=storage.PublicAccess.NONE, opts=kept(self, ignore=SERVICE_FILLED),
        )  # fmt: skip

    def _append_only(self, container: storage.BlobContainer) -> None:
        """Blocks may be appended to an append blob; nothing in it can be changed or deleted while it is young.

        Unlocked, as made: locking it is for ever and a person's deed (az storage container immutability-policy lock).
        """
        storage.BlobContainerImmutabilityPolicy(
            "ledger-append-only",
            resource_group_name=self._args.place.group, account_name=self.journal.name, container_name=container.name,
            immutability_policy_name="default", immutability_period_since_creation_in_days=APPEND_ONLY_DAYS,
            allow_protected_append_writes=True, opts=kept(self),
        )  # fmt: skip

    def _lifecycle(self, purpose: str, account: storage.StorageAccount) -> None:
        old = storage.ManagementPolicyVersionArgs(
            delete=storage.DateAfterCreationArgs(days_after_creation_greater_than=30)
        )
        rules = [_rule("old-versions", storage.ManagementPolicyActionArgs(version=old), [])]
        for name, days in _DAYS_LEFT.items():
            if name in CONTAINERS.get(purpose, ()):
                after = storage.DateAfterModificationArgs(days_after_modification_greater_than=days)
                action = storage.ManagementPolicyActionArgs(
                    base_blob=storage.ManagementPolicyBaseBlobArgs(delete=after)
                )
                rules.append(_rule(name, action, [f"{name}/"]))
        storage.ManagementPolicy(
            f"lifecycle-{purpose}",
            resource_group_name=self._args.place.group, account_name=account.name, management_policy_name="default",
            policy=storage.ManagementPolicySchemaArgs(rules=rules), opts=kept(self, [self.services[purpose]]),
        )  # fmt: skip


def _rule(
    name: str, action: storage.ManagementPolicyActionArgs, prefixes: list[str]
) -> storage.ManagementPolicyRuleArgs:
    only = storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"], prefix_match=prefixes or None)
    return storage.ManagementPolicyRuleArgs(
        name=name, type="Lifecycle", enabled=True,
        definition=storage.ManagementPolicyDefinitionArgs(actions=action, filters=only),
    )  # fmt: skip
