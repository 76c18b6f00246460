"""What the data plane itself does in storage: containers that ARM declares, dead letters, the static site's files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContentSettings
from azure.storage.blob.aio import BlobServiceClient

__all__ = ["Page", "StaticWebsite", "Storage"]


@dataclass(frozen=True)
class StaticWebsite:
    """The static website part of an account's blob service properties."""

    enabled: bool
    index_document: str = ""
    error_document: str = ""


@dataclass(frozen=True)
class Page:
    """A file of the site: its headers and its bytes, still to be read."""

    content_type: str
    etag: str
    last_modified: str
    cache_control: str
    size: int
    body: AsyncIterator[bytes]


class Storage:
    """Azurite's blob service, reached directly with the account key."""

    def __init__(self, azurite: str, key: str) -> None:
        self._azurite = azurite
        self._key = key
        self._clients: dict[str, BlobServiceClient] = {}

    def service(self, account: str) -> BlobServiceClient:
        """The client of an account."""
        if account not in self._clients:
            credential = AzureNamedKeyCredential(account, self._key)
            self._clients[account] = BlobServiceClient(
                f"{self._azurite}/{account}", credential=credential, retry_total=2
            )
        return self._clients[account]

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients.values():
            await client.close()

    async def ensure_container(self, account: str, container: str, public: str | None = None) -> None:
        """Create a container unless it is there. public: "blob" or "container"."""
        try:
            await self.service(account).create_container(container, public_access=public)
        except ResourceExistsError:
            return

    async def delete_container(self, account: str, container: str) -> None:
        """Delete a container if it is there."""
        try:
            await self.service(account).delete_container(container)
        except ResourceNotFoundError:
            return

    async def delete_everything(self, account: str) -> None:
        """Delete every container: the account is gone."""
        names = [found.name async for found in self.service(account).list_containers()]
        for name in names:
            await self.delete_container(account, name)

    async def write(self, account: str, container: str, blob: str, data: bytes, content_type: str) -> None:
        """Write a blob, replacing it."""
        client = self.service(account).get_blob_client(container, blob)
        await client.upload_blob(
            data, overwrite=True, content_settings=ContentSettings(content_type=content_type)
        )

    async def length(self, account: str, container: str, blob: str) -> int | None:
        """The blob's present size in bytes, None when it is gone."""
        try:
            return (await self.service(account).get_blob_client(container, blob).get_blob_properties()).size
        except ResourceNotFoundError:
            return None

    async def website(self, account: str) -> StaticWebsite:
        """The account's static website settings."""
        found = (await self.service(account).get_service_properties()).get("static_website")
        if found is None or not found.enabled:
            return StaticWebsite(False)
        return StaticWebsite(True, found.index_document or "", found.error_document404_path or "")

    async def page(self, account: str, path: str) -> Page | None:
        """A file in ``$web``, None when there is none."""
        try:
            got = await self.service(account).get_blob_client("$web", path).download_blob()
        except ResourceNotFoundError:
            return None
        properties = got.properties
        settings = properties.content_settings
        return Page(
            settings.content_type or "application/octet-stream",
            str(properties.etag),
            properties.last_modified.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            settings.cache_control or "",
            properties.size,
            got.chunks(),
        )
