"""Stack files while Pulumi's CLI runs on a local cloud: what it writes into them there is taken out again.

A passphrase needs a salt, and the CLI keeps it in the stack file: it writes one whenever it meets a file without (and
the whole file anew with it). On a local cloud that salt is worth nothing, and the file is tracked. A local cloud sets
``PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER``, with which the CLI takes the salt from the checkpoint instead: so the file
can be put back after every command. Measured with 3.260: even then it writes the salt it found.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from recovery.model import Json

FALLBACK = "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER"
PULUMIS_OWN = ("encryptionsalt", "secretsprovider", "encryptedkey")
"""Keys of a stack file that belong to one backend and one passphrase."""


@contextlib.contextmanager
def kept(root: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """Where the checkpoint holds the salt, put back each stack file in which nothing but Pulumi's own keys changed."""
    if environ.get(FALLBACK, "").lower() not in ("1", "true"):
        yield
        return
    before = {path: path.read_bytes() for path in sorted(root.glob("Pulumi.*.yaml"))}
    try:
        yield
    finally:
        for path, data in before.items():
            with contextlib.suppress(OSError):
                now = path.read_bytes()
                if now != data and settings(now) == settings(data) is not None:
                    part = path.with_name(f".{path.name}.part")
                    part.write_bytes(data)
                    part.chmod(path.stat().st_mode & 0o777)
                    part.replace(path)


def settings(data: bytes) -> Json:
    """What a stack file says, without Pulumi's own keys; None for what is no stack file."""
    yaml = importlib.import_module("yaml")  # comes with pulumi; its types do not
    try:
        found = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    return {k: v for k, v in found.items() if k not in PULUMIS_OWN} if isinstance(found, dict) else None


def salted(root: Path) -> list[str]:
    """Names of the stack files that hold a passphrase's salt."""
    return [
        p.name for p in sorted(root.glob("Pulumi.*.yaml")) if b"\nencryptionsalt:" in b"\n" + p.read_bytes()
    ]
