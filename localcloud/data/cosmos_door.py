"""The door in front of cosmosdb-server: what the server lacks of Cosmos DB's behaviour, without touching it.

It checks the master key, advertises itself in the account document, makes a missing item a 404, holds queries to
their partition, refuses items that Cosmos would refuse, charges by size and answers 429 beyond the container's
RU/s (real seconds: data is never scaled). Batches stay as the server has them: not atomic.
"""

from __future__ import annotations

import io
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import orjson
from aiohttp import ClientError, ClientSession, web
from multidict import CIMultiDict
from yarl import URL

from localcloud.data import cosmos_rules as rules
from localcloud.data import cosmos_sql, proxy
from recovery.model import Json

PARTITION = "x-ms-documentdb-partitionkey"
CROSS = "x-ms-documentdb-query-enablecrosspartition"
PAGE = "x-ms-max-item-count"
PAGE_ITEMS, MAX_PAGE = 100, 1000
"""Items of a page: unless asked otherwise, and at most."""
MAX_BODY = 4 * 1024 * 1024


@dataclass(frozen=True)
class Target:
    """What a path names: database, container, item ("" where absent), and whether it is about items at all."""

    database: str
    container: str
    item: str
    items: bool


def target(path: str) -> Target:
    """Read ``/dbs/D/colls/C/docs/I``."""
    segments = [unquote(s) for s in path.split("/") if s]
    named = dict(zip(segments[::2], segments[1::2], strict=False))
    return Target(
        named.get("dbs", ""),
        named.get("colls", ""),
        named.get("docs", ""),
        len(segments) > 4 and segments[4] == "docs",
    )


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer as the service words it."""
    return web.Response(
        status=status, body=orjson.dumps({"code": code, "message": message}), content_type="application/json",
        headers=headers,
    )  # fmt: skip


class CosmosDoor:
    """One Cosmos DB account.

    upstream: waits for the server behind the door and returns its URL. throughput: (database, container) -> RU/s
    now. endpoint: this door's own URL.
    """

    def __init__(
        self,
        client: ClientSession,
        upstream: Callable[[], Awaitable[str]],
        key: str,
        endpoint: str,
        throughput: Callable[[str, str], int],
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._key = key
        self._endpoint = endpoint
        self._throughput = throughput
        self._budgets: dict[tuple[str, str], rules.Budget] = {}
        self._paths: dict[tuple[str, str], str] = {}
        self.throttled = 0
        self.charged = 0.0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path = request.raw_path.partition("?")[0]
        date = request.headers.get("x-ms-date", "")
        if not rules.signed(
            self._key, request.method, unquote(path), date, request.headers.get("Authorization", "")
        ):
            return error(401, "Unauthorized", "The input authorization token can't serve the request.")
        if path.strip("/") == "":
            return await self._account()
        where = target(path)
        if not where.items:
            return await self._pass(request)
        budget = self._budget(where)
        wait = budget.refusal()
        if wait is not None:
            self.throttled += 1
            return error(
                429, "TooManyRequests", "Request rate is large.",
                {"x-ms-retry-after-ms": str(wait), "x-ms-substatus": "3200", "x-ms-request-charge": "0"},
            )  # fmt: skip
        return await self._items(request, where, budget)

    def _budget(self, where: Target) -> rules.Budget:
        key = (where.database, where.container)
        if key not in self._budgets:
            self._budgets[key] = rules.Budget(lambda: self._throughput(*key), time.monotonic)
        return self._budgets[key]

    async def _items(
        self, request: web.BaseRequest, where: Target, budget: rules.Budget
    ) -> web.StreamResponse:
        path = await self._partition_path(where)
        if path is None:
            return error(404, "NotFound", "Owner resource does not exist", {"x-ms-substatus": "1003"})
        body = await _read(request)
        if body is None:
            return error(
                413, "RequestEntityTooLarge", f"Request size is too large: more than {MAX_BODY} bytes"
            )
        headers = proxy.request_headers(request)
        headers.popall("Content-Length", None)
        kind = _kind(request)
        if kind == "query":
            changed = _query(body, headers, path)
        elif kind == "batch":
            changed = _batch(body, headers)
        else:
            changed = _single(request.method, body, headers, path, where)
        if isinstance(changed, web.Response):
            return changed
        return await self._send(request, headers, changed, kind, budget)

    async def _send(
        self,
        request: web.BaseRequest,
        headers: CIMultiDict[str],
        body: bytes,
        kind: str,
        budget: rules.Budget,
    ) -> web.StreamResponse:
        url = URL(await self._upstream() + request.raw_path, encoded=True)
        try:
            answer = await self._client.request(
                request.method, url, headers=headers, data=io.BytesIO(body) if body else None
            )
        except (ClientError, OSError) as problem:
            return error(503, "ServiceUnavailable", f"the server behind this door does not answer: {problem}")
        async with answer:
            size = answer.content_length or 0
            if kind == "query":
                charge = rules.query_charge(size)
            elif request.method == "GET":
                charge = rules.read_charge(size)
            else:
                charge = rules.write_charge(len(body))
            budget.spend(charge)
            self.charged += charge
            out = proxy.response_headers(answer)
            out["x-ms-request-charge"] = str(charge)
            out["Content-Location"] = self._endpoint.rstrip("/") + request.raw_path
            response = web.StreamResponse(status=answer.status, headers=out)
            await response.prepare(request)
            async for piece in answer.content.iter_chunked(proxy.CHUNK):
                await response.write(piece)
            await response.write_eof()
        return response

    async def _pass(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method in ("DELETE", "PUT"):
            self._paths.clear()
        response, _ = await proxy.forward(self._client, request, await self._upstream())
        return response

    async def _account(self) -> web.Response:
        async with self._client.get(await self._upstream() + "/") as answer:
            document = orjson.loads(await answer.read())
        for side in ("writableLocations", "readableLocations"):
            for location in document.get(side, []):
                location["databaseAccountEndpoint"] = self._endpoint
        return web.Response(body=orjson.dumps(document), content_type="application/json")

    async def _partition_path(self, where: Target) -> str | None:
        """The container's partition key path, None when there is no such container."""
        key = (where.database, where.container)
        if key not in self._paths:
            url = URL(f"{await self._upstream()}/dbs/{where.database}/colls/{where.container}")
            async with self._client.get(url) as answer:
                if answer.status != 200:
                    return None
                found = orjson.loads(await answer.read())
            self._paths[key] = ((found.get("partitionKey") or {}).get("paths") or ["/id"])[0]
        return self._paths[key]

    async def ensure(self, database: str, container: str = "", definition: Json = None) -> None:
        """Create what ARM declares: a database, or a container (definition: its ARM `resource`)."""
        base = await self._upstream()
        url, body = f"{base}/dbs", {"id": database}
        if container:
            url, body = f"{base}/dbs/{database}/colls", {**(definition or {}), "id": container}
        async with self._client.post(url, data=orjson.dumps(body)) as answer:
            if answer.status not in (201, 409):
                raise RuntimeError(f"{url}: {answer.status} {(await answer.text())[:200]}")

    async def remove(self, database: str, container: str = "") -> None:
        """Delete what ARM no longer declares."""
        self._paths.clear()
        url = f"{await self._upstream()}/dbs/{database}" + (f"/colls/{container}" if container else "")
        async with self._client.delete(url):
            return

    async def remove_everything(self) -> None:
        """The account is gone: so are its databases."""
        async with self._client.get(await self._upstream() + "/dbs") as answer:
            databases = orjson.loads(await answer.read()).get("Databases", [])
        for database in databases:
            await self.remove(database["id"])


