"""A person's word on a run, signed: an approval, a refusal, a pause, an abort. Verified before it counts.

Locally each person has an Ed25519 key (RFC 8032); only the public half stands in the run's first record. In Azure the
word is proven by the platform instead: who wrote the blob is known to Entra, and the run's first record holds the
object id (``entra:OBJECT_ID``) that the writer must have.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from recovery.model import Json
from recovery.runbook import events as ev
from recovery.runbook.events import Event
from recovery.runbook.roles import Role

KINDS = ("yes", "no", "glass", "pause", "resume", "abort", "skip", "retry", "draft")


@dataclass(frozen=True)
class Word:
    """What somebody says about a run.

    kind: see KINDS. key: of the question (yes, no, glass), the step (skip, retry), or what is drafted, else "". shown: the sentence
    that the person saw. at: epoch seconds by the person's own clock, kept as evidence only.
    """

    run: str
    kind: str
    identity: str
    key: str = ""
    role: str = ""
    shown: str = ""
    reason: str = ""
    at: float = 0.0

    def payload(self) -> bytes:
        """What is signed: one canonical text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @property
    def name(self) -> str:
        """A name for its file: the same word has the same name, so that sending twice is harmless."""
        return f"{self.run}/{self.kind}-{hashlib.sha256(self.payload()).hexdigest()[:24]}.json"


def sign(word: Word, private: bytes) -> bytes:
    """The signed word as a file's content. private: the raw 32 bytes."""
    signature = Ed25519PrivateKey.from_private_bytes(private).sign(word.payload())
    return json.dumps(asdict(word) | {"signature": base64.b64encode(signature).decode()}).encode()


def unsigned(word: Word) -> bytes:
    """A word that its place vouches for."""
    return json.dumps(asdict(word)).encode()


def public_of(private: bytes) -> str:
    """The public half, as it stands in settings: ``ed25519:BASE64``."""
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return "ed25519:" + base64.b64encode(public).decode()


def new_key() -> bytes:
    """A fresh private key, raw."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def read(data: bytes, run: str, verifiers: Mapping[str, str], writer: str = "") -> tuple[Word | None, str]:
    """The word in a file when it is provably the identity's own, else None and the reason.

    writer: the Entra object id that the place vouches for ("" when it vouches for nobody).
    """
    try:
        raw: Any = json.loads(data)
        if not isinstance(raw, dict):
            return None, "not a word"
        signature = base64.b64decode(str(raw.pop("signature", "")), validate=True)
        names = {one.name for one in fields(Word)}
        word = Word(**{name: value for name, value in raw.items() if name in names})
        payload = word.payload()
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        return None, f"not a word: {type(error).__name__}"
    if word.run != run:
        return None, f"it speaks of run {word.run}"
    if word.kind not in KINDS:
        return None, f"{word.kind!r} is nothing that can be said"
    proof = verifiers.get(word.identity)
    if proof is None:
        return None, f"{word.identity} is not a person of this run"
    if proof.startswith("entra:"):
        good = bool(writer) and proof.removeprefix("entra:").lower() == writer.lower()
        return (word, "") if good else (None, f"it was not written by {word.identity}'s account")
    try:
        key = Ed25519PublicKey.from_public_bytes(
            base64.b64decode(proof.removeprefix("ed25519:"), validate=True)
        )
        key.verify(signature, payload)
    except (InvalidSignature, ValueError, binascii.Error):
        return None, f"its signature is not {word.identity}'s"
    return word, ""


def event_of(word: Word, now: float) -> Event | str:
    """The machine's event of a word, or why there is none. now: epoch seconds by the executor's clock."""
    try:
        role = Role(word.role) if word.role else None
    except ValueError:
        return f"{word.role!r} is no role"
    if word.kind in ("yes", "no", "glass") and role is None:
        return "an answer is given in a role"
    if word.kind in ("yes", "no") and role is not None:
        return ev.Answered(word.key, role, word.identity, word.kind == "yes", word.shown, now)
    if word.kind == "glass" and role is not None:
        return ev.BrokeGlass(word.key, role, word.identity, word.reason, now)
    if word.kind == "pause":
        return ev.Paused(word.identity, word.reason, now)
    if word.kind == "resume":
        return ev.Resumed(word.identity, now)
    if word.kind == "abort":
        return ev.Aborted(word.identity, word.reason, now)
    if word.kind == "draft":
        return "a draft is a text, and moves nothing"
    if word.kind == "skip":
        return ev.Skipped(word.key, word.identity, word.reason, now)
    return ev.Retried(word.key, word.identity, now)


def document(word: Word) -> dict[str, Json]:
    """For the journal."""
    return asdict(word)
