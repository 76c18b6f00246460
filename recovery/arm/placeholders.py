"""Values that only the cloud knows, carried through the desired state as text and resolved from live bodies.

A placeholder names the resource and the property it stands for (`recovery.model.PLACEHOLDER`); it may lie
inside a longer string (a URL with an address in it). Collections are addressed by position
(``properties.ipRules.0.value``), names with a dot in them cannot be addressed and are not needed. ``|host`` at
the end takes the host (and port) out of a URL: the one thing a program does to such a value but join it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from recovery.model import PLACEHOLDER, Json

_PATTERN = re.compile(r"⟦([^#⟦⟧]+)#([^⟦⟧|]+)(\|host)?⟧")


@dataclass(frozen=True)
class Unresolved:
    """Stands where a placeholder could not be resolved: the live resource or the property is not there."""

    id: str
    path: str


Lookup = Callable[[str], Mapping[str, Json] | None]
"""Live body by ARM id (any case), or None when it is missing or could not be read."""


def placeholder(id: str, path: str) -> str:
    """The text that stands for property `path` (dotted, of the ARM body) of the live resource `id`."""
    return PLACEHOLDER.format(id=id, path=path)


def stack_id(stack: str) -> str:
    """The id that stands for another stack, whose outputs a program reads."""
    return f"/stack/{stack}"


def references(value: Json) -> Iterator[tuple[str, str]]:
    """Every (id, path) that `value` waits for, at any depth."""
    if isinstance(value, str):
        yield from ((id, path) for id, path, _ in _PATTERN.findall(value))
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from references(child)


def resolve(value: Json, lookup: Lookup) -> Json:
    """`value` with every placeholder replaced from live bodies.

    A string that is one placeholder takes the property's own type; a placeholder inside a longer string is
    put in as text. What cannot be resolved becomes an `Unresolved`, so that nobody mistakes it for a value.
    """
    if isinstance(value, str):
        return _text(value, lookup)
    if isinstance(value, Mapping):
        return {key: resolve(child, lookup) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(child, lookup) for child in value]
    return value


def _text(text: str, lookup: Lookup) -> Json:
    if "⟦" not in text:
        return text
    whole = _PATTERN.fullmatch(text)
    if whole:
        return _property(whole, lookup)
    missing: list[Unresolved] = []

    def put(match: re.Match[str]) -> str:
        found = _property(match, lookup)
        if isinstance(found, Unresolved):
            missing.append(found)
            return match[0]
        return str(found)

    filled = _PATTERN.sub(put, text)
    return missing[0] if missing else filled


def _property(match: re.Match[str], lookup: Lookup) -> Json:
    id, path, host = match.groups()
    found: Json = lookup(id)
    for part in path.split("."):
        if isinstance(found, Mapping):
            wanted = part.lower()
            found = next((v for k, v in found.items() if str(k).lower() == wanted), None)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            found = None
    if found is None:
        return Unresolved(id, path)
    return str(found).partition("://")[2].partition("/")[0] if host else found