async def _read(request: web.BaseRequest) -> bytes | None:
    """The body, None when it is longer than any request may be."""
    body = bytearray()
    async for piece in request.content.iter_chunked(proxy.CHUNK):
        body += piece
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def _true(headers: Mapping[str, str], name: str) -> bool:
    return headers.get(name, "").lower() == "true"


def _kind(request: web.BaseRequest) -> str:
    headers = request.headers
    if request.method == "POST":
        if (
            _true(headers, "x-ms-documentdb-isquery")
            or headers.get("Content-Type") == "application/query+json"
        ):
            return "query"
        if _true(headers, "x-ms-cosmos-is-batch-request"):
            return "batch"
    if request.method == "GET" and not target(request.raw_path.partition("?")[0]).item:
        return "query"  # the read feed: every item, in pages
    return "item"


def _page(headers: CIMultiDict[str]) -> None:
    """Cosmos never answers a query whole: it pages at 4 MB at the latest, here by items alone. The server reads
    every item again for each page, so a long listing in small pages would take the square of its length."""
    wanted = headers.get(PAGE, "")
    if not wanted.isdigit() or int(wanted) < 1:
        headers[PAGE] = str(PAGE_ITEMS)
    elif int(wanted) > MAX_PAGE:
        headers[PAGE] = str(MAX_PAGE)


def _query(body: bytes, headers: CIMultiDict[str], path: str) -> bytes | web.Response:
    _page(headers)
    key = headers.get(PARTITION)
    headers[CROSS] = "true"
    if not key or not body:
        return body
    headers.pop(PARTITION)
    asked = orjson.loads(body)
    values = orjson.loads(key)
    try:
        asked["query"] = cosmos_sql.restrict(asked.get("query") or "SELECT * FROM c", path)
    except cosmos_sql.RestrictionError as problem:
        return error(
            400, "BadRequest", f"the local Cosmos door cannot run this query in one partition: {problem}"
        )
    asked["parameters"] = [
        *(asked.get("parameters") or []),
        {"name": cosmos_sql.PARAMETER, "value": values[0]},
    ]
    return orjson.dumps(asked)


def _batch(body: bytes, headers: CIMultiDict[str]) -> bytes | web.Response:
    """The server wants the partition key in each operation; the protocol has it once, in the header."""
    key = headers.get(PARTITION)
    if not key:
        return error(400, "BadRequest", "a transactional batch needs a partition key")
    operations = orjson.loads(body)
    return orjson.dumps(
        [{**operation, "partitionKey": operation.get("partitionKey", key)} for operation in operations]
    )


def _single(
    method: str, body: bytes, headers: CIMultiDict[str], path: str, where: Target
) -> bytes | web.Response:
    key = headers.get(PARTITION)
    if method == "GET":
        if not key:
            return error(400, "BadRequest", "PartitionKey value must be supplied for this operation.")
        headers[CROSS] = "true"  # else the server reads a missing item's properties, and fails
        return body
    if method not in ("POST", "PUT"):
        return body
    try:
        item = orjson.loads(body)
    except ValueError:
        return error(400, "BadRequest", "The request payload is not valid JSON")
    problem = rules.item_problem(item, len(body))
    if problem:
        return error(problem[0], "BadRequest" if problem[0] == 400 else "RequestEntityTooLarge", problem[1])
    own = rules.partition_value(item, path)
    if not key:
        headers[PARTITION] = orjson.dumps([own]).decode()
    elif orjson.loads(key) not in ([own], [{}] if own is None else [own]):
        return error(
            400, "BadRequest", "PartitionKey extracted from document doesn't match the one specified in the header",
            {"x-ms-substatus": "1001"},
        )  # fmt: skip
    return body
