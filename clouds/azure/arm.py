"""Azure Resource Manager over HTTP: GET, LIST, PUT, PATCH, DELETE, POST by id, with the service's own
patience.

One generic client serves every type (`azure-mgmt-network` alone costs 2.4 s and 308 MB; this one 0.12 s).
What it promises: an answer is the service's, or an `ArmError` says why there is none; a long-running
operation has ended before `put` returns, or the error says that it has not, and nobody takes a half-finished
one for a success. Protocol:
https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline.policies import AzureKeyCredentialPolicy, HeadersPolicy, UserAgentPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from requests import Session
from requests.adapters import HTTPAdapter

from clouds.endpoints import Endpoints
from recovery.model import Json

CONNECTIONS = 64
"""Kept open at once. The SDK's own session keeps 10 and throws the others away after one request: with 48 readers most
reads would begin with a handshake."""

_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_BUSY = frozenset({"anotheroperationinprogress", "retryableerror", "conflictserveroperationinprogress"})
"""Codes of a 409 by which a service asks to come back: nothing of this request was done
(learn.microsoft.com/azure/networking/troubleshoot-failed-state)."""
_DONE = frozenset({"succeeded", "failed", "canceled", "cancelled"})
_NOT_TERMINAL = "OperationNotFinished"
_GARBAGE = "UnreadableAnswer"
_NO_ANSWER = "NoAnswer"


class ArmError(Exception):
    """The service said no, or gave no usable answer.

    status: HTTP status, 0 where there was no answer at all. code: ARM's error code, or one of ours
    (NoAnswer, UnreadableAnswer, OperationNotFinished). message: for a person.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status or 'no answer'} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    @property
    def missing(self) -> bool:
        """True only when the service itself says that this resource does not exist.

        A 404 with another code (unknown subscription, unregistered provider, a proxy's page) proves nothing.
        """
        code = self.code.lower()
        return self.status == 404 and code.endswith("notfound") and code not in _NO_PROOF

    @property
    def unfinished(self) -> bool:
        """True when a change was accepted and its end was not seen: look before trying again."""
        return self.code == _NOT_TERMINAL


_NO_PROOF = frozenset({"subscriptionnotfound", "tenantnotfound"})


@dataclass(frozen=True)
class Patience:
    """How long to wait, in simulated seconds (`Endpoints.scale` makes them real ones).

    attempts: tries of one request. backoff: first pause where the service names none; it doubles. longest:
    the longest single pause, and so the most of a Retry-After that is obeyed. operation: the most one
    long-running operation is waited for. poll: pause between two looks where the service names none. timeout:
    of one request, in real seconds.
    """

    attempts: int = 5
    backoff: float = 2.0
    longest: float = 120.0
    operation: float = 3600.0
    poll: float = 10.0
    timeout: float = 30.0


