"""A certificate by ACME (RFC 8555) with DNS-01, by the library that certbot is made of.

The account is made for this one certificate and kept nowhere: there is no key to guard, and a CA ties no right to it
beyond the order. The certificate's key is made here, and goes nowhere but to the vault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from recovery.certificates import Offer, read
from recovery.errors import Failed, Stopped

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
MINUTES = 10


def obtain(
    names: Sequence[str],
    answered: Callable[[Sequence[str]], AbstractContextManager[None]],
    *,
    directory: str = LETS_ENCRYPT,
    email: str = "",
    ca_file: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Offer:
    """A certificate for these names (the first is the subject). answered: puts the TXT values where the CA looks, for
    as long as it is entered. Raises Failed or Stopped with the CA's own words."""
    from acme import client, errors, messages
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from josepy.jwk import JWKRSA
    from requests.exceptions import RequestException

    account = JWKRSA(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    verify: Any = str(ca_file) if ca_file else True  # requests takes a file as well as yes or no
    network = client.ClientNetwork(account, user_agent="standby-dr", verify_ssl=verify)
    try:
        acme = client.ClientV2(client.ClientV2.get_directory(directory, network), network)
        acme.new_account(
            messages.NewRegistration.from_data(email=email or None, terms_of_service_agreed=True)
        )
        order = acme.new_order(_request(key, names))
        say(f"{directory}: an order for {', '.join(names)}")
        challenges = [_dns01(authorization) for authorization in order.authorizations]
        values = [body.chall.validation(account) for body in challenges]
        with answered(values):
            for body in challenges:
                acme.answer_challenge(body, body.chall.response(account))
            deadline = datetime.now() + timedelta(minutes=MINUTES)
            done = acme.poll_and_finalize(order, deadline)
    except errors.ValidationError as error:
        said = "; ".join(_why(one) for one in error.failed_authzrs)
        raise Failed(
            f"the CA did not accept the challenge: {said}", "the certificate that is there stays, until it expires",
            "dr status    (is the zone delegated to Azure, and does no CAA record forbid this CA?), then: dr cert renew", retry=True,
        ) from error  # fmt: skip
    except (errors.Error, messages.Error, RequestException) as error:
        raise Failed(
            f"{directory}: {type(error).__name__}: {str(error)[:300]}", "the certificate that is there stays, until it expires",
            "dr cert renew    (again; --staging tries without counting against the CA's limits)", retry=True,
        ) from error  # fmt: skip
    return read(done.fullchain_pem.encode(), key_data=pem)


def _request(key: Any, names: Sequence[str]) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    listed = x509.SubjectAlternativeName([x509.DNSName(n) for n in names])
    return (
        builder.add_extension(listed, critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def _dns01(authorization: Any) -> Any:
    from acme import challenges

    for body in authorization.body.challenges:
        if isinstance(body.chall, challenges.DNS01):
            return body
    raise Stopped(
        f"the CA offers no DNS-01 challenge for {authorization.body.identifier.value}",
        "a wildcard can be proven in no other way", "dr cert renew --directory URL    (of a CA that does)",
    )  # fmt: skip


def _why(authorization: Any) -> str:
    name = authorization.body.identifier.value
    said = [str(c.error.detail) for c in authorization.body.challenges if getattr(c, "error", None)]
    return f"{name}: {'; '.join(said) or 'no reason given'}"
