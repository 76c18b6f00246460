"""What travels beside an object's bytes, spelt as each cloud wants it, and back without loss (SYNC-1, SYNC-2).

S3 user metadata names may hold any header character and come back in lower case; Azure's must be C# identifiers
(https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata).
So a name is carried in an alphabet both accept: letters and digits stay, every other character becomes ``_xx``
(its UTF-8 bytes in hex). Values are carried percent-encoded when they are not printable ASCII. Names that begin with
``OURS`` are this tool's own and never reach the other side as user metadata.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

OURS = "standby0"
SOURCE_ETAG = "standby0etag"
"""On a copy: the source's ETag when its bytes were proven."""
SOURCE_WRITTEN = "standby0written"
"""On a copy: the time of the source's write, epoch seconds with microseconds."""
SOURCE_MD5 = "standby0md5"
"""On a copy in S3: hex MD5 of the bytes (Azure has Content-MD5 for it)."""

_NAME = re.compile(r"[A-Za-z0-9]")
_PLAIN = re.compile(r"[\x21-\x24\x26-\x7e](?:[\x20-\x24\x26-\x7e]*[\x21-\x24\x26-\x7e])?")


@dataclass(frozen=True, slots=True)
class Headers:
    """What a client sees beside the bytes. Empty strings mean absent. metadata: the user's own, lower-case names."""

    content_type: str = ""
    cache_control: str = ""
    content_encoding: str = ""
    content_language: str = ""
    content_disposition: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def azure_name(name: str) -> str:
    """A user metadata name as an Azure identifier. Reversible: `s3_name(azure_name(n)) == n.lower()`."""
    out = "".join(c if _NAME.match(c) else "".join(f"_{b:02x}" for b in c.encode()) for c in name.lower())
    return f"m{out}" if not out or out[0].isdigit() or out[0] in "_m" else out


def s3_name(name: str) -> str:
    """The inverse of `azure_name`."""
    body = name[1:] if name[:1] == "m" else name
    raw = re.sub(rb"_([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), body.lower().encode())
    return raw.decode("utf-8", "replace")


def azure_value(value: str) -> str:
    """A metadata value that survives an HTTP header. Reversible by `s3_value`."""
    return value if not value or _PLAIN.fullmatch(value) else quote(value, safe="")


def s3_value(value: str) -> str:
    """The inverse of `azure_value`."""
    return unquote(value) if "%" in value else value


def to_azure(headers: Headers) -> dict[str, str]:
    """User metadata as Azure wants it (names without the ``x-ms-meta-`` prefix)."""
    return {
        azure_name(k): azure_value(v) for k, v in headers.metadata.items() if not k.lower().startswith(OURS)
    }


def from_azure(metadata: Mapping[str, str]) -> dict[str, str]:
    """User metadata back from Azure's spelling; our own entries left out."""
    return {s3_name(k): s3_value(v) for k, v in metadata.items() if not k.lower().startswith(OURS)}
