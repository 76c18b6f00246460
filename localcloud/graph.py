"""A small Microsoft Graph: applications, service principals, federated credentials; what `dr init` asks of Entra.

No tenant, users, consents or token endpoint. Filters: ``displayName eq '...'``, ``appId eq '...'``, nothing else.
With roles enforced only the Owner may change the directory (as a member without a directory role may not).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web

from localcloud.arm.identities import Principal

Body = dict[str, Any]
_FILTER = re.compile(r"(displayName|appId) eq '([^']*)'")
PREFIX = "/_graph/v1.0"


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


class Graph:
    """The directory. who: the principal of a request; strict: whether roles are enforced."""

    def __init__(self, who: Callable[[web.Request], Principal | None], strict: Callable[[], bool]) -> None:
        self._who, self._strict = who, strict
        self._objects: dict[str, dict[str, Body]] = {"applications": {}, "servicePrincipals": {}}
        self._credentials: dict[str, list[Body]] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request below PREFIX."""
        who = self._who(request)
        if who is None:
            return _error(401, "InvalidAuthenticationToken", "Access token is missing or is not known here.")
        if request.method != "GET" and self._strict() and not who.owner:
            return _error(
                403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
            )
        parts = request.path.removeprefix(PREFIX).strip("/").split("/")
        body: Body = await request.json() if request.can_read_body else {}
        if parts == ["me"]:
            return web.json_response({"id": who.object_id, "displayName": who.name})
        if parts[0] not in self._objects or len(parts) > 3:
            return _error(404, "Request_ResourceNotFound", f"{request.path} is not served here")
        if len(parts) == 3:
            return self._federated(request.method, parts, body)
        return self._object(request, parts, body)

    def _object(self, request: web.Request, parts: list[str], body: Body) -> web.Response:
        held = self._objects[parts[0]]
        if len(parts) == 1 and request.method == "GET":
            return self._filtered(held, request.query.get("$filter", ""))
        if len(parts) == 1 and request.method == "POST":
            return self._make(parts[0], body)
        found = held.get(parts[1]) if len(parts) == 2 else None
        if found is None:
            return _error(404, "Request_ResourceNotFound", f"Resource '{parts[-1]}' does not exist.")
        if request.method == "PATCH":
            taken = {u for o in held.values() if o is not found for u in o.get("identifierUris", [])}
            if taken & set(body.get("identifierUris", [])):
                return _error(
                    400,
                    "Request_BadRequest",
                    "Another object with the same value for property identifierUris already exists.",
                )
            found.update(body)
            return web.Response(status=204)
        if request.method == "DELETE":
            del held[parts[1]]
            principals = self._objects["servicePrincipals"]
            for id in [i for i, o in principals.items() if o["appId"] == found["appId"]]:
                del principals[id]
            return web.Response(status=204)
        return web.json_response(found)

    @staticmethod
    def _filtered(held: dict[str, Body], text: str) -> web.Response:
        wanted = _FILTER.fullmatch(text)
        if text and wanted is None:
            return _error(400, "Request_UnsupportedQuery", f"the filter {text!r} is not served here")
        found = [o for o in held.values() if wanted is None or o.get(wanted[1]) == wanted[2]]
        return web.json_response({"value": found})

    def _make(self, kind: str, body: Body) -> web.Response:
        if kind == "servicePrincipals":
            app_id = body.get("appId")
            if app_id not in {a["appId"] for a in self._objects["applications"].values()}:
                return _error(
                    400,
                    "Request_BadRequest",
                    f"The appId '{app_id}' of the service principal does not reference a valid application object.",
                )
            if app_id in {p["appId"] for p in self._objects[kind].values()}:
                return _error(
                    409, "Request_MultipleObjectsWithSameKeyValue", "The service principal already exists."
                )
            made: Body = {"appId": app_id}
        elif not body.get("displayName"):
            return _error(
                400,
                "Request_BadRequest",
                "A value is required for property 'displayName' of resource 'Application'.",
            )
        else:
            made = {"appId": str(uuid.uuid4()), "identifierUris": [], **body}
        made["id"] = str(uuid.uuid4())
        self._objects[kind][made["id"]] = made
        return web.json_response(made, status=201)

    def _federated(self, method: str, parts: list[str], body: Body) -> web.Response:
        if parts[2] != "federatedIdentityCredentials" or parts[1] not in self._objects["applications"]:
            return _error(404, "Request_ResourceNotFound", f"Resource '{parts[1]}' does not exist.")
        held = self._credentials.setdefault(parts[1], [])
        if method == "GET":
            return web.json_response({"value": held})
        if any(c["subject"] == body.get("subject") and c["issuer"] == body.get("issuer") for c in held):
            return _error(
                409,
                "Request_MultipleObjectsWithSameKeyValue",
                "FederatedIdentityCredential with the same issuer and subject already exists.",
            )
        held.append({"id": str(uuid.uuid4()), **body})
        return web.json_response(held[-1], status=201)
