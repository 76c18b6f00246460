"""AWS without a key: an Azure identity's token is exchanged for the sync's role, and again before it expires (SYNC-5).

Where AWS_ROLE_ARN and DR_FEDERATION_AUDIENCE are set (the sync's own workloads), nothing else is asked for credentials.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

SESSION = "standby-sync"


def federated(environ: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """(role, audience) where both are named, else None: then boto3's own chain decides."""
    role, audience = environ.get("AWS_ROLE_ARN", ""), environ.get("DR_FEDERATION_AUDIENCE", "")
    named = role and audience and not environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    return (role, audience) if named else None


def azure_token(audience: str) -> str:
    """The identity's token for that audience. Raises azure-core's errors."""
    from azure.identity import DefaultAzureCredential

    with DefaultAzureCredential() as credential:
        return credential.get_token(f"{audience}/.default").token


def session(role: str, audience: str, token: Callable[[str], str] = azure_token) -> Any:
    """A boto3 session whose credentials are the role's, fetched when first needed and renewed by themselves."""
    import boto3
    import botocore.session
    from botocore.credentials import (
        AssumeRoleWithWebIdentityCredentialFetcher,
        DeferredRefreshableCredentials,
    )

    made = botocore.session.get_session()
    fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
        client_creator=made.create_client, web_identity_token_loader=lambda: token(audience), role_arn=role,
        extra_args={"RoleSessionName": SESSION},
    )  # fmt: skip
    made._credentials = DeferredRefreshableCredentials(
        method="assume-role-with-web-identity", refresh_using=fetcher.fetch_credentials
    )
    return boto3.Session(botocore_session=made)
