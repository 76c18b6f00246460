"""Certificates of one Key Vault, by its data plane: what is there, and a first one when there is none.

Nothing here reads a secret or a key: a certificate's public part is all that anybody but the gateway needs.
Source: Key Vault REST reference, certificates, api-version 7.4.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clouds.azure.arm import ArmError
from clouds.azure.data_plane import endpoint_of
from clouds.endpoints import Endpoints
from recovery.model import Json

API_VERSION = "7.4"
SCOPE = "https://vault.azure.net/.default"


@dataclass(frozen=True)
class Certificate:
    """The newest version. names: its subject alternative names. self_signed: issued by itself."""

    name: str
    version: str
    names: tuple[str, ...]
    expires: datetime
    enabled: bool
    self_signed: bool
    secret_id: str

    def covers(self, host: str) -> bool:
        """By RFC 6125: a wildcard takes exactly one label; ``*.demay.com`` does not cover ``demay.com``."""
        wanted = host.lower().rstrip(".")
        parent = wanted.partition(".")[2]
        return any(
            n.lower() == wanted or (n.startswith("*.") and n[2:].lower() == parent) for n in self.names
        )


def parse(bundle: Mapping[str, Json]) -> Certificate:
    """A certificate bundle as the service answers it. Raises ValueError for one without a readable ``cer``."""
    from cryptography import x509

    found = x509.load_der_x509_certificate(base64.b64decode(str(bundle.get("cer") or "")))
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = tuple(names.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        hosts = ()
    *_, name, version = str(bundle.get("id") or "//").split("/")
    attributes = bundle.get("attributes") or {}
    return Certificate(
        name, version, hosts, found.not_valid_after_utc.astimezone(UTC), bool(attributes.get("enabled", True)),
        found.issuer == found.subject, str(bundle.get("sid") or ""),
    )  # fmt: skip


class Certificates:
    """The certificates of a vault. vault: its ARM body. Raises ArmError as Resource Manager's client does."""

    def __init__(self, vault: Mapping[str, Json], endpoints: Endpoints, timeout: float = 30.0) -> None:
        self.url = endpoint_of(vault, "vaultUri").rstrip("/")
        self._endpoints = endpoints
        self._timeout = timeout

    def get(self, name: str) -> Certificate | None:
        """The newest version, None when the vault says that there is none. Raises ArmError, ValueError."""
        try:
            return parse(self.call("GET", f"certificates/{name}"))
        except ArmError as error:
            if error.status == 404 and error.code == "CertificateNotFound":
                return None
            raise

    def create(self, name: str, names: Sequence[str]) -> None:
        """Ask for a self-signed one (12 months, RSA 2048, exportable as the gateway needs it). See `pending`."""
        policy = {
            "issuer": {"name": "Self"},
            "key_props": {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False},
            "secret_props": {"contentType": "application/x-pkcs12"},
            "x509_props": {
                "subject": f"CN={names[0]}", "sans": {"dns_names": list(names)}, "validity_months": 12,
                "key_usage": ["digitalSignature", "keyEncipherment"], "ekus": ["1.3.6.1.5.5.7.3.1"],
            },
            "lifetime_actions": [],
        }  # fmt: skip
        self.call("POST", f"certificates/{name}/create", {"policy": policy})

    def pending(self, name: str) -> tuple[str, str]:
        """(status, reason) of the newest request: inProgress, completed, failed or cancelled."""
        body = self.call("GET", f"certificates/{name}/pending")
        error = body.get("error") or {}
        return str(body.get("status") or "").lower(), str(
            error.get("message") or body.get("status_details") or ""
        )

    def call(self, method: str, path: str, body: Mapping[str, Json] | None = None) -> dict[str, Json]:
        """One request below the vault's address. Raises ArmError with the service's own code."""
        import httpx

        url = f"{self.url}/{path}?api-version={API_VERSION}"
        remote = url.startswith("https")  # a proxy of the operator's network does not know loopback
        try:
            answer = httpx.request(
                method, url, json=None if body is None else dict(body), timeout=self._timeout, trust_env=remote,
                headers={"Authorization": f"Bearer {self._token()}"},
            )  # fmt: skip
        except httpx.HTTPError as error:
            raise ArmError(
                0, "NoAnswer", f"{method} {self.url}/{path}: {type(error).__name__}: {error}"
            ) from error
        try:
            found: Any = answer.json() if answer.content else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ArmError(
                answer.status_code, "UnreadableAnswer", f"{self.url}/{path} answered no JSON object"
            )
        if answer.status_code >= 400:
            said = found.get("error") or {}
            inner = said.get("innererror") or {}
            code = str(inner.get("code") or said.get("code") or f"Http{answer.status_code}")
            raise ArmError(answer.status_code, code, str(said.get("message") or answer.reason_phrase))
        return found

    def _token(self) -> str:
        if self._endpoints.arm_token is not None:
            return self._endpoints.arm_token
        from azure.identity import DefaultAzureCredential

        with DefaultAzureCredential() as credential:
            return credential.get_token(SCOPE).token


def days_left(certificate: Certificate, now: datetime) -> int:
    """Whole days until it expires; negative when it has."""
    return (certificate.expires - now).days
