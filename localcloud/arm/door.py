"""ARM over HTTP: token, api-version, routing by method and path, paging, the headers of long-running operations."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import web

from localcloud.arm import resource_graph
from localcloud.arm.errors import ArmError, bad_request, not_found
from localcloud.arm.identities import Identities, Principal
from localcloud.arm.ids import ArmPath, parse
from localcloud.arm.operations import Operation
from localcloud.arm.permits import Permits
from localcloud.arm.policy import check_api_version
from localcloud.arm.service import Outcome, Service
from localcloud.arm.store import Entry
from localcloud.control import Control, Cut
from recovery.errors import Failed

T = TypeVar("T")

PAGE = 100
LARGEST_PAGE = 1000
"""Of a group's list of resources, for who asks with $top (learn.microsoft.com/rest/api/resources/resources/
list-by-resource-group); the services' own lists do not know it."""
RETRY_AFTER = "10"
"""Simulated seconds, as Azure sends them: who polls divides by the scale."""

_OPERATION = re.compile(
    r"/subscriptions/[^/]+/providers/[^/]+/locations/[^/]+/(operations|operationresults)/([0-9a-f-]{36})",
    re.IGNORECASE,
)


@dataclass
class Call:
    """One request, parsed. base: scheme and host for the links in answers."""

    method: str
    path: ArmPath
    query: dict[str, str]
    body: Any
    base: str
    request: web.Request

    @property
    def ending(self) -> str:
        """How an operation that this request starts shall end (a fault's wish)."""
        return str(self.request.get("operation_fault", "Succeeded"))


_PROVIDER = re.compile(r"/subscriptions/[^/]+/providers/([^/]+)(/register)?", re.IGNORECASE)

Handler = Callable[["Door", Call], Awaitable[web.Response]]


