"""The site's certificate on the real side: what the vault holds, what the gateway is bound to and really serves."""

from __future__ import annotations

import base64
import secrets
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clouds.azure.arm import Arm, ArmError
from clouds.azure.role_ready import RoleReady, fix_of
from clouds.azure.vaults import Certificate, Certificates, days_left
from clouds.endpoints import Endpoints
from clouds.gates.world import version
from recovery.certificates import LEAST_DAYS, Offer, missing_names, packed
from recovery.errors import BadInput, Failed, Unobserved
from recovery.model import Desired


@dataclass(frozen=True)
class Place:
    """Where it is declared. names: apex and wildcard. gateway, address: ARM ids."""

    vault: str
    name: str
    names: tuple[str, ...]
    gateway: str
    address: str

    @classmethod
    def of(cls, wanted: Sequence[Desired]) -> Place:
        """From the program. Raises BadInput where it declares none (a certificate of one's own is set by its id)."""
        declared = next((d for d in wanted if d.type.endswith(":VaultCertificate")), None)
        by_type = {d.arm_type: d.id for d in wanted}
        if declared is None:
            raise BadInput(
                "the program declares no certificate", "one that lives elsewhere is looked after elsewhere",
                "dr desired -s standby    (gateway.certificateSecretId names another vault?)",
            )  # fmt: skip
        props = declared.inputs
        return cls(
            str(props["vaultId"]), str(props["certificateName"]), tuple(map(str, props["names"])),
            by_type.get("Microsoft.Network/applicationGateways", ""), by_type.get("Microsoft.Network/publicIPAddresses", ""),
        )  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What was observed. bound: the gateway's secret id is this certificate's, without a version; None: not known.
    served: the served leaf is the newest version; None: the gateway's TLS did not answer. refused: why a client would
    refuse what is served, "" when it would not. reasons: why something is not known."""

    newest: Certificate | None
    issuer: str
    days: int
    bound: bool | None
    served: bool | None
    reasons: tuple[str, ...] = ()
    refused: str = ""

    def findings(self, names: Sequence[str]) -> list[str]:
        """What keeps it from passing READY-6, a sentence each."""
        if self.newest is None:
            return ["there is no certificate: the gateway's HTTPS listeners are disabled"]
        found = []
        if self.newest.self_signed:
            found.append("it is self-signed: browsers refuse it, and READY-6 does not take it")
        if not self.newest.enabled:
            found.append("it is disabled: the gateway cannot read it")
        if self.days <= LEAST_DAYS:
            found.append(f"it has {self.days} days left; more than {LEAST_DAYS} are wanted")
        if missing := missing_names(self.newest.names, names):
            found.append(f"it does not name {', '.join(missing)}")
        if self.bound is False:
            found.append("the gateway is bound to another secret, or to one version of it")
        if self.served is False:
            found.append("the gateway still serves an older version (it looks every 4 hours)")
        if self.refused and not self.newest.self_signed:
            found.append(f"clients refuse what the gateway serves: {self.refused}")
        return found


class SiteCertificate:
    """Looks and imports. Nothing here reads a secret or a key."""

    def __init__(self, arm: Arm, place: Place) -> None:
        self._arm, self.place = arm, place

    def vault(self) -> Certificates:
        """The vault's data plane. Raises Unobserved."""
        try:
            return Certificates(
                self._arm.get(self.place.vault, version("keyvault:Vault")), self._arm.endpoints
            )
        except ArmError as error:
            raise Unobserved(
                f"the vault cannot be read: {error}", "what certificate the site has is not known",
                fix_of(error, "dr doctor    (has the standby been built? dr up -s standby --first-build)"), retry=True,
            ) from error  # fmt: skip

    def look(self, now: datetime) -> Seen:
        """Everything about it, now. Raises Unobserved when the vault does not say."""
        vault = self.vault()
        try:
            newest = vault.get(self.place.name)
            raw = vault.call("GET", f"certificates/{self.place.name}") if newest else {}
        except (ArmError, ValueError) as error:
            raise Unobserved(
                f"the certificate cannot be read: {error}", "its days, names and issuer are not known",
                "dr doctor    (Microsoft.KeyVault/vaults/certificates/read)", retry=True,
            ) from error  # fmt: skip
        if newest is None:
            return Seen(None, "", 0, None, None)
        leaf = base64.b64decode(str(raw.get("cer") or ""))
        bound, why_bound = self._bound(newest)
        served, refused, why_served = self._served(leaf)
        reasons = tuple(r for r in (why_bound, why_served) if r)
        return Seen(newest, _issuer(leaf), days_left(newest, now), bound, served, reasons, refused)

    def _bound(self, newest: Certificate) -> tuple[bool | None, str]:
        try:
            body = self._arm.get(self.place.gateway, version("network:ApplicationGateway"))
        except ArmError as error:
            return None, f"the gateway cannot be read: {error}"
        versionless = newest.secret_id.rpartition("/")[0].lower()
        ids = [
            str((one.get("properties") or {}).get("keyVaultSecretId") or "").rstrip("/").lower()
            for one in (body.get("properties") or {}).get("sslCertificates") or []
        ]
        return (
            versionless in ids,
            "" if versionless in ids else f"the gateway has {', '.join(ids) or 'no certificate'}",
        )

    def _served(self, leaf: bytes) -> tuple[bool | None, str, str]:
        """(is it what the gateway shows, why a client refuses that, why it is not known), as any client meets it."""
        try:
            body = self._arm.get(self.place.address, version("network:PublicIPAddress"))
        except ArmError as error:
            return None, "", f"the gateway's address cannot be read: {error}"
        address = str((body.get("properties") or {}).get("ipAddress") or "")
        host = next(n for n in (*self.place.names, "") if not n.startswith("*."))
        try:
            shown, refused = served_leaf(address, host, self._arm.endpoints)
        except OSError as error:
            return None, "", f"TLS to {address} for {host}: {type(error).__name__}: {error}"
        return shown == leaf, refused, ""

    def put_in(self, offer: Offer, now: datetime, say: Any, renewal: str = "") -> Certificate:
        """A new version under the same name, read back by its public part. Raises Failed, Unobserved.

        renewal: what got it and can get the next one (tag ``renewal``; readiness asks whether anything can).
        """
        vault, password = self.vault(), secrets.token_urlsafe(24)
        body = {
            "value": base64.b64encode(packed(offer, password)).decode(),
            "pwd": password,
            "policy": {
                "issuer": {"name": "Unknown"}, "key_props": {"exportable": True, "kty": _kind(offer)},
                "secret_props": {"contentType": "application/x-pkcs12"},
            },
            "tags": {"renewal": renewal} if renewal else {},
        }  # fmt: skip
        try:
            RoleReady(self._arm.endpoints.scale, say=say)(
                "importing the certificate",
                lambda: vault.call("POST", f"certificates/{self.place.name}/import", body),
                "operator",
            )
            newest = vault.get(self.place.name)
        except (ArmError, ValueError) as error:
            raise Failed(
                f"the vault did not take the certificate: {error}", "the one that is there stays, until it expires",
                "dr doctor    (Microsoft.KeyVault/vaults/certificates/import/action)", retry=True,
            ) from error  # fmt: skip
        wanted = offer.leaf.not_valid_after_utc
        if newest is None or newest.expires != wanted:
            raise Failed(
                f"the newest version of {self.place.name} is not the one that was imported",
                "somebody else may have put one in at the same moment", "dr cert status",
            )  # fmt: skip
        return newest


