"""The static website of a storage account, through the blob service's own door (it is not in ARM).

https://learn.microsoft.com/rest/api/storageservices/set-blob-service-properties
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from clouds.azure.arm import Arm, ArmError
from clouds.endpoints import Endpoints
from recovery.arm.catalogue import CATALOGUE
from recovery.model import Json

SUFFIX = "/staticWebsite"
"""Ends the id that we give a website: its account's id and this."""


def is_website(id: str) -> bool:
    """Is this the id of a website, which Resource Manager does not know?"""
    return id.lower().endswith(SUFFIX.lower())


def get(arm: Arm, id: str) -> dict[str, Json]:
    """The website in the shape of an ARM body. Raises ArmError: 404 when it is off."""
    site = BlobWebsite(arm.endpoints).read(blob_endpoint(arm, id))
    if not site["enabled"]:
        raise ArmError(404, "ResourceNotFound", f"{id}: the static website is off")
    return {"id": id, "properties": {"indexDocument": site["index"], "error404Document": site["error"]}}


def put(arm: Arm, id: str, body: Mapping[str, Json]) -> dict[str, Json]:
    """Turn the website on with the documents that `body` names."""
    wanted = body.get("properties") or {}
    BlobWebsite(arm.endpoints).write(
        blob_endpoint(arm, id), True, wanted.get("indexDocument"), wanted.get("error404Document")
    )
    return get(arm, id)


class Reader(Protocol):
    """The part of `clouds.azure.arm.Arm` that finds the door."""

    def get(self, id: str, api_version: str) -> dict[str, Json]: ...


def blob_endpoint(arm: Reader, id: str) -> str:
    """The blob service's address of the account whose website `id` is."""
    version = CATALOGUE["azure-native:storage:StorageAccount"].api_version
    body = arm.get(id[: -len(SUFFIX)], version)
    return str(body["properties"]["primaryEndpoints"]["blob"])


class BlobWebsite:
    """Reads and writes the website through azure-storage-blob."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def read(self, blob_endpoint: str) -> dict[str, Json]:
        """{enabled, index, error}. Raises ArmError where the door does not answer."""
        from azure.core.exceptions import AzureError

        try:
            with self._client(blob_endpoint) as client:
                site = client.get_service_properties()["static_website"]
        except AzureError as exc:
            raise ArmError(0, "DataPlane", f"static website of {blob_endpoint}: {exc}") from exc
        return {
            "enabled": bool(site and site.enabled),
            "index": getattr(site, "index_document", None),
            "error": getattr(site, "error_document404_path", None),
        }

    def write(self, blob_endpoint: str, enabled: bool, index: str | None, error: str | None) -> None:
        """Turn the website on (with its two documents) or off."""
        from azure.core.exceptions import AzureError
        from azure.storage.blob import StaticWebsite

        site = StaticWebsite(enabled=enabled, index_document=index, error_document404_path=error)
        try:
            with self._client(blob_endpoint) as client:
                client.set_service_properties(static_website=site)
        except AzureError as exc:
            raise ArmError(0, "DataPlane", f"static website of {blob_endpoint}: {exc}") from exc

    def _client(self, blob_endpoint: str) -> Any:
        from azure.storage.blob import BlobServiceClient

        credential: Any
        if self._endpoints.storage_key:
            parts = urlsplit(blob_endpoint)
            account = parts.path.strip("/") or (parts.hostname or "").split(".")[0]
            credential = {"account_name": account, "account_key": self._endpoints.storage_key}
        else:
            from azure.identity import DefaultAzureCredential

            credential = DefaultAzureCredential()
        return BlobServiceClient(blob_endpoint, credential=credential, retry_total=3)
