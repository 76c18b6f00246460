"""Blobs of one storage account: read, write, list, sign a URL. Nothing else is decided here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

from clouds.azure.data_plane import endpoint_of, reading, writing
from clouds.endpoints import Endpoints
from recovery.errors import Unobserved
from recovery.model import Json

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient


@dataclass(frozen=True)
class Blob:
    """A blob as listed. md5: 16 bytes, None when the service holds none (blobs of many blocks)."""

    name: str
    size: int
    etag: str
    last_modified: datetime
    content_type: str = ""
    md5: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fetched:
    """size: of the blob, in bytes. sha256: of what came, "" where it was too large to fetch. head: its first bytes."""

    size: int
    sha256: str
    head: bytes = b""


def _blob(found: Any) -> Blob:
    settings = found.content_settings
    return Blob(
        found.name, found.size, str(found.etag).strip('"'), found.last_modified,
        settings.content_type or "", bytes(settings.content_md5) if settings.content_md5 else None,
        dict(found.metadata or {}),
    )  # fmt: skip


def _unchanged() -> Any:
    from azure.core import MatchConditions

    return MatchConditions.IfNotModified


def _stranger(what: str) -> Unobserved:
    return Unobserved(
        f"{what}: the answer is not the storage service's", "somebody between here and there answers in its place",
        "dr doctor    (or from inside the network: dr in-azure COMMAND)",
    )  # fmt: skip


class Blobs:
    """One storage account. account: its ARM body (name and ``properties.primaryEndpoints.blob``).

    With a storage key in the endpoints (a local cloud) that key signs; else DefaultAzureCredential does.
    patience: how often the SDK tries a failed request again (with growing pauses) before it counts as failed.
    """

    def __init__(self, account: Mapping[str, Json], endpoints: Endpoints, patience: int = 3) -> None:
        self.name = str(account.get("name") or str(account.get("id", "")).rpartition("/")[2])
        self.endpoint = endpoint_of(account, "primaryEndpoints", "blob")
        self._key = endpoints.storage_key
        self._patience = patience
        self._made: BlobServiceClient | None = None

    @property
    def _service(self) -> BlobServiceClient:
        if self._made is None:
            from azure.storage.blob import BlobServiceClient

            credential: Any
            if self._key:
                from azure.core.credentials import AzureNamedKeyCredential

                credential = AzureNamedKeyCredential(self.name, self._key)
            else:
                from azure.identity import DefaultAzureCredential

                credential = DefaultAzureCredential()
            self._made = BlobServiceClient(
                self.endpoint.rstrip("/"), credential=credential, retry_total=self._patience
            )
        return self._made

    def put(
        self,
        container: str,
        name: str,
        data: bytes | IO[bytes],
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        overwrite: bool = True,
    ) -> str:
        """Write a blob, streaming; returns its ETag. Raises Failed."""
        from azure.storage.blob import ContentSettings

        with writing(f"writing {self.name}/{container}/{name}"):
            done = self._service.get_blob_client(container, name).upload_blob(
                data, overwrite=overwrite, metadata=dict(metadata or {}),
                content_settings=ContentSettings(content_type=content_type),
            )  # fmt: skip
        return str(done["etag"]).strip('"')

    def get(self, container: str, name: str) -> bytes | None:
        """The blob's bytes, None when the service says that there is none. Raises Unobserved."""
        from azure.core.exceptions import ResourceNotFoundError

        with reading(f"reading {self.name}/{container}/{name}"):
            try:
                return self._service.get_blob_client(container, name).download_blob().readall()
            except ResourceNotFoundError:
                return None

    def fetch(self, container: str, name: str, most: int, keep: int = 0) -> Fetched | None:
        """A blob fetched in pieces, of which only the first `keep` bytes are kept; None when the service says that there
        is none.

        most: bytes; nothing of a larger blob is fetched, and its digest is "". Raises Unobserved, also for an answer that
        is not the service's (a proxy's page would be taken for a wrong blob).
        """
        from azure.core.exceptions import ResourceNotFoundError

        what = f"reading {self.name}/{container}/{name}"
        with reading(what):
            client = self._service.get_blob_client(container, name)
            try:
                found = client.get_blob_properties()
                if not found.blob_type:
                    raise _stranger(what)
                if found.size > most:
                    return Fetched(int(found.size), "")
                stream = client.download_blob(etag=found.etag, match_condition=_unchanged())
            except ResourceNotFoundError:
                return None
            if not stream.properties.etag:
                raise _stranger(what)
            size, sha, head = 0, hashlib.sha256(), b""
            for piece in stream.chunks():
                size += len(piece)
                sha.update(piece)
                head += piece[: keep - len(head)]
        if size != found.size:
            raise Unobserved(
                f"{what}: {size} bytes came of {found.size}", "nothing can be concluded from a part of it",
                "run the same command again", retry=True,
            )  # fmt: skip
        return Fetched(size, sha.hexdigest(), head)

    def stat(self, container: str, name: str) -> Blob | None:
        """What the service says about a blob, None when there is none. Raises Unobserved."""
        from azure.core.exceptions import ResourceNotFoundError

        with reading(f"looking at {self.name}/{container}/{name}"):
            try:
                return _blob(self._service.get_blob_client(container, name).get_blob_properties())
            except ResourceNotFoundError:
                return None

    def list(self, container: str, prefix: str = "") -> Iterator[Blob]:
        """The container's blobs in the order of their names, a page at a time. Raises Unobserved."""
        with reading(f"listing {self.name}/{container}"):
            for found in self._service.get_container_client(container).list_blobs(
                name_starts_with=prefix or None, include=["metadata"]
            ):
                yield _blob(found)

    def delete(self, container: str, name: str) -> bool:
        """Delete a blob; False when there was none. Raises Failed."""
        from azure.core.exceptions import ResourceNotFoundError

        with writing(f"deleting {self.name}/{container}/{name}"):
            try:
                self._service.get_blob_client(container, name).delete_blob()
            except ResourceNotFoundError:
                return False
            return True

    def signed_url(self, container: str, name: str, *, permission: str, minutes: int) -> str:
        """A URL that needs no other credential. permission: the SAS letters (``r``, ``cw``).

        Signed with the account key where there is one, else with a user delegation key. Raises Failed.
        """
        from azure.storage.blob import generate_blob_sas

        now = datetime.now(UTC)
        until = now + timedelta(minutes=minutes)
        with writing(f"signing a URL of {self.name}/{container}/{name}"):
            secret: dict[str, Any]
            if self._key:
                secret = {"account_key": self._key}
            else:
                # Clocks differ: a key that starts now is refused by a service a few seconds behind.
                delegated = self._service.get_user_delegation_key(now - timedelta(minutes=5), until)
                secret = {"user_delegation_key": delegated}
            token = generate_blob_sas(
                self.name, container, name, permission=permission, expiry=until, **secret
            )
        return f"{self._service.get_blob_client(container, name).url}?{token}"

    def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            self._made.close()
