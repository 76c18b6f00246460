"""Is a certificate fit for the site? What is offered is read and checked before anything is changed.

A private key passes through here and is never printed: `Offer` hides it, and no message holds a byte of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from recovery.errors import BadInput

if TYPE_CHECKING:
    from cryptography import x509

LEAST_DAYS = 30
"""READY-6: valid for more than this."""
_BEGIN = b"-----BEGIN"


@dataclass(frozen=True)
class Offer:
    """A certificate with its key and chain, as a file holds them. chain: after the leaf, in order."""

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: Any = field(repr=False)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Its DNS names, in order; a common name counts for nothing (RFC 9525)."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.get_values_for_type(x509.DNSName))


def missing_names(have: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The wanted names that none of these covers. A wildcard covers one label and never the apex (RFC 6125)."""
    lower = {n.lower() for n in have}
    return [
        name
        for name in wanted
        if name.lower() not in lower
        and (name.startswith("*.") or f"*.{name.lower().partition('.')[2]}" not in lower)
    ]


def self_signed(certificate: x509.Certificate) -> bool:
    """Issued by itself."""
    return certificate.issuer == certificate.subject


def read(data: bytes, password: str = "", key_data: bytes = b"") -> Offer:
    """A PFX, or PEM with leaf and chain, whose key stands in it or in key_data. Raises BadInput without the content."""
    try:
        return _pem(data, key_data, password) if _BEGIN in data else _pfx(data, password)
    except (ValueError, TypeError) as exc:
        # cryptography's own words may quote the input; only the kind of failure is told.
        raise BadInput(
            f"the file is no readable certificate with its key ({type(exc).__name__}; a wrong password, or no key in it)",
            "nothing was sent anywhere",
            "openssl pkcs12 -info -nokeys -in FILE    (or give the key: dr cert import CHAIN.pem --key KEY.pem)",
        ) from None


def _pfx(data: bytes, password: str) -> Offer:
    from cryptography.hazmat.primitives.serialization import pkcs12

    key, leaf, chain = pkcs12.load_key_and_certificates(data, password.encode() or None)
    if key is None or leaf is None:
        raise ValueError("key or certificate is missing")
    return _ordered(leaf, chain, key)


def _pem(data: bytes, key_data: bytes, password: str) -> Offer:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    certificates = x509.load_pem_x509_certificates(data)
    key = serialization.load_pem_private_key(key_data or data, password.encode() or None)
    mine = [c for c in certificates if c.public_key() == key.public_key()]
    leaf = mine[0] if mine else certificates[0]
    return _ordered(leaf, [c for c in certificates if c is not leaf], key)


def _ordered(leaf: x509.Certificate, others: Sequence[x509.Certificate], key: Any) -> Offer:
    chain, current, left = [], leaf, list(others)
    while not self_signed(current):
        found = next((c for c in left if c.subject == current.issuer), None)
        if found is None:
            break
        left.remove(found)
        chain.append(found)
        current = found
    return Offer(leaf, tuple(chain), key)


def problems(
    offer: Offer,
    names: Sequence[str],
    now: datetime,
    roots: Sequence[x509.Certificate],
    *,
    allow_self_signed: bool = False,
) -> list[str]:
    """Everything that is wrong with it for these names, a sentence each; nothing when it is fit.

    roots: the trusted ones. now: with a zone.
    """
    leaf, found = offer.leaf, []
    if offer.key.public_key() != leaf.public_key():
        found.append("the private key is not the certificate's: the gateway could not use it")
    if missing := missing_names(names_of(leaf), names):
        found.append(
            f"it does not name {', '.join(missing)} (it names {', '.join(names_of(leaf)) or 'nothing'})"
        )
    if leaf.not_valid_before_utc > now:
        found.append(f"it is valid only from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on")
    if leaf.not_valid_after_utc <= now + timedelta(days=LEAST_DAYS):
        left = (leaf.not_valid_after_utc - now).days
        found.append(f"it has {left} days left; more than {LEAST_DAYS} are wanted (READY-6)")
    if weak := _weak(leaf):
        found.append(weak)
    if self_signed(leaf):
        if not allow_self_signed:
            found.append("it is self-signed: browsers refuse it, and READY-6 does not take it")
    else:
        found += _chain(offer, now, roots)
    return found


def _weak(leaf: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return (
            "" if key.key_size >= 2048 else f"its RSA key has {key.key_size} bits; at least 2048 are wanted"
        )
    return "" if isinstance(key, ec.EllipticCurvePublicKey) else "its key is neither RSA nor elliptic curve"


def _chain(offer: Offer, now: datetime, roots: Sequence[x509.Certificate]) -> list[str]:
    """Each certificate is signed by the next, and the last by a trusted root (or is one)."""
    from cryptography.exceptions import InvalidSignature

    line = [offer.leaf, *offer.chain]
    for below, above in itertools.pairwise(line):
        try:
            below.verify_directly_issued_by(above)
        except (InvalidSignature, ValueError, TypeError):
            return [f"its chain is broken: {_name(below)} was not signed by {_name(above)}"]
    late = [c for c in offer.chain if not c.not_valid_before_utc <= now < c.not_valid_after_utc]
    if late:
        return [f"its chain is out of date: {_name(late[0])} until {late[0].not_valid_after_utc:%Y-%m-%d}"]
    last = line[-1]
    for root in roots:
        if root == last:
            return []
        if root.subject == last.issuer:
            try:
                last.verify_directly_issued_by(root)
            except (InvalidSignature, ValueError, TypeError):
                continue
            return []
    return [
        f"its chain ends at {_name(last)}, issued by {_issuer(last)}, whom nobody trusts (an intermediate is missing?)"
    ]


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "a certificate without a name"


def _issuer(certificate: x509.Certificate) -> str:
    return certificate.issuer.rfc4514_string()


def packed(offer: Offer, password: str) -> bytes:
    """The same as a PFX, as Key Vault hands it to the gateway. password: for the way there alone."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    chain = [c for c in offer.chain if not self_signed(c)]  # clients have the root, or do not trust it
    protection = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(b"site", offer.key, offer.leaf, chain or None, protection)
