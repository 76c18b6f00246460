"""One Blob container as a Store: listed by the SDK, read and written by SAS URLs over a pool of our own.

The SDK's upload costs several milliseconds of CPU an object, more than the service takes to store a small one; the two
requests used here (Put Blob; Put Block and Put Block List) are written out for that reason. Reference:
https://learn.microsoft.com/rest/api/storageservices/put-blob
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import aiohttp

from clouds.objects.http import blocks, failure, session
from clouds.objects.model import BLOCK, ChangedError, Guard, ObjectError, Source, check
from recovery.sync.evidence import Fingerprint, hex_of_base64
from recovery.sync.headers import SOURCE_ETAG, SOURCE_MD5, SOURCE_WRITTEN, Headers, from_azure, to_azure
from recovery.sync.march import Entry

API = "2024-11-04"
_META = "x-ms-meta-"


class BlobStore:
    """A container. client: the SDK's ContainerClient (for listings); sas: gives a fresh SAS query when asked."""

    def __init__(self, client: Any, sas: Callable[[], str], *, connections: int = 32) -> None:
        self.name = f"blob:{client.account_name}/{client.container_name}"
        self._client, self._sas = client, sas
        self._url = client.url.partition("?")[0].rstrip("/")
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    def listing(self, prefix: str = "") -> Iterator[Entry]:
        """All blobs with their Content-MD5 and the notes that our copies carry."""
        from azure.core.exceptions import AzureError

        pages = self._client.list_blobs(
            name_starts_with=prefix or None, include=["metadata"], results_per_page=5000
        )
        try:
            for item in pages:
                yield _entry(item)
        except AzureError as exc:
            raise ObjectError("", f"{self.name} cannot be listed: {exc.message}", retry=True) from exc

    async def look(self, key: str) -> Entry | None:
        """Get Blob Properties."""
        response = await self._request("HEAD", key, headers={})
        if response.status == 404:
            response.release()
            return None
        if response.status != 200:
            raise await failure(key, "Get Blob Properties", response)
        response.release()
        return _looked(key, response)

    async def open(self, key: str, etag: str) -> Source:
        """GET with If-Match: a blob that changed since it was listed is not read."""
        response = await self._request("GET", key, headers={"If-Match": f'"{etag}"'} if etag else {})
        if response.status in (404, 412):
            response.release()
            raise ChangedError(key, "the source changed after it was listed")
        if response.status != 200:
            raise await failure(key, "Get Blob", response)
        return _source(key, response)

    async def write(self, source: Source, guard: Guard) -> str:
        """Put Blob with Content-MD5 up to one block; above, blocks with an MD5 each and one guarded commit."""
        first = await anext(source.body, b"")
        whole = hashlib.md5(first, usedforsecurity=False)
        if source.size <= BLOCK:
            check(source, whole.hexdigest())
            headers = {
                "x-ms-blob-type": "BlockBlob", "Content-MD5": _b64(whole.digest()),
                **_blob_headers(source, whole.digest()), **_condition(guard),
            }  # fmt: skip
            await self._put(source.key, {}, first, headers)
            return whole.hexdigest()
        ids: list[str] = []
        data = first
        while data:
            ids.append(_b64(f"{len(ids):08d}".encode()))
            part = _b64(hashlib.md5(data, usedforsecurity=False).digest())
            await self._put(source.key, {"comp": "block", "blockid": ids[-1]}, data, {"Content-MD5": part})
            data = await anext(source.body, b"")
            whole.update(data)
        check(source, whole.hexdigest())
        listed = "".join(f"<Latest>{escape(i)}</Latest>" for i in ids)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        await self._put(
            source.key,
            {"comp": "blocklist"},
            body,
            {**_blob_headers(source, whole.digest()), **_condition(guard)},
        )
        return whole.hexdigest()

    async def pull(self, key: str, url: str, source: Source, guard: Guard) -> None:
        """Put Blob From URL: the service fetches the bytes itself (at most 5,000 MiB); none pass through here."""
        headers = {
            "x-ms-blob-type": "BlockBlob", "x-ms-copy-source": url, "Content-Length": "0",
            "x-ms-copy-source-blob-properties": "false", **_blob_headers(source, None), **_condition(guard),
        }  # fmt: skip
        await self._put(key, {}, b"", headers)

    async def delete(self, key: str, etag: str) -> None:
        """Delete Blob with If-Match on the listed version."""
        response = await self._request("DELETE", key, headers={"If-Match": f'"{etag}"'})
        if response.status == 412:
            response.release()
            raise ChangedError(key, "the target changed after it was listed")
        if response.status not in (202, 404):
            raise await failure(key, "Delete Blob", response)
        response.release()

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _put(self, key: str, query: dict[str, str], body: bytes, headers: dict[str, str]) -> None:
        response = await self._request("PUT", key, query=query, body=body, headers=headers)
        if response.status in (409, 412):
            code = response.headers.get("x-ms-error-code", "")
            response.release()
            if code in ("BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet", ""):
                raise ChangedError(key, "the target changed after it was listed")
            raise ObjectError(key, f"Put Blob: {response.status} {code}", retry=False, status=response.status)
        if response.status != 201:
            raise await failure(key, "Put Blob", response)
        response.release()

    async def _request(
        self,
        method: str,
        key: str,
        *,
        query: dict[str, str] | None = None,
        body: bytes = b"",
        headers: dict[str, str],
    ) -> aiohttp.ClientResponse:
        from yarl import URL

        if self._session is None:
            self._session = session(self._connections)
        extra = "".join(f"{k}={quote(v, safe='')}&" for k, v in (query or {}).items())
        url = URL(f"{self._url}/{quote(key, safe='/')}?{extra}{self._sas()}", encoded=True)
        try:
            return await self._session.request(
                method, url, data=body, headers={"x-ms-version": API, **headers}
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise ObjectError(key, f"{method}: {type(exc).__name__}", retry=True) from exc


def _entry(item: Any) -> Entry:  # the SDK's BlobProperties has no static types
    meta = {k.lower(): v for k, v in (item.metadata or {}).items()}
    md5, written = item.content_settings.content_md5, meta.get(SOURCE_WRITTEN)
    return _of(
        item.name,
        item.size,
        item.etag,
        bytes(md5).hex() if md5 else "",
        meta,
        written,
        item.last_modified.timestamp(),
    )


def _looked(key: str, response: aiohttp.ClientResponse) -> Entry:
    from email.utils import parsedate_to_datetime

    got = response.headers
    meta = {k[len(_META) :].lower(): v for k, v in got.items() if k.lower().startswith(_META)}
    moment = parsedate_to_datetime(got["Last-Modified"]).timestamp()
    md5 = hex_of_base64(got.get("Content-MD5", ""))
    return _of(
        key, int(got["Content-Length"]), got.get("ETag", ""), md5, meta, meta.get(SOURCE_WRITTEN), moment
    )


def _of(
    key: str, size: int, etag: str, md5: str, meta: dict[str, str], written: str | None, moment: float
) -> Entry:
    """Our notes speak of the bytes that we wrote: where the service's hash says that others lie there, they are void."""
    ours = not md5 or meta.get(SOURCE_MD5, md5) == md5
    print_ = Fingerprint(
        size,
        etag.strip('"'),
        checksums={"md5": md5} if md5 else {},
        source_etag=meta.get(SOURCE_ETAG, "") if ours else "",
    )
    return Entry(key, print_, float(written) if written and ours else moment)


def _source(key: str, response: aiohttp.ClientResponse) -> Source:
    from email.utils import parsedate_to_datetime

    got = response.headers
    size = int(got["Content-Length"])
    raw = {k[len(_META) :].lower(): v for k, v in got.items() if k.lower().startswith(_META)}
    headers = Headers(
        content_type=got.get("Content-Type", ""), cache_control=got.get("Cache-Control", ""),
        content_encoding=got.get("Content-Encoding", ""), content_language=got.get("Content-Language", ""),
        content_disposition=got.get("Content-Disposition", ""), metadata=from_azure(raw),
    )  # fmt: skip
    written = float(raw.get(SOURCE_WRITTEN) or parsedate_to_datetime(got["Last-Modified"]).timestamp())
    md5 = hex_of_base64(got.get("Content-MD5", ""))
    return Source(
        key, size, got.get("ETag", "").strip('"'), written, headers,
        blocks(response, key, size), {"md5": md5} if md5 else {},
    )  # fmt: skip


def _blob_headers(source: Source, md5: bytes | None) -> dict[str, str]:
    h = source.headers
    named = {
        "x-ms-blob-content-type": h.content_type, "x-ms-blob-cache-control": h.cache_control,
        "x-ms-blob-content-encoding": h.content_encoding, "x-ms-blob-content-language": h.content_language,
        "x-ms-blob-content-disposition": h.content_disposition,
        "x-ms-blob-content-md5": _b64(md5) if md5 else "",
    }  # fmt: skip
    notes = {SOURCE_ETAG: source.etag, SOURCE_WRITTEN: f"{source.written:.6f}"}
    if md5:
        notes[SOURCE_MD5] = md5.hex()
    meta = {f"{_META}{k}": v for k, v in {**to_azure(h), **notes}.items()}
    return {**{k: v for k, v in named.items() if v}, **meta}


def _condition(guard: Guard) -> dict[str, str]:
    return {"If-None-Match": "*"} if guard.etag is None else {"If-Match": f'"{guard.etag}"'}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
