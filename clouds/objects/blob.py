"""One Blob container as a Store: listed by the SDK, read and written by SAS URLs over a pool of our own.

The SDK's upload costs several milliseconds of CPU an object, more than the service takes to store a small one; the two
requests used here (Put Blob; Put Block and Put Block List) are written out for that reason. Reference:
https://learn.microsoft.com/rest/api/storageservices/put-blob
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from clouds.objects.http import Pieces, failure, finish, session
from clouds.objects.model import (
    BLOCK,
    STREAM,
    ChangedError,
    Guard,
    ObjectError,
    Offer,
    Source,
    blocked,
    check,
    hashed,
    whole,
)
from recovery.sync.evidence import Fingerprint, hex_of_base64
from recovery.sync.headers import SOURCE_ETAG, SOURCE_MD5, SOURCE_WRITTEN, Headers, from_azure, to_azure
from recovery.sync.march import Entry

API = "2024-11-04"
PULL_WHOLE = 5000 * 1024 * 1024
"""Put Blob From URL takes at most this (https://learn.microsoft.com/rest/api/storageservices/put-blob-from-url)."""
PULL_BLOCK = 256 * 1024 * 1024
"""Bytes of one Put Block From URL: 50,000 of them hold 12 TB."""
_META = "x-ms-meta-"


class BlobStore:
    """A container. client: the SDK's ContainerClient (for listings); sas: gives a fresh SAS query when asked;
    open_session: makes the pool. requests: made so far."""

    def __init__(
        self, client: Any, sas: Callable[[], str], *, connections: int = 32,
        open_session: Callable[[int], aiohttp.ClientSession] = session,
    ) -> None:  # fmt: skip
        self.name = f"blob:{client.account_name}/{client.container_name}"
        self._client, self._sas = client, sas
        self._url = client.url.partition("?")[0].rstrip("/")
        self._connections, self._open_session = connections, open_session
        self.requests = 0
        self._session: aiohttp.ClientSession | None = None

    def listing(self, prefix: str = "") -> Iterator[Entry]:
        """All blobs with their Content-MD5 and the notes that our copies carry."""
        from azure.core.exceptions import AzureError

        pages = self._client.list_blobs(
            name_starts_with=prefix or None, include=["metadata"], results_per_page=5000
        )
        try:
            for page in pages.by_page():
                self.requests += 1
                for item in page:
                    yield _entry(item)
        except AzureError as exc:
            raise ObjectError("", f"{self.name} cannot be listed: {exc.message}", retry=True) from exc

    async def look(self, key: str) -> Entry | None:
        """Get Blob Properties."""
        response = await self._request("HEAD", key, headers={})
        if response.status == 404:
            await finish(response)
            return None
        if response.status != 200:
            raise await failure(key, "Get Blob Properties", response)
        await finish(response)
        return _looked(key, response)

    async def open(self, key: str, etag: str) -> Source:
        """GET with If-Match: a blob that changed since it was listed is not read."""
        response = await self._request("GET", key, headers={"If-Match": f'"{etag}"'} if etag else {})
        if response.status in (404, 412):
            await finish(response)
            raise ChangedError(key, "the source changed after it was listed")
        if response.status != 200:
            raise await failure(key, "Get Blob", response)
        return _source(key, response)

    async def write(self, source: Source, guard: Guard) -> str:
        """Put Blob with Content-MD5 (checked by the service) up to STREAM where the MD5 is announced, up to one block where
        it is not; above, blocks with an MD5 each and one guarded commit."""
        announced = source.checksums.get("md5", "")
        if source.size <= BLOCK:
            data = await whole(source.body)
            md5 = hashlib.md5(data, usedforsecurity=False)
            check(source, md5.hexdigest())
            await self._whole(source, data, md5.digest(), guard)
            return md5.hexdigest()
        if announced and source.size <= STREAM:
            await self._whole(source, source.body, bytes.fromhex(announced), guard)
            return announced
        ids: list[str] = []
        all_of_it = hashlib.md5(usedforsecurity=False)
        async for data in blocked(source.body):
            part = _b64(await asyncio.to_thread(hashed, data, all_of_it))
            ids.append(_block_id(len(ids)))
            await self._put(source.key, _block(ids[-1]), data, {"Content-MD5": part})
        check(source, all_of_it.hexdigest())
        await self._commit(source, ids, all_of_it.digest(), guard)
        return all_of_it.hexdigest()

    async def _whole(
        self, source: Source, body: bytes | AsyncIterator[bytes], md5: bytes, guard: Guard
    ) -> None:
        headers = {
            "x-ms-blob-type": "BlockBlob", "Content-MD5": _b64(md5), "Content-Length": str(source.size),
            **_blob_headers(source, md5), **_condition(guard),
        }  # fmt: skip
        await self._put(source.key, {}, body, headers)

    async def _commit(self, source: Source, ids: list[str], md5: bytes | None, guard: Guard) -> None:
        listed = "".join(f"<Latest>{escape(i)}</Latest>" for i in ids)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        headers = {**_blob_headers(source, md5), **_condition(guard)}
        await self._put(source.key, {"comp": "blocklist"}, body, headers)

    # -- pulled by the service: no byte of the object passes through here -----------------------------------------

    async def pulls(self, url: str) -> bool:
        """Can this service fetch from that source itself? url: signed for a key that the source does not have.

        A service that can asks the source, and says what the source answered: 404 (or 403, where the signer may not
        list). One that cannot says so, or (an emulator) stores an empty blob, which is removed again.
        """
        key = f".dr-pull-probe-{uuid.uuid4().hex[:12]}"
        headers = {"x-ms-blob-type": "BlockBlob", "x-ms-copy-source": url, "Content-Length": "0"}
        response = await self._request("PUT", key, headers={**headers, "If-None-Match": "*"})
        code = response.headers.get("x-ms-error-code", "")
        await finish(response)
        if response.status == 201:
            await self.delete(key, response.headers.get("ETag", "").strip('"'))
        return response.status in (403, 404) and code == "CannotVerifyCopySource"

    async def pull(
        self, offer: Offer, guard: Guard, *, most: int = PULL_WHOLE, block: int = PULL_BLOCK
    ) -> None:
        """Put Blob From URL up to `most` bytes; above, Put Block From URL and one guarded commit.

        Proven by the MD5 that the source announces, checked by the service as the bytes arrive; where it announces none,
        by the source's ETag, which must be the same after the last byte as before the first.
        """
        source = offer.source
        md5 = source.checksums.get("md5", "")
        if source.size <= most:
            expected = {"x-ms-source-content-md5": _b64(bytes.fromhex(md5))} if md5 else {}
            headers = {
                "x-ms-blob-type": "BlockBlob", "x-ms-copy-source": offer.url(), "Content-Length": "0",
                "x-ms-copy-source-blob-properties": "false", **expected,
                **_blob_headers(source, bytes.fromhex(md5) if md5 else None), **_condition(guard),
            }  # fmt: skip
            got = await self._put(source.key, {}, b"", headers)
            arrived = hex_of_base64(got.get("Content-MD5", ""))
            if md5 and arrived and arrived != md5:
                raise ObjectError(
                    source.key, f"the service pulled md5 {arrived}, the source says {md5}", retry=True
                )
            if not md5:
                await _unchanged(offer)
            return
        ids: list[str] = []
        for start in range(0, source.size, block):
            end = min(start + block, source.size) - 1
            ids.append(_block_id(len(ids)))
            headers = {
                "x-ms-copy-source": offer.url(),
                "x-ms-source-range": f"bytes={start}-{end}",
                "Content-Length": "0",
            }
            await self._put(source.key, _block(ids[-1]), b"", headers)
        await _unchanged(offer)  # before the commit: blocks of two versions never become a blob
        await self._commit(source, ids, bytes.fromhex(md5) if md5 else None, guard)

    async def delete(self, key: str, etag: str) -> None:
        """Delete Blob with If-Match on the listed version."""
        response = await self._request("DELETE", key, headers={"If-Match": f'"{etag}"'})
        if response.status == 412:
            await finish(response)
            raise ChangedError(key, "the target changed after it was listed")
        if response.status not in (202, 404):
            raise await failure(key, "Delete Blob", response)
        await finish(response)

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _put(
        self, key: str, query: dict[str, str], body: bytes | AsyncIterator[bytes], headers: dict[str, str]
    ) -> Mapping[str, str]:
        response = await self._request("PUT", key, query=query, body=body, headers=headers)
        if response.status in (409, 412):
            code = response.headers.get("x-ms-error-code", "")
            await finish(response)
            if code in ("BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet", ""):
                raise ChangedError(key, "the target changed after it was listed")
            raise ObjectError(key, f"Put Blob: {response.status} {code}", retry=False, status=response.status)
        if response.status != 201:
            raise await failure(key, "Put Blob", response)
        await finish(response)
        return response.headers

    async def _request(
        self, method: str, key: str, *, headers: dict[str, str], query: dict[str, str] | None = None,
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> aiohttp.ClientResponse:  # fmt: skip
        if self._session is None:
            self._session = self._open_session(self._connections)
        extra = "".join(f"{k}={quote(v, safe='')}&" for k, v in (query or {}).items())
        url = URL(f"{self._url}/{quote(key, safe='/')}?{extra}{self._sas()}", encoded=True)
        self.requests += 1
        if isinstance(body, bytes) and len(body) > 1 << 20:
            sent: Any = io.BytesIO(body)  # in pieces, so that others get their turn
        else:
            sent = body
        try:
            return await self._session.request(
                method, url, data=sent, headers={"x-ms-version": API, **headers}
            )
        except ObjectError:
            raise  # the body's own reason: what it is read from broke off
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            reason: BaseException | None = exc
            while reason is not None and not isinstance(reason, ObjectError):
                reason = reason.__cause__  # aiohttp wraps what the body raised
            if isinstance(reason, ObjectError):
                raise ObjectError(key, reason.reason, retry=reason.retry, status=reason.status) from exc
            raise ObjectError(key, f"{method}: {type(exc).__name__}", retry=True) from exc


async def _unchanged(offer: Offer) -> None:
    if await offer.again() != offer.source.etag:
        raise ChangedError(offer.source.key, "the source changed while it was pulled")


def _block_id(number: int) -> str:
    return _b64(f"{number:08d}".encode())


def _block(id: str) -> dict[str, str]:
    return {"comp": "block", "blockid": id}


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
        Pieces(response, key, size), {"md5": md5} if md5 else {},
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
