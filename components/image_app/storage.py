"""Storage: the static site, the uploads, and the journal with its lock."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import storage

from components.image_app.common import Place, kept
from components.naming import Names

SERVICE_FILLED = ("defaultEncryptionScope", "denyEncryptionScopeOverride")
"""Filled in by the service and reported by every refresh (pulumi-azure-native#2833)."""


@dataclass(frozen=True)
class StorageArgs:
    """place: where. names: physical names."""

    place: Place
    names: Names


class Storage(pulumi.ComponentResource):
    """Three accounts, so that a permission on one is none on the others. Only the site may be read by the public."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Storage", name, None, opts)
        self._args = args
        self.site = self._account("site")
        self.uploads = self._account("uploads")
        self.journal = self._account("journal")
        storage.StorageAccountStaticWebsite(
            "site-website",
            resource_group_name=args.place.group, account_name=self.site.name,
            index_document="index.html", error404_document="404.html", opts=kept(self),
        )  # fmt: skip
        self._container(self.uploads, "uploads")
        self._container(self.uploads, "staging")  # exports of the primary's table, on their way to Cosmos DB
        self.dead_letters = self._container(self.uploads, "deadletter")
        self.deployments = self._container(self.uploads, "deployments")
        self.journal_container = self._container(self.journal, "journal")
        self._container(self.journal, "locks")
        self.register_outputs({"journal": self.journal_container.id})

    def _account(self, purpose: str) -> storage.StorageAccount:
        place = self._args.place
        return storage.StorageAccount(
            f"storage-{purpose}",
            resource_group_name=place.group, account_name=self._args.names.storage(purpose), location=place.location,
            tags=place.tags, kind="StorageV2", sku=storage.SkuArgs(name="Standard_ZRS"), access_tier=storage.AccessTier.HOT,
            minimum_tls_version="TLS1_2", enable_https_traffic_only=True, allow_blob_public_access=False,
            allow_cross_tenant_replication=False, opts=kept(self),
        )  # fmt: skip

    def _container(self, account: storage.StorageAccount, name: str) -> storage.BlobContainer:
        return storage.BlobContainer(
            f"container-{name}",
            resource_group_name=self._args.place.group, account_name=account.name, container_name=name,
            public_access=storage.PublicAccess.NONE, opts=kept(self, ignore=SERVICE_FILLED),
        )  # fmt: skip
