"""The blob and document adapters where there is no answer: unknown is a verdict, and errors have three parts."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator

import pytest

from clouds.azure.blobs import Blobs
from clouds.azure.data_plane import endpoint_of, reading, writing
from clouds.azure.documents import Documents
from clouds.endpoints import Endpoints
from recovery.errors import Failed, Unobserved

KEY = base64.b64encode(b"k" * 32).decode()
LOCAL = Endpoints(storage_key=KEY, cosmos_key=KEY)


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A loopback URL that refuses connections: its port is taken but nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_an_account_without_an_endpoint_is_unknown_and_not_guessed() -> None:
    """Endpoints come from ARM, never from guessing (docs/architecture.md)."""
    with pytest.raises(Unobserved, match=r"primaryEndpoints\.blob"):
        Blobs({"name": "stx", "properties": {}}, LOCAL)
    with pytest.raises(Unobserved, match="documentEndpoint"):
        Documents({"name": "cosmos"}, LOCAL, "db", "images")
    assert endpoint_of(
        {"properties": {"primaryEndpoints": {"blob": "https://x/"}}}, "primaryEndpoints", "blob"
    )


@pytest.mark.parametrize(
    ("status", "says", "retry"),
    [(403, "denied", False), (401, "denied", False), (503, "503", True), (None, "no answer", True)],
)
def test_an_sdk_error_becomes_ours_once_and_says_whether_trying_again_helps(
    status: int | None, says: str, retry: bool
) -> None:
    """A denied or failed read is unobserved, never missing; a write is failed."""
    from azure.core.exceptions import HttpResponseError, ServiceRequestError

    error = ServiceRequestError("refused") if status is None else HttpResponseError("no")
    if isinstance(error, HttpResponseError):
        error.status_code = status
    for manager, kind in ((reading, Unobserved), (writing, Failed)):
        with pytest.raises(kind, match=says) as caught, manager("looking at x"):
            raise error
        assert caught.value.retry is retry
        assert caught.value.__cause__ is error


def test_a_storage_account_that_does_not_answer_is_unobserved(nowhere: str) -> None:
    """No connection proves nothing about the blob."""
    blobs = Blobs(
        {"name": "stx", "properties": {"primaryEndpoints": {"blob": f"{nowhere}/stx/"}}}, LOCAL, patience=0
    )
    with pytest.raises(Unobserved, match="no answer"):
        blobs.stat("uploads", "a.jpg")
    with pytest.raises(Failed):
        blobs.put("uploads", "a.jpg", b"")
    blobs.close()
