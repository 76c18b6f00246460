"""The settings of stack `source`: the primary's names, and whom its role trusts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.schema import FIELDS, SettingsError, checked
from components.settings import Source

KEYS = ("names.prefix", "sync.role", "monitoring.emails", "tags")


@dataclass(frozen=True)
class SourceSide:
    """account: AWS's, from the environment. tenant: Entra's, likewise. audience: of the token that the role trusts.

    standby: the stack whose sync identity the role trusts.
    """

    prefix: str
    source: Source
    role: str
    emails: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    account: str
    tenant: str
    audience: str
    standby: str = "standby"


def build(raw: Mapping[str, Any], environ: Mapping[str, str], file: str = "Pulumi.source.yaml") -> SourceSide:
    """From the stack's config and the environment. Raises SettingsError with every problem at once."""
    wrong = []
    for name, pattern, words in (
        ("AWS_ACCOUNT_ID", r"\d{12}", "twelve digits"),
        ("ARM_TENANT_ID", r"[0-9a-fA-F-]{36}", "an Entra tenant's id"),
        ("DR_FEDERATION_AUDIENCE", r"\S+", "the identifier URI of the Entra application"),
    ):
        if not re.fullmatch(pattern, environ.get(name, "")):
            wrong.append(
                f"{file}: {name} must be set in the environment: {words} (dr init writes it into its file)"
            )
    wanted = {k: FIELDS[k] for k in FIELDS if k in KEYS or k.startswith("source.")}
    v = checked(raw, file, wrong, wanted)
    if wrong:
        raise SettingsError(wrong)
    return SourceSide(
        v["names.prefix"],
        Source(
            v["source.region"], v["source.siteBucket"], v["source.uploadsBucket"], v["source.exportBucket"],
            v["source.table"], v["source.queue"], v["source.partitionKey"], v["source.sortKey"],
        ),
        v["sync.role"], tuple(v["monitoring.emails"]), tuple(sorted(v["tags"].items())), environ["AWS_ACCOUNT_ID"],
        environ["ARM_TENANT_ID"].lower(), environ["DR_FEDERATION_AUDIENCE"],
    )  # fmt: skip