@dataclass
class Door:
    """Serves everything under ``/subscriptions``. special: (method, type in lower case) -> handler, asked first.

    permits: the rule that is asked who may do what; None lets every known token do everything.
    """

    service: Service
    control: Control
    special: dict[tuple[str, str], Handler] = field(default_factory=dict)
    permits: Permits | None = None
    graph: resource_graph.Index | None = None
    identities: Identities = field(init=False)
    registered: set[str] = field(default_factory=set)
    """Resource providers that were registered (no request is refused for the lack of one)."""

    def __post_init__(self) -> None:
        self.identities = Identities(self.control.token)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request, errors in ARM's shape."""
        try:
            return await self.control.guard("arm", request, self._serve)
        except Cut:
            raise web.HTTPServiceUnavailable from None  # never arrives: the connection is cut

    def who(self, request: web.Request) -> Principal | None:
        """Whom the bearer token stands for; None without one that is known."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self.identities.who(token.strip()) if scheme.lower() == "bearer" else None

    def authorised(self, request: web.Request) -> bool:
        """Whether the bearer token is the Owner's (the controls are nobody else's)."""
        who = self.who(request)
        return who is not None and who.owner

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            who = self.who(request)
            if who is None:
                raise ArmError(
                    401,
                    "AuthenticationFailed",
                    "Authentication failed. The 'Authorization' header is missing or its token is not valid here.",
                    {"WWW-Authenticate": 'Bearer authorization_uri="https://login.windows.net/common"'},
                )
            response = await self._route(request, who)
        except ArmError as error:
            response = error.answer()
        except Failed as failed:  # a part of the local cloud did not start: in its words, not aiohttp's
            response = ArmError(500, "InternalServerError", f"The local cloud failed: {failed}").answer()
        response.headers["x-ms-request-id"] = secrets.token_hex(8)
        return response

    async def _route(self, request: web.Request, who: Principal) -> web.Response:
        if operation := _OPERATION.fullmatch(request.path):
            return self._operation(request, operation[1].lower(), operation[2])
        if provider := _PROVIDER.fullmatch(request.path):
            return self._provider(request, who, provider[1], bool(provider[2]))
        if self.graph is not None and resource_graph.PATH.fullmatch(request.path):
            return await self._graph(request, who)
        path = parse(request.path)
        check_api_version(path, request.query.get("api-version"))
        body: Any = None
        if request.can_read_body:
            try:
                body = json.loads(await request.read() or b"null")
            except ValueError as exc:
                raise bad_request("The request content was invalid JSON.", "InvalidRequestContent") from exc
        if self.permits is not None:
            self.permits.check(who, request.method, request.path, body)
        base = f"{request.scheme}://{request.host}"
        call = Call(request.method, path, dict(request.query), body, base, request)
        handler = self.special.get((call.method, path.type.lower()))
        if handler is not None:
            self.service.group(path)
            return await handler(self, call)
        if path.is_collection or not path.types:
            return self._collection(call)
        return await self._resource(call)

    async def _graph(self, request: web.Request, who: Principal) -> web.Response:
        """Azure Resource Graph: POST of a query, answered from the index with what the caller may read.

        It asks for no permission of its own: whoever may read nothing gets no rows
        (learn.microsoft.com/azure/governance/resource-graph/overview#permissions-in-azure-resource-graph).
        """
        if request.method != "POST" or self.graph is None or not request.query.get("api-version"):
            raise bad_request("Resource Graph answers a POST with an api-version.", "BadRequest")
        try:
            asked = json.loads(await request.read() or b"null")
        except ValueError as exc:
            raise bad_request("The request content was invalid JSON.", "InvalidRequestContent") from exc
        permits = self.permits
        sees = None if permits is None else lambda path: permits.sees(who, path)
        return web.json_response(self.graph.answer(asked, sees))

    def _provider(self, request: web.Request, who: Principal, name: str, register: bool) -> web.Response:
        """A resource provider of the subscription, and its registration."""
        if self.permits is not None:
            self.permits.check(who, request.method, request.path)
        if register and request.method == "POST":
            self.registered.add(name.lower())
        state = "Registered" if name.lower() in self.registered else "NotRegistered"
        return web.json_response(
            {
                "id": request.path.removesuffix("/register"),
                "namespace": name,
                "registrationState": state,
                "resourceTypes": [],
            }
        )

    # -- one resource --------------------------------------------------------------------------------------

    async def _resource(self, call: Call) -> web.Response:
        service, path = self.service, call.path
        headers = call.request.headers
        if call.method in ("GET", "HEAD"):
            entry = service.entry(path)
            return self.show(entry, 204 if call.method == "HEAD" and not path.namespace else 200)
        if call.method == "PUT":
            outcome = await service.put(
                path,
                call.body,
                ending=call.ending,
                match=headers.get("If-Match"),
                none_match=headers.get("If-None-Match"),
            )
            return self.changed(call, outcome)
        if call.method == "PATCH":
            return self.changed(
                call,
                await service.patch(path, call.body or {}, ending=call.ending, match=headers.get("If-Match")),
            )
        if call.method == "DELETE":
            outcome = await service.delete(path, ending=call.ending, match=headers.get("If-Match"))
            if outcome.entry is None:
                return web.Response(status=204)
            if outcome.operation is None:
                return web.Response(status=200)
            return web.Response(status=202, headers=self.operation_headers(call, outcome.operation))
        raise ArmError(405, "MethodNotAllowed", f"The method {call.method} is not allowed for '{path.text}'.")

    def show(self, entry: Entry, status: int = 200) -> web.Response:
        """A resource's body with its ETag."""
        if status == 204:
            return web.Response(status=204)
        etag = str(entry.body.get("etag") or f'"{entry.etag}"')
        body = {k: v for k, v in self.service.shown(entry).items() if not k.startswith("_")}
        return web.json_response(body, status=status, headers={"ETag": etag})

    def changed(self, call: Call, outcome: Outcome) -> web.Response:
        """The answer to PUT or PATCH."""
        entry, operation = outcome.entry, outcome.operation
        if entry is None:
            raise not_found(call.path.printed, call.path.group)
        if operation is None:
            return self.show(entry, 201 if outcome.created else 200)
        headers = self.operation_headers(call, operation)
        if outcome.manners.accepted:
            if outcome.manners.location_only:
                headers.pop("Azure-AsyncOperation")
                return web.Response(status=202, headers=headers)
            return web.json_response({"status": "Enqueued"}, status=202, headers=headers)
        headers.pop("Location", None)
        response = self.show(entry, 201 if outcome.created else 200)
        response.headers.update(headers)
        return response

    # -- operations ----------------------------------------------------------------------------------------

    def operation_headers(self, call: Call, operation: Operation) -> dict[str, str]:
        """Azure-AsyncOperation, Location and Retry-After."""
        namespace = call.path.namespace or "Microsoft.Resources"
        base = f"{call.base}/subscriptions/{call.path.subscription}/providers/{namespace}/locations/local"
        version = f"api-version={call.query['api-version']}"
        return {
            "Azure-AsyncOperation": f"{base}/operations/{operation.id}?{version}",
            "Location": f"{base}/operationresults/{operation.id}?{version}",
            "Retry-After": RETRY_AFTER,
        }

    def _operation(self, request: web.Request, kind: str, operation_id: str) -> web.Response:
        operation = self.service.operations.by_id.get(operation_id)
        if operation is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{operation_id}' was not found.")
        headers = {"Retry-After": RETRY_AFTER} if operation.running else {}
        if kind == "operations":
            return web.json_response({**operation.shown(), "id": request.path}, headers=headers)
        if operation.running:
            url = f"{request.scheme}://{request.host}{request.path_qs}"
            return web.Response(status=202, headers={**headers, "Location": url})
        if operation.status != "Succeeded":
            raise ArmError(409 if operation.status == "Canceled" else 500, operation.code, operation.message)
        if isinstance(operation.result, Entry):
            return self.show(operation.result)
        return (
            web.json_response(operation.result) if operation.result is not None else web.Response(status=200)
        )

    # -- collections ---------------------------------------------------------------------------------------

    def _collection(self, call: Call) -> web.Response:
        if call.method != "GET":
            raise bad_request(
                f"The action or type '{call.path.type}' is not served here.", "InvalidResourceType"
            )
        self.service.group(call.path)
        path, store = call.path, self.service.store
        if not path.types:
            return web.json_response(
                {
                    "id": path.text,
                    "subscriptionId": path.subscription,
                    "displayName": "Local cloud",
                    "state": "Enabled",
                    "tenantId": self.service.context.tenant,
                }
            )
        kind = path.type.lower()
        if kind == "/resourcegroups":
            return self.page_of(
                call, [e for e in store.entries.values() if e.type == kind], self.service.shown
            )
        if kind == "/resources":
            return self.page_of(call, list(self._overview(call)), _envelope, LARGEST_PAGE)
        parent = path.parent
        if parent is not None and store.get(parent) is None:
            raise ArmError(
                404, "ParentResourceNotFound", f"The parent resource '{parent.printed}' could not be found."
            )
        below = parent.text if parent is not None else path.scope
        found = list(store.of_type(path.type, below))
        return self.page_of(call, found, lambda e: self.service.shown(e, listed=True))

    def _overview(self, call: Call) -> Iterator[Entry]:
        """Tracked resources of a group or subscription."""
        wanted = re.fullmatch(r"\s*resourceType eq '([^']+)'\s*", call.query.get("$filter", ""))
        if call.query.get("$filter") and not wanted:
            raise bad_request(
                "Only resourceType eq '...' is served as a filter here.", "InvalidFilterInQueryString"
            )
        prefix = call.path.scope.lower() + "/"
        for key, entry in self.service.store.entries.items():
            if (
                not key.startswith(prefix)
                or "location" not in entry.body
                or entry.type in ("/resourcegroups", "microsoft.web/sites/config")
            ):
                continue
            if wanted and wanted[1].lower() != str(entry.body["type"]).lower():
                continue
            yield entry

    def page(self, call: Call, items: Iterable[dict[str, Any]]) -> web.Response:
        """A list answer of items that are made already."""
        return self.page_of(call, list(items), lambda item: item)

    def page_of(
        self, call: Call, everything: Sequence[T], show: Callable[[T], dict[str, Any]], largest: int = PAGE
    ) -> web.Response:
        """A list answer: PAGE items ($top of them, up to `largest`), then nextLink. Only this page's items are shown: a
        long list stays linear."""
        size = PAGE
        if call.query.get("$top", "").isdigit():
            size = max(1, min(largest, int(call.query["$top"])))
        token = call.query.get("$skiptoken", "0")
        if not token.isdigit():
            raise bad_request(f"The skip token '{token}' is invalid.", "InvalidSkipToken")
        at = int(token)
        shown = [show(entry) for entry in everything[at : at + size]]
        body: dict[str, Any] = {
            "value": [{k: v for k, v in item.items() if not k.startswith("_")} for item in shown]
        }
        if at + size < len(everything):
            query = {**call.query, "$skiptoken": str(at + size)}
            pairs = "&".join(f"{k}={quote(v, safe='')}" for k, v in query.items())
            body["nextLink"] = f"{call.base}{quote(call.request.path)}?{pairs}"
        return web.json_response(body)


def _envelope(entry: Entry) -> dict[str, Any]:
    """What the list of everything tells of a resource."""
    return {k: v for k, v in entry.body.items() if k not in ("properties", "etag", "systemData")}