def served_leaf(address: str, host: str, endpoints: Endpoints, timeout: float = 3.0) -> tuple[bytes, str]:
    """(the certificate shown at an address for a name, DER; why a client refuses it, "" when it does not).

    Asked a second time without verification where it is refused: it is looked at then, not trusted. Raises OSError.
    """
    refused = ""
    try:
        return _shown(
            address, host, endpoints, ssl.create_default_context(cafile=endpoints.ca_file), timeout
        ), ""
    except ssl.SSLCertVerificationError as error:
        refused = error.verify_message or str(error)
    loose = ssl.create_default_context()
    loose.check_hostname, loose.verify_mode = False, ssl.CERT_NONE
    return _shown(address, host, endpoints, loose, timeout), refused


def _shown(address: str, host: str, endpoints: Endpoints, context: ssl.SSLContext, timeout: float) -> bytes:
    with (
        socket.create_connection(endpoints.dial_tls(address), timeout) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        found = wrapped.getpeercert(binary_form=True)
    if not found:
        raise OSError("no certificate was shown")
    return found


def trusted_roots(own: Sequence[bytes] = ()) -> list[Any]:
    """The roots that browsers trust (certifi's list), and PEM files of one's own."""
    from pathlib import Path

    import certifi
    from cryptography import x509

    found = _roots(Path(certifi.where()).read_bytes())
    for data in own:
        found += x509.load_pem_x509_certificates(data)
    return found


def _roots(bundle: bytes) -> list[Any]:
    """A bundle's certificates, without those that break RFC 5280 (old roots whose serial number is zero): no chain of
    today ends there, and cryptography is going to refuse them."""
    import warnings

    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    end, found = b"-----END CERTIFICATE-----", []
    with warnings.catch_warnings():
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        for block in bundle.split(end)[:-1]:
            try:
                found.append(x509.load_pem_x509_certificate(block[block.index(b"-----BEGIN") :] + end))
            except (ValueError, CryptographyDeprecationWarning):
                continue
    return found


def _issuer(leaf: bytes) -> str:
    from cryptography import x509

    return x509.load_der_x509_certificate(leaf).issuer.rfc4514_string()


def _kind(offer: Offer) -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return "RSA" if isinstance(offer.leaf.public_key(), rsa.RSAPublicKey) else "EC"


def summary(seen: Seen) -> Mapping[str, Any]:
    """For `--format json`."""
    newest = seen.newest
    return {
        "version": newest.version if newest else None, "names": list(newest.names) if newest else [],
        "expires": newest.expires.isoformat() if newest else None, "days": seen.days if newest else None,
        "issuer": seen.issuer, "selfSigned": newest.self_signed if newest else None, "bound": seen.bound,
        "served": seen.served, "refused": seen.refused, "unknown": list(seen.reasons),
    }  # fmt: skip
