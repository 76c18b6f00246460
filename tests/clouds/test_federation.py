"""AWS by the token of an Azure identity: no key, renewed by itself, and only where both ends are named (SYNC-5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from clouds.aws import federation

ROLE, AUDIENCE = "arn:aws:iam::123456789012:role/demay-dr-sync", "api://app-1"


@pytest.fixture(scope="module")
def sts() -> Iterator[str]:
    """Something that answers as STS does."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, False),
        ({"AWS_ROLE_ARN": ROLE}, False),
        ({"DR_FEDERATION_AUDIENCE": AUDIENCE}, False),
        ({"AWS_ROLE_ARN": ROLE, "DR_FEDERATION_AUDIENCE": AUDIENCE}, True),
        (
            {"AWS_ROLE_ARN": ROLE, "DR_FEDERATION_AUDIENCE": AUDIENCE, "AWS_WEB_IDENTITY_TOKEN_FILE": "/t"},
            False,
        ),
    ],
)
def test_an_azure_token_is_used_where_role_and_audience_are_named(
    environment: dict[str, str], named: bool
) -> None:
    """A person's own shell, a file that somebody else renews: boto3's chain stays in charge."""
    assert federation.federated(environment) == ((ROLE, AUDIENCE) if named else None)


def test_the_role_is_taken_with_the_identitys_token_and_no_key(
    sts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", sts)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    asked: list[str] = []

    def token(audience: str) -> str:
        asked.append(audience)
        return "header.payload.signature"

    made = federation.session(ROLE, AUDIENCE, token)
    assert asked == [], "nobody is asked before a credential is needed"
    who = made.client("sts").get_caller_identity()
    assert asked == [AUDIENCE]
    assert who["Arn"] == "arn:aws:sts::123456789012:assumed-role/demay-dr-sync/standby-sync"
    made.client("s3").list_buckets()
    assert asked == [AUDIENCE], "the session's credentials are kept until they end"
