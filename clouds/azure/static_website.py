"""The static website of a storage account, through the blob service's own door (it is not in ARM).

https://learn.microsoft.com/rest/api/storageservices/set-blob-service-properties
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from clouds.azure.arm import Arm, ArmError, transport
from clouds.endpoints import Endpoints
from recovery.arm.catalogue import CATALOGUE
from recovery.model import Json

VERSION = "2021-12-02"
LARGEST = 100_000
"""Bytes of an answer: the service's are some thousand."""
CONNECT_SECONDS, READ_SECONDS = 20, 60
"""As the SDK's blob client has them; azure-core alone would wait 300 s, four times over, for a door that is silent."""
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
    """Reads and writes the website at the blob service's door.

    Reading is one request through azure-core, which Resource Manager's client has loaded already: the SDK's blob client
    costs a drift check more than all its comparisons. Writing goes through that client.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def read(self, blob_endpoint: str) -> dict[str, Json]:
        """{enabled, index, error}. Raises ArmError where the door does not answer, or with something else."""
        from azure.core import PipelineClient
        from azure.core.exceptions import AzureError
        from azure.core.pipeline.policies import RetryPolicy
        from azure.core.rest import HttpRequest

        url = f"{blob_endpoint.rstrip('/')}/?restype=service&comp=properties"
        policies = [RetryPolicy(retry_total=3), self._signs(blob_endpoint)]
        try:
            door: PipelineClient[Any, Any] = PipelineClient(
                blob_endpoint, policies=policies, transport=transport(blob_endpoint, 1)
            )
            with door as client:
                answer = client.send_request(
                    HttpRequest("GET", url, headers={"x-ms-version": VERSION}), stream=True,
                    connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS,
                )  # fmt: skip
                body = _bounded(answer) if answer.status_code == 200 else b""
        except AzureError as exc:
            raise ArmError(0, "DataPlane", f"static website of {blob_endpoint}: {exc}") from exc
        if answer.status_code != 200:
            code = answer.headers.get("x-ms-error-code") or f"Http{answer.status_code}"
            raise ArmError(
                answer.status_code, f"DataPlane{code}", f"static website of {blob_endpoint}: {answer.reason}"
            )
        try:
            text = body.decode()
        except UnicodeDecodeError as exc:
            raise _unreadable(blob_endpoint, f"no UTF-8: {exc.reason}") from exc
        return read_properties(text, blob_endpoint)

    def _signs(self, blob_endpoint: str) -> Any:
        key = self._endpoints.storage_key
        if key:
            return _SharedKey(_account(blob_endpoint), key)
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy
        from azure.identity import DefaultAzureCredential

        return BearerTokenCredentialPolicy(DefaultAzureCredential(), "https://storage.azure.com/.default")

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
            account = _account(blob_endpoint)
            credential = {"account_name": account, "account_key": self._endpoints.storage_key}
        else:
            from azure.identity import DefaultAzureCredential

            credential = DefaultAzureCredential()
        return BlobServiceClient(blob_endpoint, credential=credential, retry_total=3)


def _account(blob_endpoint: str) -> str:
    """The account's name: the first part of the host, or the path where an emulator serves several at one address."""
    parts = urlsplit(blob_endpoint)
    return parts.path.strip("/") or (parts.hostname or "").split(".")[0]


def _unreadable(blob_endpoint: str, why: str) -> ArmError:
    return ArmError(200, "UnreadableAnswer", f"static website of {blob_endpoint}: {why}")


def _bounded(answer: Any) -> bytes:
    """The body, unpacked, as far as one byte above LARGEST: what is larger is no answer and is not read to its end."""
    body = bytearray()
    for part in answer.iter_bytes():
        body += part
        if len(body) > LARGEST:
            break
    return bytes(body)


def read_properties(text: str, blob_endpoint: str) -> dict[str, Json]:
    """The website in the service's properties. Raises ArmError for anything but those."""
    if len(text) > LARGEST or "<!" in text:  # no entities: this is parsed without a guard against them
        raise _unreadable(blob_endpoint, f"{len(text):,} characters, or a DTD")
    try:
        found = ElementTree.fromstring(text.removeprefix("\ufeff"))  # noqa: S314 (small, and without a DTD)
    except ElementTree.ParseError as exc:
        raise _unreadable(blob_endpoint, f"no XML: {exc}") from exc
    if found.tag != "StorageServiceProperties":
        raise _unreadable(blob_endpoint, f"<{found.tag}>")
    site = found.find("StaticWebsite")

    def part(name: str) -> str | None:
        return (site.findtext(name) or None) if site is not None else None

    enabled = (part("Enabled") or "").strip().lower()
    if site is not None and enabled not in ("true", "false"):
        raise _unreadable(blob_endpoint, f"Enabled is '{enabled[:40]}'")
    return {
        "enabled": enabled == "true",
        "index": part("IndexDocument"),
        "error": part("ErrorDocument404Path"),
    }


class _SharedKey(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Signs a request without a body by an emulator's key (learn.microsoft.com, Authorize with Shared Key)."""

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        self._key = base64.b64decode(key)

    def on_request(self, request: PipelineRequest[Any]) -> None:
        asked = request.http_request
        asked.headers["x-ms-date"] = formatdate(usegmt=True)
        parts = urlsplit(asked.url)
        own = sorted((k.lower(), v) for k, v in asked.headers.items() if k.lower().startswith("x-ms-"))
        query = sorted(parse_qsl(parts.query))
        lines = [
            asked.method, *[""] * 11, *(f"{k}:{v}" for k, v in own),
            f"/{self._account}{parts.path}", *(f"{k}:{v}" for k, v in query),
        ]  # fmt: skip
        digest = hmac.new(self._key, "\n".join(lines).encode(), hashlib.sha256).digest()
        asked.headers["Authorization"] = f"SharedKey {self._account}:{base64.b64encode(digest).decode()}"
