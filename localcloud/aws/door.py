"""What AWS does and moto 5.2 does not, as a small WSGI layer in front of it, each rule with its source.

| rule | source |
|---|---|
| a presigned URL is refused after X-Amz-Expires seconds | S3 user guide, "Download and upload objects with presigned URLs" |
| PutObject and UploadPart whose Content-MD5 does not match are BadDigest | S3 API, "Error responses" |
| a Deny in a table's resource policy refuses the action | DynamoDB developer guide, "Using resource-based policies" |
| a Deny with ArnNotLike aws:PrincipalArn spares that principal | IAM user guide, "Global condition context keys" |
| exports write manifests and checksums; incremental ones obey their window | `localcloud.aws.exports` |
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from localcloud.aws.exports import ExportError, Exports

Environ = dict[str, Any]
Start = Callable[..., Any]
_TARGET = "HTTP_X_AMZ_TARGET"
_DYNAMODB = "DynamoDB_20120810."
STATE_PATH = "/_local/state"
"""Where the local cloud says whether AWS answers: PUT up, down or hanging."""
STATES = ("up", "down", "hanging")
HANGING_SECONDS = 60.0


class Door:
    """A WSGI application around moto's."""

    def __init__(self, app: Callable[[Environ, Start], Iterable[bytes]], account: str, region: str) -> None:
        self._app = app
        self._account, self._region = account, region
        self.exports = Exports(account, region)
        self.state = "up"
        teach_conditions()

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("PATH_INFO") == STATE_PATH and environ["REQUEST_METHOD"] == "PUT":
            wanted = _body(environ).decode()
            if wanted not in STATES:
                return _json(start, "400 Bad Request", {"message": f"state is one of {', '.join(STATES)}"})
            self.state = wanted
            return _json(start, "200 OK", {"state": self.state})
        if self.state != "up":
            _cut(environ, HANGING_SECONDS if self.state == "hanging" else 0.0)
        caller.arn = arn_of(environ, self._account)
        if environ.get(_TARGET, "").startswith(_DYNAMODB):
            return self._dynamodb(environ, start)
        query = environ.get("QUERY_STRING", "")
        if "X-Amz-Expires=" in query and expired(parse_qs(query), datetime.now(UTC)):
            return _xml(start, "403 Forbidden", "AccessDenied", "Request has expired")
        if environ.get("HTTP_CONTENT_MD5") and environ["REQUEST_METHOD"] == "PUT":
            body = _body(environ)
            sent = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
            if (
                body
                and sent != environ["HTTP_CONTENT_MD5"]
                and "aws-chunked" not in environ.get("HTTP_CONTENT_ENCODING", "")
            ):
                return _xml(
                    start,
                    "400 Bad Request",
                    "BadDigest",
                    "The Content-MD5 you specified did not match what we received.",
                )
        return self._app(environ, start)

    def _dynamodb(self, environ: Environ, start: Start) -> Iterable[bytes]:
        action = environ[_TARGET].removeprefix(_DYNAMODB)
        body = json.loads(_body(environ) or b"{}")
        try:
            if action == "ExportTableToPointInTime":
                return _json(start, "200 OK", {"ExportDescription": self.exports.start(body)})
            if action == "DescribeExport":
                return _json(start, "200 OK", {"ExportDescription": self.exports.describe(body["ExportArn"])})
        except ExportError as error:
            return _json(
                start,
                "400 Bad Request",
                {"__type": f"com.amazonaws.dynamodb.v20120810#{error.code}", "message": str(error)},
            )
        for table in _tables(action, body):
            if self._denied(action, table):
                said = f"User is not authorized to perform: dynamodb:{action} on resource {table} with an explicit deny in a resource-based policy"
                return _json(
                    start,
                    "400 Bad Request",
                    {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": said},
                )
        return self._app(environ, start)

    def _denied(self, action: str, table: str) -> bool:
        from moto.dynamodb.models import dynamodb_backends

        backend = dynamodb_backends[self._account][self._region]
        found = backend.tables.get(table.rpartition("/")[2])
        policy = backend.resource_policies.get(found.table_arn) if found is not None else None
        if policy is None:
            return False
        return denies(json.loads(policy.policy_doc), f"dynamodb:{action}", caller.arn)


def _cut(environ: Environ, after: float) -> None:
    """End the connection without an answer, as a region that is gone does."""
    time.sleep(after)
    held: socket.socket = environ["werkzeug.socket"]
    held.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("AWS is gone")


SYNC = "local"
"""Access key of the tool's own clients (clouds.aws.session); any other is somebody else."""


class _Caller(threading.local):
    """Who asks, in the thread that answers: moto itself takes everybody for the same user."""

    arn = ""


caller = _Caller()


def arn_of(environ: Environ, account: str) -> str:
    """The principal of a request, by its access key."""
    text = environ.get("HTTP_AUTHORIZATION", "") + unquote(environ.get("QUERY_STRING", ""))
    found = re.search(r"Credential=([^/&,]+)/", text)
    key = found[1] if found else ""
    return f"arn:aws:sts::{account}:user/{'moto' if key == SYNC else key}"


def spared(statement: Any, arn: str) -> bool:
    """Does the statement's own condition leave this principal out?"""
    names = ((statement.get("Condition") or {}).get("ArnNotLike") or {}).get("aws:PrincipalArn") or []
    return any(fnmatchcase(arn, pattern) for pattern in ([names] if isinstance(names, str) else names))


def denies(policy: Any, action: str, arn: str = "") -> bool:
    """True when a statement denies the action to this principal (statements that deny everyone are looked at)."""
    statements = policy.get("Statement", [])
    for one in statements if isinstance(statements, list) else [statements]:
        actions = one.get("Action", [])
        for pattern in actions if isinstance(actions, list) else [actions]:
            if one.get("Effect") == "Deny" and fnmatchcase(action.lower(), pattern.lower()):
                return not spared(one, arn)
    return False


def teach_conditions() -> None:
    """moto denies whenever a statement has a condition that it does not know: let ours through where it spares."""
    from moto.iam.access_control import IAMPolicyStatement, PermissionResult

    asked = IAMPolicyStatement.is_action_permitted

    def is_action_permitted(self: Any, *given: Any, **named: Any) -> Any:
        return (
            PermissionResult.NEUTRAL if spared(self._statement, caller.arn) else asked(self, *given, **named)
        )

    setattr(IAMPolicyStatement, "is_action_permitted", is_action_permitted)  # noqa: B010 - mypy refuses the assignment


def expired(query: dict[str, list[str]], now: datetime) -> bool:
    """True when a presigned URL's time is over."""
    try:
        signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return now > signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))
    except (KeyError, ValueError):
        return True


def _tables(action: str, body: dict[str, Any]) -> list[str]:
    """The tables that an item-writing request touches; reads are let through."""
    if action in ("PutItem", "UpdateItem", "DeleteItem"):
        return [str(body.get("TableName", ""))]
    if action == "BatchWriteItem":
        return list(body.get("RequestItems", {}))
    if action == "TransactWriteItems":
        return [one["TableName"] for item in body.get("TransactItems", []) for one in item.values()]
    return []


def _body(environ: Environ) -> bytes:
    """Read the body once and put it back for moto."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    data: bytes = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(data)
    return data


def _json(start: Start, status: str, document: Any) -> list[bytes]:
    data = json.dumps(document).encode()
    start(status, [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(data)))])
    return [data]


def _xml(start: Start, status: str, code: str, message: str) -> list[bytes]:
    data = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>'.encode()
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(data)))])
    return [data]
