"""What two fingerprints prove about two objects: equal, different, or nothing (SYNC-1, SYNC-2, BACK-2).

An S3 ETag is the MD5 of the bytes only after a single-part upload without KMS or customer keys, and a listing
does not say how an object was uploaded or encrypted
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html). So 32 hex digits that *differ* from an MD5
prove nothing, while 32 hex digits that *agree* with one cannot do so by accident. ``-N`` marks a multipart
upload: comparable only with the same ETag, or by reading the bytes in the same parts (`multipart_etag`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_HEX32 = re.compile(r"[0-9a-f]{32}")

STRONG = frozenset({"md5", "sha1", "sha256", "sha512", "crc64nvme"})
"""Whole-object checksums whose agreement proves equality against accidents (not against a forger: MD5, SHA-1
and CRC are no signatures). A CRC of 32 bits agrees by chance once in four thousand million pairs, too often
for a proof over millions of objects; its disagreement still proves a difference."""


class Proof(StrEnum):
    """What may be concluded. UNPROVEN is never counted as equal and never as a reason to delete."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is known of one object's bytes without reading them.

    size: bytes. etag: as listed, quotes allowed. etag_is_md5: known (from HEAD or the bucket's rules, never
    from its looks) to be a single-part upload without KMS or customer keys. checksums: algorithm (lower case)
    to lower-case hex, of the whole object only, never a composite of parts. source_etag: on a copy, the
    source's ETag at the time the copy was made and its bytes were proven.
    """

    size: int
    etag: str = ""
    etag_is_md5: bool = False
    checksums: Mapping[str, str] = field(default_factory=dict)
    source_etag: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A proof and the words for it."""

    proof: Proof
    reason: str


def compare(source: Fingerprint, target: Fingerprint) -> Evidence:
    """What the two fingerprints prove about the bytes behind them.

    Order matters: a content hash of the bytes as they are now beats the note that a copy carries.
    """
    if source.size != target.size:
        return Evidence(Proof.DIFFERENT, f"size {source.size} against {target.size} bytes")
    ours, theirs = hashes(source), hashes(target)
    shared = sorted(ours.keys() & theirs.keys())
    for name in shared:  # any disagreement decides, before any agreement is believed
        if ours[name] != theirs[name]:
            return Evidence(Proof.DIFFERENT, f"{name} differs")
    for name in shared:
        if name in STRONG:
            return Evidence(Proof.EQUAL, f"{name} agrees")
    for md5, etag in ((theirs.get("md5"), source.etag), (ours.get("md5"), target.etag)):
        if md5 and _bare(etag) == md5:
            return Evidence(Proof.EQUAL, "the ETag agrees with the other side's md5")
    if target.source_etag and source.etag:
        if _bare(target.source_etag) == _bare(source.etag):
            return Evidence(Proof.EQUAL, "the source still has the ETag that the proven copy was made from")
        return Evidence(Proof.UNPROVEN, "the source was written again since the copy was made")
    if source.source_etag and target.etag and _bare(source.source_etag) == _bare(target.etag):
        # The way back: what lies in the source is itself the proven copy of what still lies in the target.
        return Evidence(Proof.EQUAL, "the target still has the ETag that the source was copied from")
    if "-" in _bare(source.etag):
        return Evidence(Proof.UNPROVEN, "a multipart ETag is no hash of the bytes")
    return Evidence(Proof.UNPROVEN, "no hash that both sides know")


def hashes(fingerprint: Fingerprint) -> dict[str, str]:
    """The whole-object hashes that are really known, the ETag among them only where it is known to be one."""
    known = {name.lower(): value.lower() for name, value in fingerprint.checksums.items() if value}
    etag = _bare(fingerprint.etag)
    if fingerprint.etag_is_md5 and _HEX32.fullmatch(etag):
        known.setdefault("md5", etag)
    return known


def hex_of_base64(value: str) -> str:
    """Azure's Content-MD5 and S3's checksum headers (Base64) as lower-case hex; "" when it is not Base64."""
    try:
        return base64.b64decode(value, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""


def multipart_etag(part_md5s: Iterable[bytes]) -> str:
    """The ETag S3 gives a multipart upload whose parts have these MD5 digests (16 raw bytes each).

    For a reader that has the bytes and knows the part size: the one way to check such an ETag.
    """
    parts = list(part_md5s)
    return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"').lower()
