"""The converter: an image that arrives in the uploads container becomes Base64 documents in Cosmos DB.

Settings: UPLOADS_BLOB_ENDPOINT, COSMOS_ENDPOINT, COSMOS_DATABASE, COSMOS_CONTAINER; CHUNK_BYTES (optional);
AZURE_CLIENT_ID of the identity. Where STORAGE_KEY or COSMOS_KEY is set, that key is used instead of the identity.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from typing import Any
from urllib.parse import unquote

import azure.functions as func
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.cosmos import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from conversion import Document, StaleError, Upload, check_image, chunk_bytes, convert

app = func.FunctionApp()
log = logging.getLogger("convert_upload")

IN_MEMORY = 8 * 1024 * 1024  # a larger download is spooled to disk
CREATED = "Microsoft.Storage.BlobCreated"


@cache
def _identity() -> DefaultAzureCredential:
    return DefaultAzureCredential()


@cache
def _blobs() -> BlobServiceClient:
    endpoint, key = os.environ["UPLOADS_BLOB_ENDPOINT"].rstrip("/"), os.environ.get("STORAGE_KEY")
    if not key:
        return BlobServiceClient(endpoint, credential=_identity())
    host, _, path = endpoint.partition("://")[2].partition("/")
    account = path or host.partition(".")[0]
    return BlobServiceClient(endpoint, credential=AzureNamedKeyCredential(account, key))


@cache
def _container() -> ContainerProxy:
    client = CosmosClient(
        os.environ["COSMOS_ENDPOINT"], credential=os.environ.get("COSMOS_KEY") or _identity()
    )
    database = client.get_database_client(os.environ["COSMOS_DATABASE"])
    return database.get_container_client(os.environ["COSMOS_CONTAINER"])


class CosmosDocuments:
    """conversion.Documents over a Cosmos DB container partitioned by /imageId."""

    def __init__(self, container: ContainerProxy) -> None:
        self._container = container

    def read(self, image_id: str, document_id: str) -> Document | None:
        """The document, None when there is none."""
        try:
            return dict(self._container.read_item(document_id, partition_key=image_id))
        except CosmosResourceNotFoundError:
            return None

    def create(self, document: Document) -> bool:
        """False when a document of that id is there already."""
        try:
            self._container.create_item(document)
        except CosmosResourceExistsError:
            return False
        return True

    def replace(self, document: Document, etag: str) -> bool:
        """False when the stored document is no longer the one with this etag."""
        try:
            self._container.replace_item(
                document["id"], document, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        except (CosmosAccessConditionFailedError, CosmosResourceNotFoundError):
            return False
        return True

    def delete(self, image_id: str, document_id: str, etag: str) -> bool:
        """False when the stored document is no longer the one with this etag."""
        try:
            self._container.delete_item(
                document_id, partition_key=image_id, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        except (CosmosAccessConditionFailedError, CosmosResourceNotFoundError):
            return False
        return True

    def headers(self, image_id: str) -> list[Document]:
        """Every document of the image without its content."""
        query = "SELECT c.id, c.chunkIndex, c.sourceEtag, c.uploadedAt, c._etag FROM c WHERE IS_DEFINED(c.chunkIndex)"
        return [dict(d) for d in self._container.query_items(query, partition_key=image_id)]


def blob_of(url: str, endpoint: str) -> tuple[str, str]:
    """(container, blob) of an event's URL. Raises ValueError when it is not in our uploads account."""
    prefix = endpoint.rstrip("/") + "/"
    if not url.startswith(prefix):
        raise ValueError(f"{url} is not below {prefix}: this converter reads its own account alone")
    container, _, blob = url[len(prefix) :].partition("/")
    return unquote(container), unquote(blob)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@app.function_name("convert_upload")
@app.event_grid_trigger(arg_name="event")
def convert_upload(event: func.EventGridEvent) -> None:
    """Convert the blob that the event speaks of; what raises is delivered again, and dead-lettered in the end."""
    if event.event_type != CREATED:
        return
    data: dict[str, Any] = event.get_json()
    container, name = blob_of(str(data["url"]), os.environ["UPLOADS_BLOB_ENDPOINT"])
    blob = _blobs().get_blob_client(container, name)
    per_chunk = chunk_bytes(os.environ.get("CHUNK_BYTES"))
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
        try:
            download = blob.download_blob()  # what is there now, read under one ETag to its end
            found = download.properties
            pieces = download.chunks()
            head = next(pieces, b"")
            check_image(head, found.size)
            for piece in chain([head], pieces):
                digest.update(piece)
                spool.write(piece)
        except ResourceNotFoundError:
            log.info("gone before it was converted: %s", name)
            return
        upload = Upload(
            name, found.etag.strip('"'), _iso(found.creation_time), _iso(found.last_modified),
            found.content_settings.content_type or "application/octet-stream", found.size, digest.hexdigest(),
        )  # fmt: skip

        def is_current() -> bool:
            try:
                return bool(blob.get_blob_properties().etag.strip('"') == upload.etag)
            except ResourceNotFoundError:
                return False

        try:
            count = convert(CosmosDocuments(_container()), upload, spool, per_chunk, is_current)
        except StaleError as stale:
            log.info("left to the newer upload: %s", stale)
            return
    log.info("converted %s: %d bytes, %d chunks, sha256 %s", name, upload.size, count, upload.sha256)
