"""What the blob service says of an account's website, and what is no such answer."""

from __future__ import annotations

import pytest

from clouds.azure.arm import ArmError
from clouds.azure.static_website import LARGEST, BlobWebsite, read_properties
from clouds.endpoints import Endpoints
from tests.clouds.azure.http_script import Answer, cloud, error

HEAD = '<?xml version="1.0" encoding="utf-8"?><StorageServiceProperties>'
TAIL = "</StorageServiceProperties>"
ON = "<StaticWebsite><Enabled>true</Enabled><IndexDocument>index.html</IndexDocument><ErrorDocument404Path>404.html</ErrorDocument404Path></StaticWebsite>"
OFF = {"enabled": False, "index": None, "error": None}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (f"\ufeff{HEAD}{ON}{TAIL}", {"enabled": True, "index": "index.html", "error": "404.html"}),
        (f"{HEAD}<StaticWebsite><Enabled>false</Enabled></StaticWebsite>{TAIL}", OFF),
        (f"{HEAD}{TAIL}", OFF),
    ],
)
def test_the_website_is_read_as_the_service_says_it(text: str, seen: dict[str, object]) -> None:
    assert read_properties(text, "https://site") == seen


@pytest.mark.parametrize(
    "text",
    [
        "<html>a proxy's page</html>",
        "not XML",
        f"{HEAD}<StaticWebsite><Enabled>maybe</Enabled></StaticWebsite>{TAIL}",
        "",
        f'<!DOCTYPE a [<!ENTITY b "c">]>{HEAD}{ON}{TAIL}',
        f"{HEAD}{ON}{' ' * LARGEST}{TAIL}",
    ],
)
def test_anything_else_is_no_answer_and_never_a_website_that_is_off(text: str) -> None:
    with pytest.raises(ArmError, match="UnreadableAnswer"):
        read_properties(text, "https://site")


def read_from(answer: Answer) -> dict[str, object]:
    with cloud() as door:
        door.on("GET /site", answer)
        door.on("GET /site/", answer)
        return dict(BlobWebsite(Endpoints(storage_key="a2V5")).read(f"{door.url}/site"))


def test_the_blob_door_is_asked_once_and_its_answer_is_read() -> None:
    assert read_from(Answer(200, f"{HEAD}{ON}{TAIL}"))["index"] == "index.html"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"\xff\xfe not text"),
        Answer(200, b" " * (20 * LARGEST)),
        Answer(200, "<html>a proxy's page</html>"),
        error(403, "AuthorizationFailure"),
    ],
)
def test_a_door_that_says_something_else_ends_no_run(answer: Answer) -> None:
    """Unknown is a verdict: the reader keeps ArmError alone."""
    with pytest.raises(ArmError):
        read_from(answer)
