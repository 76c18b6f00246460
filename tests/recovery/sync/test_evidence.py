"""What fingerprints prove (SYNC-2; facts.md: an S3 ETag is an MD5 only sometimes)."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.sync.evidence import Fingerprint, Proof, compare, hashes, hex_of_base64, multipart_etag


def md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


MD5 = md5(b"photograph").hex()
OTHER = md5(b"photograp!").hex()
F = Fingerprint

TABLE = {
    "only the sizes differ": (F(1, checksums={"md5": MD5}), F(2, checksums={"md5": MD5}), "different"),
    "md5 on both sides agrees": (F(9, checksums={"md5": MD5}), F(9, checksums={"md5": MD5}), "equal"),
    "md5 on both sides differs": (F(9, checksums={"md5": MD5}), F(9, checksums={"md5": OTHER}), "different"),
    "an etag known to be an md5 agrees": (F(9, MD5, True), F(9, checksums={"md5": MD5}), "equal"),
    "an etag known to be an md5 differs": (F(9, OTHER, True), F(9, checksums={"md5": MD5}), "different"),
    "32 hex digits that agree with the md5": (F(9, f'"{MD5}"'), F(9, checksums={"md5": MD5}), "equal"),
    "32 hex digits that differ (KMS?)": (F(9, OTHER), F(9, checksums={"md5": MD5}), "unproven"),
    "the copy's etag agrees (reverse)": (F(9, checksums={"md5": MD5}), F(9, MD5), "equal"),
    "multipart": (F(9, f"{MD5}-3"), F(9, checksums={"md5": MD5}), "unproven"),
    "multipart, the copy remembers it": (F(9, f'"{MD5}-3"'), F(9, "0x8DC", source_etag=f"{MD5}-3"), "equal"),
    "the source was written since": (F(9, f"{OTHER}-3"), F(9, "0x8DC", source_etag=f"{MD5}-3"), "unproven"),
    "a differing hash beats the copy's note": (
        F(9, MD5, True), F(9, checksums={"md5": OTHER}, source_etag=MD5), "different",
    ),
    "one hash agrees, another differs": (
        F(9, checksums={"md5": MD5, "sha256": "aa"}),
        F(9, checksums={"md5": MD5, "sha256": "bb"}),
        "different",
    ),
    "crc32 agrees": (F(9, checksums={"crc32": "0102"}), F(9, checksums={"crc32": "0102"}), "unproven"),
    "crc32 differs": (F(9, checksums={"crc32": "0102"}), F(9, checksums={"crc32": "0103"}), "different"),
    "nothing is known": (F(9), F(9), "unproven"),
    "an azure etag is opaque": (F(9, "0x8DC"), F(9, "0x8DC"), "unproven"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "target", "proof"), TABLE.values(), ids=TABLE.keys())
def test_fingerprints_prove_no_more_than_they_can(
    source: Fingerprint, target: Fingerprint, proof: str
) -> None:
    """SYNC-2: equal, different or unproven; unproven is never equal."""
    found = compare(source, target)
    assert found.proof == proof, found.reason
    assert found.reason


@given(st.binary(max_size=64), st.binary(max_size=64), st.booleans(), st.booleans())
@settings(deadline=None)
def test_what_is_called_equal_or_different_is_so(
    ours: bytes, theirs: bytes, kms: bool, multipart: bool
) -> None:
    """SYNC-2: with ETags as S3 really makes them, no verdict contradicts the bytes."""
    etag = md5(ours).hex()
    if kms:
        etag = hashlib.sha256(b"kms" + ours).hexdigest()[:32]
    if multipart:
        etag = multipart_etag([md5(ours)])
    source = Fingerprint(len(ours), f'"{etag}"', etag_is_md5=not kms and not multipart)
    target = Fingerprint(len(theirs), "0x1", checksums={"md5": md5(theirs).hex()})
    proof = compare(source, target).proof
    assert proof is Proof.UNPROVEN or (proof is Proof.EQUAL) == (ours == theirs)


def test_an_etag_is_no_hash_by_its_looks_alone() -> None:
    """facts.md, Data: 32 hex digits prove nothing."""
    assert hashes(Fingerprint(1, MD5)) == {}
    assert hashes(Fingerprint(1, f"{MD5}-2", etag_is_md5=True)) == {}
    assert hashes(Fingerprint(1, MD5, etag_is_md5=True)) == {"md5": MD5}


def test_a_multipart_etag_is_the_md5_of_the_parts_md5s() -> None:
    """The ETag of two parts, worked out by hand with another library call."""
    first, second = md5(b"a" * 5), md5(b"b")
    assert multipart_etag([first, second]) == md5(first + second).hex() + "-2"


def test_base64_hashes_become_hex_and_rubbish_becomes_nothing() -> None:
    """Azure's Content-MD5 is Base64, S3's ETag hex."""
    assert hex_of_base64(base64.b64encode(bytes.fromhex(MD5)).decode()) == MD5
    assert hex_of_base64("not base64!") == ""
