"""The Cosmos `id` of a DynamoDB key: legal for any key, injective, and readable for ordinary ones (SYNC-3).

| part of the key | in the id |
|---|---|
| S | its text; all but ASCII letters, digits, ``-``, ``_`` and inner ``.`` as ``~`` + two hex digits a byte |
| N | ``=`` + its shortest decimal form, so that 1, 1.0 and 1E0, one key to DynamoDB, are one id |
| B | ``*`` + URL-safe Base64 without padding |
| both keys | joined by ``:`` |
| more than 1023 bytes | ``~h`` + the SHA-256 of the above in hex |
| `Keys.chunks`: S partition, whole N sort from 0 | the converter's own (`recovery.chunks.chunk_id`): 40 hex digits, ``-``, the index |

So chunk 0 of image ``cat-7.jpg`` is ``cat-7.jpg:=0``. Whoever writes a document in Azure gives it this id too,
else the next sync would add a second document for the same key. ASCII alone, because the service's own
connectors have had faults with other ids (https://learn.microsoft.com/azure/cosmos-db/concepts-limits).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery.chunks import chunk_id

MAX_ID_BYTES = 1023
_KEEP = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
_BYTES = {byte: f"~{byte:02X}" for byte in range(256) if byte not in _KEEP}
_TILDE = frozenset(b"~")
_INDEX = re.compile(r"0|[1-9][0-9]{0,20}")
_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Keys:
    """The table's key attributes; sort None for a table without one. image-app: ``Keys("imageId", "chunkIndex")``.

    chunks: ids are those that the converter in Azure gives, so that an image converted there again replaces the
    chunks that were brought from AWS instead of standing beside them. No such id has a ``:``, so it is never another's.
    """

    partition: str
    sort: str | None = None
    chunks: bool = False


def document_id(item: Mapping[str, Mapping[str, Any]], keys: Keys) -> str:
    """The id for an item (or for its key alone). KeyError or ValueError where the item has no such key."""
    if keys.sort is None:
        whole = part(item[keys.partition])
    else:
        image, index = item[keys.partition], item[keys.sort]
        if keys.chunks and "S" in image and _INDEX.fullmatch(whole := shortest(index.get("N", ""))):
            return chunk_id(image["S"], int(whole))
        whole = f"{part(image)}:{part(index)}"
    if len(whole) > MAX_ID_BYTES:
        return "~h" + hashlib.sha256(whole.encode()).hexdigest()
    return whole


def part(typed: Mapping[str, Any]) -> str:
    """One key value, encoded. No two values of any types share an encoding, but equal numbers."""
    (tag,) = typed
    raw = typed[tag]
    if raw.__class__ is not str or tag not in ("S", "N", "B"):
        raise ValueError(f"a key is S, N or B, not {tag}")
    if tag == "S":
        return _escaped(raw) or "~e"
    if tag == "N":
        if raw.isdecimal() and raw.isascii() and len(raw) <= 21 and (raw[0] != "0" or raw == "0"):
            return "=" + str(raw)  # the common case: already in its shortest form
        return "=" + _escaped(shortest(raw))
    try:
        content = base64.b64decode(raw, validate=True)
    except ValueError as exc:
        raise ValueError("a B key is not Base64") from exc
    return "*" + base64.urlsafe_b64encode(content).decode().rstrip("=")


def shortest(text: str) -> str:
    """A number's text in the one form all its spellings share: digits without outer zeros, and an exponent
    where there is one (``1200`` -> ``1200``, ``1.20E3`` -> ``1200``, ``1E30`` -> ``1E30``). Other text is kept."""
    found = _DECIMAL.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return text
    sign, whole, fraction, exponent = found[1], found[2], found[3] or "", int(found[4] or 0)
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    stripped = digits.rstrip("0")
    power = exponent - len(fraction) + len(digits) - len(stripped)
    minus = "-" if sign == "-" else ""
    if power >= 0 and len(stripped) + power <= 21:
        return minus + stripped + "0" * power
    if -21 <= power < 0:
        padded = stripped.rjust(-power + 1, "0")
        return f"{minus}{padded[:power]}.{padded[power:]}"
    return f"{minus}{stripped}E{power}"


def scalar(typed: Mapping[str, Any]) -> str:
    """A partition value that has no JSON form of its own, as the text that Cosmos partitions by."""
    return part(typed)


def _escaped(text: str) -> str:
    encoded = text.encode()
    odd = encoded.translate(None, _KEEP)  # what is left is to be escaped; for most keys nothing
    if odd:
        text = encoded.decode("latin-1")  # one character a byte
        if b"~" in odd:  # first, because it is what the others become
            text = text.replace("~", "~7E")
        for byte in set(odd) - _TILDE:
            text = text.replace(chr(byte), _BYTES[byte])
    return "~2E" + text[1:] if text[:1] == "." else text  # "." and ".." mean something in a URL
