"""AWS policies and trust of a role, as IAM takes them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from recovery.permissions.model import Role
from recovery.sync.source import Source


def policy(role: Role, source: Source, account: str) -> dict[str, Any]:
    """The policy document. account: twelve digits."""
    names = {**asdict(source), "account": account}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": one.sid,
                "Effect": "Allow",
                "Action": list(one.actions),
                "Resource": [text.format(**names) for text in one.resources],
                **({"Condition": _condition(one.condition, names)} if one.condition else {}),
            }
            for one in role.aws
        ],
    }


def _condition(given: tuple[tuple[str, str, str], ...], names: dict[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for operator, key, value in given:
        found.setdefault(operator, {})[key] = value.format(**names)
    return found


def trust(account: str, tenant: str, audience: str, principal: str) -> dict[str, Any]:
    """Who may take the role: one Azure identity, by its token for one audience.

    audience: the Entra application's identifier URI. principal: the identity's object id, the token's subject.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
    """
    issuer = f"sts.windows.net/{tenant}/"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{issuer}"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {f"{issuer}:aud": audience, f"{issuer}:sub": principal}},
            }
        ],
    }
