"""Documents of one container over REST, many at once, within its request units; each write guarded by an ETag (SYNC-3).

The SDK costs a millisecond of CPU a request and retries 429s behind one's back; a bulk import needs the charge and the
refusal of every request. Reference: https://learn.microsoft.com/rest/api/cosmos-db/documents
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from email.utils import formatdate
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from recovery.errors import Failed, Unobserved
from recovery.sync.budget import Budget

API = "2020-07-15"
TRIES = 12
AHEAD = 0.95
"""Share of the container's RU/s that an import takes: the rest is for whoever else is there."""


class GuardError(Exception):
    """The document is not (or no longer) what the write's guard says; read it again and decide anew."""


class Container:
    """One container. path: ``dbs/D/colls/C``; key: the account's (a local cloud), None for an Entra identity."""

    def __init__(
        self, endpoint: str, path: str, key: str | None, budget: Budget, *, connections: int = 48
    ) -> None:
        self._base, self._path, self._key = endpoint.rstrip("/"), path, key
        self.budget = budget
        self._gate = asyncio.Semaphore(connections)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections), timeout=aiohttp.ClientTimeout(total=60)
        )
        self._token: Callable[[], str] = (lambda: "") if key else _identity(endpoint)

    async def close(self) -> None:
        """Close the pool."""
        await self._session.close()

    async def create(self, partition: Any, body: bytes) -> None:
        """Raises GuardError when a document of that id is there."""
        await self._send("POST", "", partition, body, {})

    async def replace(self, id: str, partition: Any, body: bytes, etag: str) -> None:
        """Raises GuardError when it is not the one with that ETag."""
        await self._send("PUT", id, partition, body, {"If-Match": etag})

    async def delete(self, id: str, partition: Any, etag: str) -> None:
        """Raises GuardError when it is another one now; gone is fine."""
        await self._send("DELETE", id, partition, b"", {"If-Match": etag})

    async def query(
        self, text: str, parameters: Sequence[Mapping[str, Any]] = (), partition: Any = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Documents, a page held at a time. Filters and projections alone: what needs a query plan is the SDK's."""
        body = orjson.dumps({"query": text, "parameters": list(parameters)})
        headers = {
            "Content-Type": "application/query+json", "x-ms-documentdb-isquery": "true",
            "x-ms-documentdb-query-enablecrosspartition": "true", "x-ms-max-item-count": "1000",
        }  # fmt: skip
        while True:
            answer, page = await self._send("POST", "", partition, body, headers, query=True)
            for document in orjson.loads(page)["Documents"]:
                yield document
            following = answer.get("x-ms-continuation")
            if not following:
                return
            headers["x-ms-continuation"] = following

    async def _send(
        self,
        method: str,
        id: str,
        partition: Any,
        body: bytes,
        headers: dict[str, str],
        *,
        query: bool = False,
    ) -> tuple[Mapping[str, str], bytes]:
        url, link = f"{self._base}/{self._path}/docs", self._path
        if id:
            url, link = f"{url}/{quote(id)}", f"{self._path}/docs/{id}"
        said = ""
        async with self._gate:
            for attempt in range(TRIES):
                reserved = self.budget.typical
                await asyncio.sleep(self.budget.reserve(time.monotonic()))
                try:
                    async with self._session.request(
                        method,
                        url,
                        data=body or None,
                        headers=self._headers(method, link, partition, headers),
                    ) as answer:
                        data, status = await answer.read(), answer.status
                        got = answer.headers
                except (aiohttp.ClientError, TimeoutError, OSError) as exc:
                    self.budget.paid(reserved, 0.0)
                    said = f"no answer ({type(exc).__name__})"
                    await asyncio.sleep(min(5.0, 0.2 * 2**attempt))
                    continue
                if status == 429:
                    wait = float(got.get("x-ms-retry-after-ms") or 100) / 1000
                    self.budget.refused(reserved, time.monotonic(), wait)
                    said = "429: request rate is large"
                    await asyncio.sleep(wait)
                    continue
                self.budget.paid(reserved, float(got.get("x-ms-request-charge") or 1))
                if status in (200, 201, 204) or (status == 404 and method == "DELETE"):
                    return got, data
                if status in (409, 412) or (status == 404 and id):
                    raise GuardError(id)
                said = f"{status} {data[:200].decode('utf-8', 'replace')}"
                if status not in (408, 449, 500, 502, 503, 504):
                    break
                await asyncio.sleep(min(5.0, 0.2 * 2**attempt))
        kind = Unobserved if query else Failed
        raise kind(
            f"Cosmos DB {method} {id or self._path}: {said}", "the documents are not known to be complete",
            "run the same command again: it goes on where it stopped", retry=True,
        )  # fmt: skip

    def _headers(self, method: str, link: str, partition: Any, extra: Mapping[str, str]) -> dict[str, str]:
        date = formatdate(usegmt=True)
        made = {"x-ms-version": API, "x-ms-date": date, "Content-Type": "application/json", **extra}
        if partition is not None:
            # Header values are ASCII: JSON has an escape for every other character.
            made["x-ms-documentdb-partitionkey"] = _ascii(partition)
        if self._key:
            text = f"{method.lower()}\ndocs\n{link}\n{date.lower()}\n\n"
            mac = base64.b64encode(hmac.digest(base64.b64decode(self._key), text.encode(), sha256)).decode()
            made["Authorization"] = quote(f"type=master&ver=1.0&sig={mac}", safe="")
        else:
            made["Authorization"] = quote(f"type=aad&ver=1.0&sig={self._token()}", safe="")
        return made


def among(select: str, ids: Sequence[str]) -> tuple[str, list[dict[str, str]]]:
    """A query for these ids and its parameters. ``IN`` is answered from the index; the service would scan for
    ARRAY_CONTAINS. select: the text up to ``WHERE c.id IN``."""
    parameters = [{"name": f"@i{number}", "value": id} for number, id in enumerate(ids)]
    return f"{select} ({', '.join(one['name'] for one in parameters)})", parameters


def _ascii(partition: Any) -> str:
    import json

    return json.dumps([partition])


def _identity(endpoint: str) -> Callable[[], str]:
    """Tokens of the identity, renewed five minutes before they end."""
    from azure.identity import DefaultAzureCredential

    credential, scope = DefaultAzureCredential(), f"{endpoint.rstrip('/').removesuffix(':443')}/.default"
    held = credential.get_token(scope)

    def token() -> str:
        nonlocal held
        if held.expires_on - time.time() < 300:
            held = credential.get_token(scope)
        return held.token

    return token
