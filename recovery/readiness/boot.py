"""What an instance fetches at its first boot, read from the init script that the program declares. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from recovery.readiness.model import UnseenError

DIGITS = 16
"""Of the script's digest, in the scale set's tag `cloud-init` (components/image_app/api.py)."""

_CONTENT = re.compile(r"^ +content: (\S+)$", re.M)
_URL = re.compile(r'^url = "https://([a-z0-9]{3,24})\.blob\.[a-z0-9.]+/([a-z0-9-]+)/([^"?]+)"$', re.M)
_WANTED = re.compile(r'^wanted = "([0-9a-f]{64})?" or ', re.M)
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Boot:
    """script: the digest that its tag has. account, container, name: of the archive. sha256: "" where the file beside
    the archive says it."""

    script: str
    account: str
    container: str
    name: str
    sha256: str


def boot(custom_data: str) -> Boot:
    """From the declared customData. Raises UnseenError where that is not the script that this project writes."""
    try:
        text = base64.b64decode(custom_data, validate=True).decode()
        parts = [base64.b64decode(one, validate=True).decode() for one in _CONTENT.findall(text)]
    except ValueError as error:
        raise UnseenError(f"the init script is no text: {error}") from error
    for part in parts:
        url, wanted = _URL.search(part), _WANTED.search(part)
        if url and wanted:
            digest = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
            return Boot(digest, url[1], url[2], url[3], wanted[1] or "")
    raise UnseenError("the program declares no init script that fetches an archive")


def said(data: bytes) -> str:
    """The digest that a .sha256 file names, "" for none: its first word, as the init script takes it."""
    words = data.decode(errors="replace").split()
    return words[0] if words and _DIGEST.fullmatch(words[0]) else ""
