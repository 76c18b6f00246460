"""What to PUT: the live body with the declared values in it. Pure.

ARM's PUT replaces the whole resource, so what nobody declared must be sent back as it was read (read, modify,
write). A declared list is authoritative, as it is for the drift check: its elements keep what the service
filled in, and an element that nobody declared is left out, which removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from recovery.arm.placeholders import Unresolved
from recovery.drift import lists
from recovery.drift.compare import compare
from recovery.drift.normalizers import fold
from recovery.model import REDACTED, Json

READ_ONLY = frozenset(
    {"etag", "systemdata", "provisioningstate", "resourceguid", "createdtime", "changedtime"}
)
"""Keys (folded) that a service fills in and refuses or ignores when they are sent: an etag in a body makes
some services answer 412 once the resource has changed."""

_TOP_ONLY = frozenset({"id", "name", "type"})
"""In the URL already. Inside a body they identify elements of lists, and stay."""


def merge(live: Mapping[str, Json], want: Mapping[str, Json]) -> dict[str, Json]:
    """The body to PUT over `live` so that `want` holds; `compare(want, merge(live, want))` finds nothing.

    Redacted secrets are left as they are (a value that was never known cannot be sent).
    """
    base = {k: v for k, v in live.items() if fold(str(k)) not in _TOP_ONLY}
    own = f"{str(live.get('id') or '').lower()}/"
    return cast(dict[str, Json], _strip(_merge(base, want, own)))


def _back_reference(value: Json, own: str) -> bool:
    """Does the service say here which of the resource's own parts point at this one? (A listener's rules.)

    Such lists are read-only everywhere in Microsoft.Network, and grow stale when they are sent back.
    """
    return (
        own != "/"
        and isinstance(value, list)
        and bool(value)
        and all(
            isinstance(v, Mapping) and set(v) == {"id"} and str(v["id"]).lower().startswith(own)
            for v in value
        )
    )


def _undeclared(value: Json, own: str) -> Json:
    """What is sent back of an object that nobody declared. Lists stay whole: they may be somebody's own parts."""
    if not isinstance(value, Mapping):
        return value
    return {k: _undeclared(v, own) for k, v in value.items() if not _back_reference(v, own)}


def _merge(have: Json, want: Json, own: str) -> Json:
    if isinstance(want, Mapping):
        return _objects(have if isinstance(have, Mapping) else {}, want, own)
    if isinstance(want, list):
        if isinstance(have, Mapping) and all(isinstance(item, str) for item in want):
            # identity.userAssignedIdentities: declared as a list of ids, kept by ARM as a map.
            return {id: {} for id in want}
        live = have if isinstance(have, list) else []
        matched = lists.match(want, live, _distance)
        return [_merge(pair.have if pair.found else None, pair.want, own) for pair in matched.pairs]
    return have if want == REDACTED else want


def _distance(want: Json, have: Json) -> int:
    return len(compare({"x": want}, {"x": have}))


def _objects(have: Mapping[str, Json], want: Mapping[str, Json], own: str) -> dict[str, Json]:
    declared = {fold(str(k)) for k in want}
    merged = {k: v if fold(str(k)) in declared else _undeclared(v, own) for k, v in have.items()
              if fold(str(k)) in declared or not _back_reference(v, own)}  # fmt: skip
    names = {fold(str(k)): k for k in have}
    inner = have.get("properties")
    inner_names = {fold(str(k)): k for k in inner} if isinstance(inner, Mapping) else {}
    for key, value in want.items():
        folded = fold(str(key))
        if value == REDACTED and folded not in names:
            continue
        if folded in names:
            name = names[folded]
            merged[name] = _merge(have[name], value, own)
        elif folded in inner_names and isinstance(inner, Mapping):
            # Declared flat, kept by ARM one level lower.
            name = inner_names[folded]
            merged["properties"] = {**merged["properties"], name: _merge(inner[name], value, own)}
        else:
            merged[str(key)] = _merge(None, value, own)
    return merged


def _strip(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {k: _strip(v) for k, v in value.items() if fold(str(k)) not in READ_ONLY}
    if isinstance(value, list):
        return [_strip(item) for item in value]
    return value


def creation(body: Mapping[str, Json]) -> dict[str, Json]:
    """The body to create a resource with: nulls left out (the service's default), and never a redacted
    value."""
    return cast(dict[str, Json], _drop(body))


def _drop(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {k: _drop(v) for k, v in value.items() if v is not None and v != REDACTED}
    if isinstance(value, list):
        return [_drop(item) for item in value]
    return value


def unresolved(value: Json) -> list[Unresolved]:
    """Every value that is still waiting for another resource, at any depth."""
    if isinstance(value, Unresolved):
        return [value]
    if isinstance(value, Mapping):
        return [u for v in value.values() for u in unresolved(v)]
    if isinstance(value, list | tuple):
        return [u for v in value for u in unresolved(v)]
    return []


def redacted(value: Json) -> bool:
    """Does a secret that nobody knows stand in it?"""
    if isinstance(value, Mapping):
        return any(redacted(v) for v in value.values())
    if isinstance(value, list | tuple):
        return any(redacted(v) for v in value)
    return bool(value == REDACTED)
