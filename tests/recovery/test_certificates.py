"""READY-6: a certificate is checked before it is put in: names, key, dates, chain; its key is never shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from recovery.certificates import Offer, missing_names, packed, problems, read
from recovery.errors import BadInput

NAMES = ("demay.com", "*.demay.com")
NOW = datetime.now(UTC)


class Authority(NamedTuple):
    certificate: x509.Certificate
    key: Any


def _signed(
    subject: str,
    key: Any,
    by: Authority | None,
    *,
    names: tuple[str, ...] = (),
    days: float = 90,
    begins: float = -1,
    ca: bool = False,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(by.certificate.subject if by else name)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=begins)).not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )  # fmt: skip
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
        )
    return builder.sign(by.key if by else key, hashes.SHA256())


def authority(name: str, by: Authority | None = None, **more: Any) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(_signed(name, key, by, ca=True, days=more.pop("days", 900), **more), key)


def issued(
    by: Authority, names: tuple[str, ...] = NAMES, chain: tuple[Authority, ...] = (), **more: Any
) -> Offer:
    key = more.pop("key", None) or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Offer(_signed("site", key, by, names=names, **more), tuple(a.certificate for a in chain), key)


ROOT = authority("root")
MIDDLE = authority("middle", ROOT)
ROOTS = [ROOT.certificate]
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def wrong(offer: Offer, **more: Any) -> str:
    return "; ".join(problems(offer, NAMES, NOW, ROOTS, **more))


def test_a_whole_certificate_is_fit() -> None:
    assert wrong(issued(MIDDLE, chain=(MIDDLE,), key=EC_KEY)) == ""
    assert wrong(issued(ROOT, key=EC_KEY)) == ""


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        (issued(MIDDLE, chain=(MIDDLE,), key=EC_KEY, names=("*.demay.com",)), "does not name demay.com"),
        (issued(MIDDLE, chain=(MIDDLE,), key=EC_KEY, names=("demay.com", "www.demay.com")), r"does not name \*.demay.com"),
        (issued(MIDDLE, chain=(MIDDLE,), key=EC_KEY, days=30), r"29 days left|30 days left"),
        (issued(MIDDLE, chain=(MIDDLE,), key=EC_KEY, days=-0.5), "days left"),
        (issued(MIDDLE, chain=(MIDDLE,), key=EC_KEY, begins=1), "valid only from"),
        (issued(MIDDLE, key=EC_KEY), "an intermediate is missing"),
        (issued(authority("stranger"), key=EC_KEY), "nobody trusts"),
        (issued(authority("root"), key=EC_KEY), "nobody trusts"),
        (issued(authority("late", ROOT, days=-0.5, begins=-9), chain=(authority("late", ROOT, days=-0.5, begins=-9),), key=EC_KEY), "broken"),
        (Offer(issued(ROOT, key=EC_KEY).leaf, (), ec.generate_private_key(ec.SECP256R1())), "private key is not the certificate's"),
        (issued(ROOT, key=rsa.generate_private_key(public_exponent=65537, key_size=1024)), "1024 bits"),  # noqa: S505  the weak one is what is refused
    ],
)  # fmt: skip
def test_each_fault_is_named(offer: Offer, words: str) -> None:
    import re

    assert re.search(words, wrong(offer)), wrong(offer)


def test_an_intermediate_that_has_expired_is_named() -> None:
    late = authority("late", ROOT, days=-0.5, begins=-9)
    assert "out of date" in wrong(issued(late, chain=(late,), key=EC_KEY))


def test_a_self_signed_one_does_not_pass_and_a_trial_may_say_so() -> None:
    own = Offer(_signed("demay.com", EC_KEY, None, names=NAMES), (), EC_KEY)
    assert "self-signed" in wrong(own)
    assert wrong(own, allow_self_signed=True) == ""


def test_every_fault_is_told_at_once() -> None:
    assert len(problems(issued(MIDDLE, ("x.com",), key=EC_KEY, days=1), NAMES, NOW, ROOTS)) == 3


def _pem(*parts: Any) -> bytes:
    return b"".join(p.public_bytes(serialization.Encoding.PEM) for p in parts)


def _key(key: Any, password: bytes = b"") -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_pem_is_read_in_any_order_and_a_pfx_too(order: tuple[int, ...]) -> None:
    offer = issued(MIDDLE, chain=(MIDDLE,), key=EC_KEY)
    certificates = (offer.leaf, MIDDLE.certificate, ROOT.certificate)
    data = _pem(*(certificates[i] for i in order))
    for found in (
        read(data + _key(EC_KEY)),
        read(data, "pw", _key(EC_KEY, b"pw")),
        read(packed(offer, "x"), "x"),
    ):
        assert found.leaf == offer.leaf and found.chain[0] == MIDDLE.certificate
        assert wrong(found) == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n",
        _pem(ROOT.certificate),
    ],
)
def test_what_cannot_be_read_changes_nothing_and_is_not_quoted(data: bytes) -> None:
    with pytest.raises(BadInput, match="no readable certificate") as refused:
        read(data)
    assert "nonsense" not in str(refused.value)


def test_a_wrong_password_is_told_and_the_password_is_not() -> None:
    with pytest.raises(BadInput) as refused:
        read(packed(issued(ROOT, key=EC_KEY), "right"), "canary-wrong")
    assert "canary" not in str(refused.value)


def test_the_key_stands_in_no_representation() -> None:
    offer = issued(ROOT, key=EC_KEY)
    assert "key" not in repr(offer).lower().replace("public_key", "")


def test_the_root_is_left_out_of_what_the_gateway_sends() -> None:
    offer = issued(MIDDLE, chain=(MIDDLE, ROOT), key=EC_KEY)
    assert list(read(packed(offer, "x"), "x").chain) == [MIDDLE.certificate]


_LABEL = st.from_regex(r"[a-z]{1,5}", fullmatch=True)


@given(_LABEL, _LABEL)
def test_a_wildcard_covers_one_label_and_never_the_apex_nor_itself_less_exactly(
    host: str, domain: str
) -> None:
    """Facts: ``*.demay.com`` does not cover ``demay.com``."""
    apex = f"{domain}.com"
    assert missing_names([f"*.{apex}"], [f"{host}.{apex}", f"*.{apex}"]) == []
    assert missing_names([f"*.{apex}"], [apex, f"a.{host}.{apex}"]) == [apex, f"a.{host}.{apex}"]
    assert missing_names([f"{host}.{apex}"], [f"*.{apex}"]) == [f"*.{apex}"]
