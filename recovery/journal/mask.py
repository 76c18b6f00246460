"""Secrets never reach the journal: masked by type, by the name of their key, and where they hide in URLs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from recovery.model import REDACTED, Json

_NAMES = re.compile(
    r"passw(or)?d|passphrase|secret|token|credential|authorization|cookie|signature|apikey|accesskey"
    r"|accountkey|sharedkey|privatekey|masterkey|storagekey|cosmoskey|connectionstring|saskey|sasurl|webhook"
)
_EXACT = frozenset({"pwd", "sas", "sig", "auth", "psk"})
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_QUERY = re.compile(
    r"(?i)(?:\b(sig|signature|x-amz-signature|x-amz-security-token|x-amz-credential|awsaccesskeyid)"
    r"|(?<=[?&])(token|code|key))=[^&\s\"']+"
)
_PAIRS = re.compile(r"(?i)\b(accountkey|sharedaccesskey|sharedaccesssignature|password|pwd)=[^;\s\"']+")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}")


class Secret(str):
    """A string that is a secret wherever it goes: printing, formatting and the journal show `REDACTED`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(REDACTED)

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return format(REDACTED, spec)

    def reveal(self) -> str:
        """The secret itself, for the one call that needs it."""
        return str.__str__(self)


def masked(value: Json) -> Json:
    """A copy of a JSON-shaped value without secrets. Values that JSON cannot hold become their text."""
    if isinstance(value, Secret):
        return REDACTED
    if isinstance(value, str):
        return _masked_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no form for it
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {_masked_text(str(name)): _under(str(name), held) for name, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        members = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [masked(member) for member in members]
    return _masked_text(str(value))


def _under(name: str, value: Json) -> Json:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if value not in (None, "", True, False) and (plain in _EXACT or _NAMES.search(plain)):
        return REDACTED
    return masked(value)


def _masked_text(text: str) -> str:
    text = _USERINFO.sub(REDACTED, text)
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair has no place in a file
    text = _QUERY.sub(lambda found: f"{found[1] or found[2]}={REDACTED}", text)
    text = _PAIRS.sub(lambda found: f"{found[1]}={REDACTED}", text)
    return _BEARER.sub(lambda found: f"{found[1]} {REDACTED}", text)