class Arm:
    """ARM for one cloud (Azure or the local one). Safe to use from several threads.

    sleep is an argument so that tests need not wait.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoints = endpoints
        self._patience = patience or Patience()
        self._sleep = sleep
        self._clock = clock
        self._client: ARMPipelineClient[HttpRequest, Any] = ARMPipelineClient(
            endpoints.arm_url,
            transport=transport(endpoints.arm_url),
            policies=[
                HeadersPolicy({"Accept": "application/json"}),
                UserAgentPolicy("standby-dr"),
                _auth(endpoints),
            ],
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, id: str, api_version: str) -> dict[str, Json]:
        """The body of one resource. Raises ArmError; `.missing` when the service says it is not there."""
        return self._body(self._send("GET", self._url(id, api_version)))

    def list(self, path: str, api_version: str) -> list[dict[str, Json]]:
        """All items of a collection, across pages. Raises ArmError, also when any page cannot be had."""
        items: list[dict[str, Json]] = []
        url: str | None = self._url(path, api_version)
        seen: set[str] = set()
        while url:
            if url in seen:
                raise ArmError(200, _GARBAGE, f"the pages of {path} go in a circle")
            seen.add(url)
            response = self._send("GET", url)
            if response.content.lstrip().startswith(
                b"["
            ):  # images' versions come as a plain array, in one piece
                return items + [item for item in _array(response) if isinstance(item, dict)]
            page = self._body(response)
            value = page.get("value")
            if not isinstance(value, list):
                raise ArmError(200, _GARBAGE, f"the list {path} has no `value`")
            items += [item for item in value if isinstance(item, dict)]
            url = page.get("nextLink") or None
        return items

    def put(self, id: str, body: Mapping[str, Json], api_version: str) -> dict[str, Json]:
        """Create or replace, wait for the end, return the body as it is then. Raises ArmError."""
        return self._change("PUT", id, body, api_version)

    def patch(self, id: str, body: Mapping[str, Json], api_version: str) -> dict[str, Json]:
        """Change some properties, wait for the end, return the body as it is then. Raises ArmError."""
        return self._change("PATCH", id, body, api_version)

    def delete(self, id: str, api_version: str) -> None:
        """Delete and wait until it is gone; already gone is success. Raises ArmError."""
        with _absent_is_fine():
            response = self._send("DELETE", self._url(id, api_version))
            try:
                self._finish(response, id, api_version, "DELETE")
            except ArmError as error:
                # An operation's URL may vanish together with what it deleted: the resource itself decides.
                if not error.unfinished or error.status != 404:
                    raise
                self.get(id, api_version)
                raise

    def post(
        self, id: str, body: Mapping[str, Json] | None, api_version: str, *, idempotent: bool = False
    ) -> dict[str, Json]:
        """Run an action (``…/config/appsettings/list``).

        Only an idempotent one is repeated after a lost answer. Raises ArmError.
        """
        response = self._send("POST", self._url(id, api_version), body or {}, repeat=idempotent)
        return self._finish(response, id, api_version, "POST")

    # -- one request ---------------------------------------------------------------------------------------

    def _url(self, path: str, api_version: str) -> str:
        if path.startswith("http"):
            return path
        mark = "&" if "?" in path else "?"
        base = self.endpoints.arm_url.rstrip("/")
        return f"{base}{quote(path, safe='/?&=$:@,;()!*+%~')}{mark}api-version={api_version}"

    def _send(
        self, method: str, url: str, body: Mapping[str, Json] | None = None, *, repeat: bool = True
    ) -> HttpResponse:
        """One request with its retries. Any answer below 400 is returned, everything else raised."""
        last = ArmError(0, _NO_ANSWER, f"{method} {_path(url)} was not tried")
        for attempt in range(1, self._patience.attempts + 1):
            wait: float | None = None
            try:
                request = HttpRequest(method, url, json=None if body is None else dict(body))
                response: HttpResponse = self._client.send_request(
                    request, connection_timeout=self._patience.timeout, read_timeout=self._patience.timeout
                )
            except ClientAuthenticationError as exc:
                raise ArmError(401, "AuthenticationFailed", str(exc)) from exc
            except AzureError as exc:  # connection refused, reset, timed out
                last = ArmError(0, _NO_ANSWER, f"{method} {_path(url)}: {exc}")
                if not repeat:
                    raise last from exc
            else:
                if response.status_code < 400:
                    return response
                last = _error(response)
                refused = response.status_code == 429 or (
                    response.status_code == 409 and last.code.lower() in _BUSY
                )
                if not refused and (response.status_code not in _RETRIED or not repeat):
                    raise last
                wait = _retry_after(response)
            if attempt < self._patience.attempts:
                self._pause(wait if wait is not None else self._patience.backoff * 2 ** (attempt - 1))
        raise ArmError(last.status, last.code, f"{last.message} (after {self._patience.attempts} attempts)")

    def _pause(self, seconds: float) -> None:
        self._sleep(max(0.01, min(seconds, self._patience.longest) / self.endpoints.scale))

    def _body(self, response: HttpResponse) -> dict[str, Json]:
        if not response.content:
            return {}
        try:
            body = response.json()
        except ValueError as exc:
            where = _path(str(response.request.url))
            raise ArmError(
                response.status_code, _GARBAGE, f"{where} answered something that is not JSON"
            ) from exc
        if not isinstance(body, dict):
            raise ArmError(response.status_code, _GARBAGE, "the answer is not an object")
        return body

    # -- long-running operations ---------------------------------------------------------------------------

    def _change(self, method: str, id: str, body: Mapping[str, Json], api_version: str) -> dict[str, Json]:
        response = self._send(method, self._url(id, api_version), body)
        return self._finish(response, id, api_version, method)

    def _finish(self, response: HttpResponse, id: str, api_version: str, method: str) -> dict[str, Json]:
        """Wait for the end as the answer says: operation URL, else Location, else provisioningState."""
        deadline = self._clock() + self._patience.operation / self.endpoints.scale
        operation = response.headers.get("Azure-AsyncOperation") or response.headers.get("Operation-Location")
        location = response.headers.get("Location")
        if operation:
            self._poll_operation(operation, response, id, deadline)
            if method in ("PUT", "PATCH"):
                return self._settled(self.get(id, api_version), id, api_version, deadline)
            return self._body(self._send("GET", location)) if location and method == "POST" else {}
        if response.status_code == 202 and location:
            final = self._poll_location(location, response, id, deadline)
            if method not in ("PUT", "PATCH"):
                return self._body(final)
            return self._settled(self.get(id, api_version), id, api_version, deadline)
        if response.status_code == 202 and method in ("PUT", "PATCH"):
            return self._settled(self.get(id, api_version), id, api_version, deadline)
        body = self._body(response)
        return self._settled(body, id, api_version, deadline) if method in ("PUT", "PATCH") else body

    def _poll_operation(self, url: str, first: HttpResponse, id: str, deadline: float) -> None:
        wait = _retry_after(first)
        while True:
            self._wait_or_give_up(wait, id, deadline, "the operation is still running")
            response = self._poll(url, id)
            body = self._body(response)
            # Some services leave `status` out and answer 200 or 204 when done (async-operations,
            # "Provisioning state").
            status = str(body.get("status") or ("InProgress" if response.status_code == 202 else "Succeeded"))
            if status.lower() in _DONE:
                if status.lower() != "succeeded":
                    error = body.get("error") or {}
                    raise ArmError(
                        response.status_code,
                        str(error.get("code") or f"Operation{status}"),
                        f"{id}: {error.get('message') or f'the operation ended as {status}'}",
                    )
                return
            wait = _retry_after(response)

    def _poll_location(self, url: str, first: HttpResponse, id: str, deadline: float) -> HttpResponse:
        response = first
        while response.status_code == 202:
            self._wait_or_give_up(_retry_after(response), id, deadline, "the operation is still running")
            response = self._poll(response.headers.get("Location") or url, id)
            url = response.headers.get("Location") or url
        return response

    def _poll(self, url: str, id: str) -> HttpResponse:
        try:
            return self._send("GET", url)
        except ArmError as exc:
            # The change was accepted; only the news of its end is lost. That is neither success nor failure.
            raise ArmError(
                exc.status, _NOT_TERMINAL, f"{id}: its operation cannot be followed ({exc})"
            ) from exc

    def _settled(self, body: dict[str, Json], id: str, api_version: str, deadline: float) -> dict[str, Json]:
        """`body` once its provisioningState is terminal: failed is an error, absent is settled."""
        while True:
            properties = body.get("properties")
            found = properties.get("provisioningState") if isinstance(properties, dict) else None
            state = str(found or "Succeeded")
            if state.lower() == "succeeded":
                return body
            if state.lower() in _DONE:
                raise ArmError(200, f"Provisioning{state}", f"{id}: its provisioningState is {state}")
            self._wait_or_give_up(None, id, deadline, f"its provisioningState is still {state}")
            body = self._body(self._poll(self._url(id, api_version), id))

    def _wait_or_give_up(self, wait: float | None, id: str, deadline: float, what: str) -> None:
        if self._clock() >= deadline:
            limit = f"{self._patience.operation:.0f} s"
            raise ArmError(202, _NOT_TERMINAL, f"{id}: {what} after {limit}; it may be half-changed")
        self._pause(self._patience.poll if wait is None else wait)


def transport(url: str, connections: int = CONNECTIONS) -> RequestsTransport:
    """A session that keeps as many connections as there are readers, and no retries but ours.

    A proxy of the operator's network does not know loopback, so a local cloud's address is dialled as it is.
    """
    session = Session()
    session.trust_env = url.startswith("https")
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0))
    return RequestsTransport(session=session)


def _auth(endpoints: Endpoints) -> Any:
    if endpoints.arm_token is not None:
        # azure-core refuses to send a bearer *token credential* over plain http, which the local cloud
        # speaks.
        return AzureKeyCredentialPolicy(
            AzureKeyCredential(endpoints.arm_token), "Authorization", prefix="Bearer"
        )
    from azure.identity import DefaultAzureCredential

    return ARMChallengeAuthenticationPolicy(DefaultAzureCredential(), f"{endpoints.arm_url}/.default")


def _array(response: HttpResponse) -> list[Json]:
    try:
        found: list[Json] = response.json()
    except ValueError as exc:
        raise ArmError(response.status_code, _GARBAGE, "the answer is not JSON") from exc
    return found


def _path(url: str) -> str:
    """The path of a URL: its query may carry a token of an operation, which no message needs."""
    return urlsplit(url).path


def _retry_after(response: HttpResponse) -> float | None:
    for header, unit in (("retry-after-ms", 1000.0), ("x-ms-retry-after-ms", 1000.0), ("Retry-After", 1.0)):
        text = response.headers.get(header)
        if text:
            with contextlib.suppress(ValueError):  # a date instead of seconds: our own pause does as well
                return max(0.0, float(text) / unit)
    return None


def _error(response: HttpResponse) -> ArmError:
    status = response.status_code
    try:
        body: Json = response.json()
    except ValueError:
        return ArmError(
            status, f"Http{status}", f"{_path(str(response.request.url))} answered {response.reason}"
        )
    error = body.get("error", body) if isinstance(body, dict) else {}
    error = error if isinstance(error, dict) else {}
    return ArmError(
        status,
        str(error.get("code") or error.get("Code") or f"Http{status}"),
        str(error.get("message") or error.get("Message") or response.reason),
    )


@contextlib.contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except ArmError as error:
        if not error.missing:
            raise
