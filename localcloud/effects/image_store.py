"""Where an API instance keeps images: the uploads container of the footprint it belongs to, by a signed URL.

In Azure an instance's managed identity opens it; here the server hands each instance a container SAS instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from localcloud.bus import Bus

CONTAINER_TYPE = "microsoft.storage/storageaccounts/blobservices/containers"
CONTAINER = "uploads"
VARIABLE = "IMAGES_URL"
DAYS = 7


class ImageStore:
    """bus: the footprint. key: the emulator's. Its `environment` is what a booting instance is given."""

    def __init__(self, bus: Bus, key: str) -> None:
        self._bus, self._key = bus, key

    def environment(self, scale_set: str) -> Mapping[str, str]:
        """``{IMAGES_URL: container URL?SAS}`` for the scale set's own resource group; {} where it has no container."""
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        group = scale_set.lower().partition("/providers/")[0]
        for body in self._bus.bodies(CONTAINER_TYPE):
            id = str(body["id"])
            low = id.lower()
            if not (low.startswith(group) and low.endswith(f"/containers/{CONTAINER}")):
                continue
            account_id = id[: low.index("/blobservices/")]
            holder = self._bus.lookup(account_id) or {}
            endpoint = str((holder.get("properties") or {}).get("primaryEndpoints", {}).get("blob") or "")
            if endpoint:
                account = account_id.rpartition("/")[2]
                signed = generate_container_sas(
                    account, CONTAINER, account_key=self._key, protocol="https,http",
                    permission=ContainerSasPermissions(read=True, create=True, write=True),
                    expiry=datetime.now(UTC) + timedelta(days=DAYS),
                )  # fmt: skip
                return {VARIABLE: f"{endpoint}{CONTAINER}?{signed}"}
        return {}
