"""One S3 bucket as a Store: listed by boto3, read and written by presigned URLs signed just before use.

Presigned URLs die with the session that signed them (docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html),
so none is kept: each request signs its own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
from yarl import URL

from clouds.aws.presign import Presigner
from clouds.objects.http import Pieces, failure, finish, session
from clouds.objects.model import (
    BLOCK,
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
from recovery.sync.headers import SOURCE_ETAG, SOURCE_MD5, SOURCE_WRITTEN, Headers, azure_value
from recovery.sync.march import Entry

URL_SECONDS = 900
_PREFIX = "x-amz-meta-"
_MD5 = re.compile(r"[0-9a-f]{32}")
_AGAIN = frozenset(
    {
        "BadDigest",
        "InternalError",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottlingException",
        "500",
        "503",
    }
)


class S3Store:
    """A bucket. client: boto3's S3 client; connections: requests at once; credentials: what the client signs with now
    (None: each URL is signed by the client, which takes longer); open_session: makes the pool. requests: made so far."""

    def __init__(
        self, client: Any, bucket: str, *, connections: int = 32, credentials: Callable[[], Any] | None = None,
        open_session: Callable[[int], aiohttp.ClientSession] = session,
    ) -> None:  # fmt: skip
        self.name = f"s3://{bucket}"
        self._client, self._bucket = client, bucket
        self.bucket = bucket
        self.requests = 0
        self._session: aiohttp.ClientSession | None = None
        self._connections, self._open_session = connections, open_session
        self._presigner = Presigner(client, bucket, credentials) if credentials else None

    def listing(self, prefix: str = "") -> Iterator[Entry]:
        """All objects. A listing's ETag may or may not be an MD5: it is passed on as what it is."""
        from botocore.exceptions import BotoCoreError, ClientError

        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        try:
            for page in pages:
                self.requests += 1
                for item in page.get("Contents", []):
                    print_ = Fingerprint(item["Size"], item["ETag"].strip('"'))
                    yield Entry(item["Key"], print_, item["LastModified"].timestamp())
        except (BotoCoreError, ClientError) as exc:
            raise ObjectError("", f"{self.name} cannot be listed: {exc}", retry=True) from exc

    async def look(self, key: str) -> Entry | None:
        """HeadObject: the notes of our copies, and whether the ETag is an MD5."""
        response = await self._headed(key)
        if response is None:
            return None
        seen = _source(key, response)
        raw = {k.lower(): v for k, v in response.headers.items()}
        md5 = raw.get(_PREFIX + SOURCE_MD5) or seen.checksums.get("md5", "")
        print_ = Fingerprint(
            seen.size,
            seen.etag,
            checksums={"md5": md5} if md5 else {},
            source_etag=raw.get(_PREFIX + SOURCE_ETAG, ""),
        )
        return Entry(key, print_, seen.written)

    async def _headed(self, key: str) -> aiohttp.ClientResponse | None:
        """HeadObject's answer, None when there is no such object."""
        self.requests += 1
        try:
            response = await self._http().head(URL(self.presign(key, "HEAD"), encoded=True))
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise ObjectError(key, f"S3 HEAD: {type(exc).__name__}", retry=True) from exc
        if response.status == 404:
            await finish(response)
            return None
        if response.status != 200:
            raise await failure(key, "S3 HEAD", response)
        await finish(response)
        return response

    def presign(self, key: str, method: str = "GET") -> str:
        """A URL that is good for this one request, for 15 minutes at most."""
        if self._presigner is not None:
            return self._presigner.url(key, method, URL_SECONDS)
        url: str = self._client.generate_presigned_url(
            {"GET": "get_object", "HEAD": "head_object"}[method],
            Params={"Bucket": self._bucket, "Key": key},
            ExpiresIn=URL_SECONDS,
        )
        return url

    async def open(self, key: str, etag: str) -> Source:
        """GET with If-Match: a source that changed since it was listed is not read."""
        wanted = {"If-Match": f'"{etag}"'} if etag else {}
        self.requests += 1
        try:
            response = await self._http().get(URL(self.presign(key), encoded=True), headers=wanted)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise ObjectError(key, f"S3 GET: {exc!r}", retry=True) from exc
        if response.status in (404, 412):
            await finish(response)
            raise ChangedError(key, "the source changed after it was listed")
        if response.status != 200:
            raise await failure(key, "S3 GET", response)
        return _source(key, response)

    async def offer(self, key: str, etag: str) -> Offer:
        """What another service needs to pull exactly the version listed. Raises ChangedError when it is no longer that."""
        response = await self._headed(key)
        if response is None or (etag and response.headers.get("ETag", "").strip('"') != etag):
            raise ChangedError(key, "the source changed after it was listed")

        async def again() -> str:
            now = await self._headed(key)
            return "" if now is None else now.headers.get("ETag", "").strip('"')

        return Offer(_source(key, response), lambda: self.presign(key), again)

    async def write(self, source: Source, guard: Guard) -> str:
        """PutObject with Content-MD5 up to one block; a multipart upload above, completed under the same guard."""
        if source.size <= BLOCK:
            return await self._put(source, await whole(source.body), guard)
        return await self._multipart(source, guard)

    async def delete(self, key: str, etag: str) -> None:
        """DeleteObject with If-Match on the listed version."""
        await self._call(key, self._client.delete_object, Bucket=self._bucket, Key=key, IfMatch=f'"{etag}"')

    async def put_aside(self, key: str, etag: str, bucket: str, place: str) -> None:
        """Copy one version within S3 (at most 5 GB: CopyObject); the bytes do not pass through here."""
        await self._call(
            key, self._client.copy_object, Bucket=bucket, Key=place, CopySourceIfMatch=f'"{etag}"',
            CopySource={"Bucket": self._bucket, "Key": key},
        )  # fmt: skip

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._open_session(self._connections)
        return self._session

    async def _put(self, source: Source, data: bytes, guard: Guard) -> str:
        md5 = hashlib.md5(data, usedforsecurity=False)
        check(source, md5.hexdigest())
        params = {
            **_params(source),
            "ContentMD5": base64.b64encode(md5.digest()).decode(),
            **_condition(guard),
        }
        params["Metadata"][SOURCE_MD5] = md5.hexdigest()
        await self._call(
            source.key, self._client.put_object, Bucket=self._bucket, Key=source.key, Body=data, **params
        )
        return md5.hexdigest()

    async def _multipart(self, source: Source, guard: Guard) -> str:
        all_of_it = hashlib.md5(usedforsecurity=False)
        place = {"Bucket": self._bucket, "Key": source.key}
        params = _params(source)
        if "md5" in source.checksums:  # checked before the upload is completed
            params["Metadata"][SOURCE_MD5] = source.checksums["md5"]
        begun = await self._call(source.key, self._client.create_multipart_upload, **place, **params)
        upload = begun["UploadId"]
        parts: list[dict[str, Any]] = []
        try:
            async for data in blocked(source.body):
                part = await asyncio.to_thread(hashed, data, all_of_it)
                done = await self._call(
                    source.key, self._client.upload_part, **place, UploadId=upload, PartNumber=len(parts) + 1,
                    Body=data, ContentMD5=base64.b64encode(part).decode(),
                )  # fmt: skip
                parts.append({"ETag": done["ETag"], "PartNumber": len(parts) + 1})
            check(source, all_of_it.hexdigest())
            await self._call(
                source.key, self._client.complete_multipart_upload, **place,
                UploadId=upload, MultipartUpload={"Parts": parts}, **_condition(guard),
            )  # fmt: skip
        except BaseException:  # also a cancelled task: an upload left open is billed until it is aborted
            await asyncio.shield(
                asyncio.to_thread(self._client.abort_multipart_upload, **place, UploadId=upload)
            )
            raise
        return all_of_it.hexdigest()

    async def _call(self, key: str, method: Any, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        self.requests += 1
        try:
            return await asyncio.to_thread(method, **arguments)
        except ClientError as exc:
            status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            code = exc.response.get("Error", {}).get("Code", "")
            if status == 412 or code in ("ConditionalRequestConflict", "NoSuchKey"):
                raise ChangedError(key, "the target changed after it was listed") from exc
            raise ObjectError(
                key,
                f"S3 {status} {code}",
                retry=status in (400, 429, 500, 503) and code in _AGAIN,
                status=status,
            ) from exc
        except BotoCoreError as exc:
            raise ObjectError(key, f"S3: {type(exc).__name__}", retry=True) from exc


def _source(key: str, response: aiohttp.ClientResponse) -> Source:
    from email.utils import parsedate_to_datetime

    got = response.headers
    size = int(got["Content-Length"])
    raw = {k[len(_PREFIX) :].lower(): v for k, v in got.items() if k.lower().startswith(_PREFIX)}
    headers = Headers(
        content_type=got.get("Content-Type", ""), cache_control=got.get("Cache-Control", ""),
        content_encoding=got.get("Content-Encoding", ""), content_language=got.get("Content-Language", ""),
        content_disposition=got.get("Content-Disposition", ""),
        metadata={k: v for k, v in raw.items() if not k.startswith("standby0")},
    )  # fmt: skip
    written = float(raw.get(SOURCE_WRITTEN) or parsedate_to_datetime(got["Last-Modified"]).timestamp())
    etag = got.get("ETag", "").strip('"')
    sha256 = (
        hex_of_base64(got.get("x-amz-checksum-sha256", ""))
        if got.get("x-amz-checksum-type") != "COMPOSITE"
        else ""
    )
    known = {"sha256": sha256} if sha256 else {}
    keyed = "x-amz-server-side-encryption-customer-algorithm" in got
    kms = got.get("x-amz-server-side-encryption", "").startswith("aws:kms")
    if (
        _MD5.fullmatch(etag) and not keyed and not kms
    ):  # the response says what the listing does not (see evidence.py)
        known["md5"] = etag
    return Source(key, size, etag, written, headers, Pieces(response, key, size), known)


def _params(source: Source) -> dict[str, Any]:
    h = source.headers
    named = {
        "ContentType": h.content_type, "CacheControl": h.cache_control, "ContentEncoding": h.content_encoding,
        "ContentLanguage": h.content_language, "ContentDisposition": h.content_disposition,
    }  # fmt: skip
    ours = {SOURCE_ETAG: source.etag, SOURCE_WRITTEN: f"{source.written:.6f}"}
    return {
        **{k: v for k, v in named.items() if v},
        "Metadata": {**{k: azure_value(v) for k, v in h.metadata.items()}, **ours},
    }


def _condition(guard: Guard) -> dict[str, str]:
    return {"IfNoneMatch": "*"} if guard.etag is None else {"IfMatch": f'"{guard.etag}"'}
