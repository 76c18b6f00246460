"""The primary's API as a client of AWS: an image is an object in the uploads bucket and its item in the table.

It asks under a key of its own, so that a policy which denies everyone but the tool refuses it too. What the converter's
function does in AWS is done here in the same request: an image is acknowledged when object and item are both written.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp

from recovery.sync.source import Source

_WHO = "AWS4-HMAC-SHA256 Credential=image-api/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
TIMEOUT = aiohttp.ClientTimeout(total=5)


class PrimaryImages:
    """url: the local AWS. Every method returns an HTTP status, never raises for what AWS answers."""

    def __init__(self, url: str, source: Source) -> None:
        self._url, self._source = url, source
        self._session: aiohttp.ClientSession | None = None
        self._locks: dict[str, asyncio.Lock] = {}

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        return self._session

    def _headers(self, service: str) -> dict[str, str]:
        return {"Authorization": _WHO.format(region=self._source.region, service=service)}

    async def put(self, name: str, data: bytes, content_type: str) -> int:
        """201 when object and item are written; 503 when either was refused. One at a time for each image: of two at once
        the object of one and the item of the other would stay."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            return await self._put(name, data, content_type)

    async def _put(self, name: str, data: bytes, content_type: str) -> int:
        headers = {**self._headers("s3"), "Content-Type": content_type}
        try:
            async with self._http().put(self._object(name), data=data, headers=headers) as answer:
                if answer.status != 200:
                    return 503
            return 201 if await self._item(name, data) else 503
        except (aiohttp.ClientError, TimeoutError):
            return 503

    async def _item(self, name: str, data: bytes) -> bool:
        item = {
            self._source.partitionKey: {"S": name}, self._source.sortKey: {"N": "0"},
            "content": {"S": base64.b64encode(data).decode()}, "sha256": {"S": hashlib.sha256(data).hexdigest()},
            "uploadedAt": {"S": datetime.now(UTC).isoformat()},
        }  # fmt: skip
        headers = {
            **self._headers("dynamodb"),
            "X-Amz-Target": "DynamoDB_20120810.PutItem",
            "Content-Type": "application/x-amz-json-1.0",
        }
        body = json.dumps({"TableName": self._source.table, "Item": item})
        async with self._http().post(self._url, data=body, headers=headers) as answer:
            return answer.status == 200

    async def get(self, name: str) -> tuple[int, bytes]:
        """(200, bytes), (404, b""), or (503, b"")."""
        try:
            async with self._http().get(self._object(name), headers=self._headers("s3")) as answer:
                data = await answer.read()
                return (200, data) if answer.status == 200 else (404 if answer.status == 404 else 503, b"")
        except (aiohttp.ClientError, TimeoutError):
            return 503, b""

    def _object(self, name: str) -> str:
        return f"{self._url}/{self._source.uploadsBucket}/{quote(name)}"

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()
