"""The tool's own image: what goes into it, and the tag that follows from that."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

REPOSITORY = "standby"
FILES = (
    "Dockerfile",
    "requirements-image.lock",
    "pyproject.toml",
    "__main__.py",
    "Pulumi.yaml",
    "Pulumi.*.yaml",
)
FOLDERS = ("components", "recovery", "clouds", "scripts", "localcloud")
LEFT_OUT = re.compile(r"(^|/)(__pycache__|node_modules)(/|$)|\.(pyc|so|env)$")
"""Never in the context: caches, and files that may hold somebody's settings."""


def wanted(names: Iterable[str]) -> list[str]:
    """Of a project's files (relative, with /) those that go into the image, sorted."""
    patterns = [re.compile(re.escape(f).replace(r"\*", "[^/]*")) for f in FILES]
    return sorted(
        name
        for name in names
        if not LEFT_OUT.search(name)
        and (name.partition("/")[0] in FOLDERS or any(p.fullmatch(name) for p in patterns))
    )


def tag(contents: Mapping[str, bytes], subscription: str) -> str:
    """The tag: the same contents for the same subscription give the same one, so that nothing is built twice."""
    digest = hashlib.sha256(subscription.lower().encode())
    for name in sorted(contents):
        digest.update(f"\0{name}\0{len(contents[name])}\0".encode() + contents[name])
    return digest.hexdigest()[:16]


def copied(dockerfile: str) -> list[str]:
    """What a Dockerfile copies from its context, as written."""
    found: list[str] = []
    for line in re.findall(r"(?mi)^COPY\s+(.+)$", dockerfile):
        if not line.lower().startswith("--from"):
            found += line.split()[:-1]
    return found
