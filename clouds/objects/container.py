"""Opens a Blob container of a storage account as a Store, with a SAS that is renewed before it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from clouds.azure.data_plane import endpoint_of
from clouds.endpoints import Endpoints
from clouds.objects.blob import BlobStore
from recovery.model import Json

SAS_HOURS = 6
PERMISSION = "racwdl"


def container_client(account: Mapping[str, Json], container: str, endpoints: Endpoints) -> Any:
    """The SDK's ContainerClient. account: its ARM body. Signs with the local cloud's key, else with the identity."""
    from azure.storage.blob import ContainerClient

    name, credential = str(account.get("name")), credential_of(account, endpoints)
    url = endpoint_of(account, "primaryEndpoints", "blob").rstrip("/")
    found = ContainerClient(url, container, credential=credential, retry_total=3)
    return found if found.account_name == name else _named(found, name)


def _named(client: Any, name: str) -> Any:
    client.account_name = name  # a path-style endpoint does not say it
    return client


def credential_of(account: Mapping[str, Json], endpoints: Endpoints) -> Any:
    """The account's key where there is one (a local cloud), else DefaultAzureCredential."""
    if endpoints.storage_key:
        from azure.core.credentials import AzureNamedKeyCredential

        return AzureNamedKeyCredential(str(account.get("name")), endpoints.storage_key)
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def open_container(
    account: Mapping[str, Json], container: str, endpoints: Endpoints, *, connections: int = 32
) -> BlobStore:
    """The container as a Store."""
    client = container_client(account, container, endpoints)
    return BlobStore(client, signer(account, container, endpoints), connections=connections)


def signer(account: Mapping[str, Json], container: str, endpoints: Endpoints) -> Callable[[], str]:
    """Gives a container SAS; a fresh one when half of its time is over (a run may take longer than one lasts)."""
    held = ("", 0.0)

    def sas() -> str:
        nonlocal held
        if time.monotonic() > held[1]:
            held = (_sign(account, container, endpoints), time.monotonic() + SAS_HOURS * 1800)
        return held[0]

    return sas


def _sign(account: Mapping[str, Json], container: str, endpoints: Endpoints) -> str:
    from azure.storage.blob import BlobServiceClient, generate_container_sas

    now, name = datetime.now(UTC), str(account.get("name"))
    until = now + timedelta(hours=SAS_HOURS)
    secret: dict[str, Any] = {"account_key": endpoints.storage_key}
    if not endpoints.storage_key:
        url = endpoint_of(account, "primaryEndpoints", "blob").rstrip("/")
        with BlobServiceClient(url, credential=credential_of(account, endpoints)) as service:
            # Clocks differ: a key that starts now is refused by a service a few seconds behind.
            secret = {
                "user_delegation_key": service.get_user_delegation_key(now - timedelta(minutes=5), until)
            }
    signed: str = generate_container_sas(name, container, permission=PERMISSION, expiry=until, **secret)
    return signed
