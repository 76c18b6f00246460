"""One resource: what the program declares against what ARM answers.

One generic rule instead of one per type (facts of the wire, tried on some 780 published request/response
pairs of 95 services): a declared key is looked up on the same level of the live body, else under its
``properties``, without case and punctuation; only what is declared is compared; a declared false, null or
empty value equals an absent one, any other declared value that does not come back is a difference. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from recovery.arm.placeholders import Unresolved
from recovery.drift import lists
from recovery.drift.normalizers import Keys, canonical_id, fold, same
from recovery.drift.secrets import is_masked, is_password, is_secret, is_switch, masked, says_it_is_secret
from recovery.model import REDACTED, Json


class Kind(StrEnum):
    """How a property differs."""

    CHANGED = "changed"
    ABSENT = "absent"  # declared, not in the live body
    EXTRA = "extra"  # an element of a declared list that nobody declared
    UNKNOWN = "unknown"  # the declared value itself is not known (it depends on another live resource)


@dataclass(frozen=True)
class Difference:
    """One property. path: dotted ARM names, list elements by their name in brackets, else by position."""

    path: str
    want: Json
    have: Json
    kind: Kind
    depends_on: str = ""  # for UNKNOWN: the id of the resource that should have known


CREATION_ONLY: Mapping[str, str] = {
    "createmode": "default",  # Cosmos, SQL, PostgreSQL: how it was made; a GET omits it
}
"""Properties that say how a resource comes to be, with the value that says nothing: absent is no difference."""

ANSWERED_AS: Mapping[str, str] = {
    "endpointurl": "endpointbaseurl",  # Event Grid: write-only, its base is read-only (2025-02-15)
}
"""Write-only properties with the read-only one that the service answers in their place."""

ABSENT = object()
"""Stands for a property that the live body does not have (null is a value of its own only in JSON's opinion)."""


def compare(want: Mapping[str, Json], have: Mapping[str, Json]) -> list[Difference]:
    """The differences between a declared body (nested as ARM has it, or flat) and the live one."""
    return list(_objects("", (), want, have))


def _objects(
    path: str, keys: Keys, want: Mapping[str, Json], have: Mapping[str, Json]
) -> Iterator[Difference]:
    secret = says_it_is_secret(want)
    for key, value in want.items():
        name = fold(str(key))
        below = (*keys, "secretvalue" if secret and name == "value" else name)
        best: list[Difference] | None = None
        for name, found in _look_up(have, str(key), flat=not isinstance(want.get("properties"), Mapping)):
            seen = list(_values(f"{path}.{name}" if path else name, below, value, found))
            if best is None or len(seen) < len(best):
                best = seen
        yield from best or ()


def _look_up(have: Mapping[str, Json], key: str, *, flat: bool) -> list[tuple[str, Json]]:
    """Where the live body has `key`, by its own name for it (``properties.`` before it where it lies there).

    Flat inputs may mean either level where both have the name (`type` of a resource, `type` of its kind);
    whoever writes ``properties`` says which.
    """
    levels = ((have, ""), (have.get("properties"), "properties."))
    found = [place for level, prefix in levels if (place := _named(level, prefix, key)) is not None]
    if found:
        return found if flat else found[:1]
    if key == "properties" and not isinstance(have.get("properties"), Mapping):
        return [(key, have)]  # some services answer the properties unwrapped
    for level, prefix in levels:
        if (place := _named(level, prefix, ANSWERED_AS.get(fold(key), ""))) is not None:
            return [(prefix + key, place[1])]
    return [(key, ABSENT)]


def _named(level: Json, prefix: str, key: str) -> tuple[str, Json] | None:
    if not isinstance(level, Mapping) or not key:
        return None
    if level.get(key) is not None:
        return prefix + key, level[key]
    folded = fold(key)
    for name, value in level.items():
        if value is not None and fold(str(name)) == folded:
            return f"{prefix}{name}", value
    return None


def _values(path: str, keys: Keys, want: Json, have: Json) -> Iterator[Difference]:
    if have is None:
        have = ABSENT
    if want is None or want == REDACTED or (is_password(keys, want) and not is_switch(have)):
        return
    if isinstance(want, Unresolved):
        yield Difference(path, None, None if have is ABSENT else masked(keys, have), Kind.UNKNOWN, want.id)
    elif isinstance(want, Mapping):
        yield from _objects(path, keys, want, have if isinstance(have, Mapping) else {})
    elif isinstance(want, list):
        yield from _lists(path, keys, want, have)
    elif have is ABSENT:
        silent = want is False or want == "" or CREATION_ONLY.get(keys[-1]) == str(want).lower()
        if not silent and not is_secret(keys, want):
            yield Difference(path, masked(keys, want), None, Kind.ABSENT)
    elif is_secret(keys, want):
        if not is_masked(have) and same(keys, want, have) is None:
            yield Difference(path, REDACTED, REDACTED, Kind.CHANGED)
    elif same(keys, want, have) is None:
        yield Difference(path, masked(keys, want), masked(keys, have), Kind.CHANGED)


def _lists(path: str, keys: Keys, want: list[Json], have: Json) -> Iterator[Difference]:
    if isinstance(have, Mapping) and all(isinstance(item, str) for item in want):
        # A list of ids that ARM keeps as a map from id to details: identity.userAssignedIdentities.
        known = {canonical_id(str(id)) for id in have}
        for id in want:
            if canonical_id(id) not in known:
                yield Difference(f"{path}[{id}]", id, None, Kind.ABSENT)
        return
    live = have if isinstance(have, list) else []
    matched = lists.match(want, live, lambda a, b: sum(1 for _ in _values("", keys, a, b)))
    for pair in matched.pairs:
        yield from _values(f"{path}[{pair.label}]", keys, pair.want, pair.have if pair.found else ABSENT)
    for label, extra in matched.extras:
        yield Difference(f"{path}[{label}]", None, masked(keys, extra), Kind.EXTRA)
