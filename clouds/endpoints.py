"""Where the clouds are: Azure's public endpoints, or a local cloud's, from one file named by DR_ENDPOINTS."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recovery.errors import BadInput

LOCAL_SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Resolver:
    """A caching DNS resolver that stands for what the public sees."""

    name: str
    address: str
    port: int = 53


PUBLIC_RESOLVERS = (
    Resolver("Google", "8.8.8.8"),
    Resolver("Cloudflare", "1.1.1.1"),
    Resolver("OpenDNS", "208.67.222.222"),
)


@dataclass(frozen=True)
class Endpoints:
    """Everything that differs between Azure and the local cloud.

    arm_url / arm_token: Resource Manager (token None means DefaultAzureCredential).
    scale: simulated seconds per real second (1 against Azure). Waits are divided by it.
    edge: public address -> "host:port" that really answers for it (empty against Azure: addresses are dialled).
    control_url: the local cloud's own control API (None against Azure).
    storage_key / cosmos_key: the emulators' keys (None against Azure: identities only).
    aws_url: one endpoint for all AWS services (None: AWS's own).
    graph_url: Microsoft Graph (None: its public address).
    tls: public address -> "host:port" that answers TLS for it (empty against Azure). ca_file: the roots that clients
    of this cloud trust (None: the machine's own). parent: a server of the zone's parent zone (None: found by asking).
    """

    name: str = "azure"
    arm_url: str = "https://management.azure.com"
    arm_token: str | None = None
    subscription: str = ""
    tenant: str = ""
    scale: float = 1.0
    edge: Mapping[str, str] = field(default_factory=dict)
    resolvers: tuple[Resolver, ...] = PUBLIC_RESOLVERS
    authority: Resolver | None = None
    control_url: str | None = None
    storage_key: str | None = None
    cosmos_key: str | None = None
    aws_url: str | None = None
    graph_url: str | None = None
    tls: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | None = None
    parent: Resolver | None = None

    def dial(self, address: str, port: int) -> tuple[str, int]:
        """Where to connect for a public address: itself, or the local server that stands for it."""
        return self._dial(self.edge, address, port)

    def dial_tls(self, address: str) -> tuple[str, int]:
        """The same for a TLS handshake on port 443."""
        return self._dial(self.tls, address, 443)

    @staticmethod
    def _dial(doors: Mapping[str, str], address: str, port: int) -> tuple[str, int]:
        target = doors.get(address)
        if target is None:
            return address, port
        host, _, local_port = target.rpartition(":")
        return host, int(local_port)


def load(environ: Mapping[str, str] = os.environ) -> Endpoints:
    """The endpoints in force. Raises BadInput when DR_ENDPOINTS names a file that cannot be read."""
    path = environ.get("DR_ENDPOINTS")
    if not path:
        return Endpoints(
            subscription=environ.get("ARM_SUBSCRIPTION_ID", ""), tenant=environ.get("ARM_TENANT_ID", "")
        )
    try:
        raw = json.loads(Path(path).read_text())
    except (OSError, ValueError) as exc:
        raise BadInput(
            f"DR_ENDPOINTS names {path}, which cannot be read: {exc}",
            "without it this command does not know which cloud it would touch",
            "dr local up    (or: unset DR_ENDPOINTS)",
        ) from exc
    resolvers = tuple(Resolver(**r) for r in raw.pop("resolvers", []))
    authority, parent = (
        Resolver(**r) if (r := raw.pop(name, None)) else None for name in ("authority", "parent")
    )
    return Endpoints(resolvers=resolvers, authority=authority, parent=parent, **raw)
