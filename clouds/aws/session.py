"""boto3 clients for AWS, or for the endpoint that stands for it: the default credential chain, or a local server's throw-away keys."""

from __future__ import annotations

from functools import cache
from typing import Any

POOL = 64


@cache
def client(service: str, region: str, aws_url: str | None = None) -> Any:  # boto3 clients have no static type
    """A client that retries throttling adaptively and gives up on a dead AWS within seconds, not minutes.

    With AWS gone every call would otherwise hang for its 60 s default: the 3 a.m. run must learn it quickly (ACT-2).
    """
    from botocore.config import Config

    local = {"endpoint_url": aws_url} if aws_url else {}
    config = Config(
        signature_version="s3v4" if service == "s3" else None,
        connect_timeout=3,
        read_timeout=30,
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=POOL,
        s3={"addressing_style": "path"} if aws_url else {},
        tcp_keepalive=True,
    )
    return _session(aws_url).client(service, region_name=region, config=config, **local)


def credentials(aws_url: str | None = None) -> Any:
    """What the clients sign with at this moment; a session's are renewed before they end."""
    return _session(aws_url).get_credentials().get_frozen_credentials()


@cache
def _session(aws_url: str | None) -> Any:
    import boto3

    if aws_url:
        return boto3.Session(aws_access_key_id="local", aws_secret_access_key="local-only")  # noqa: S106 - throw-away
    from clouds.aws import federation

    named = federation.federated()
    return federation.session(*named) if named else boto3.Session()
