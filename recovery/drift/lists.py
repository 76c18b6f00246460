"""Which element of a declared list is which element of a live one.

By what ARM itself tells them apart with (name, id, key); where elements have none of these, equal ones first,
then the most alike. Order never counts: services return lists in their own order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from recovery.drift.normalizers import canonical_id, is_id
from recovery.model import Json

IDENTITIES = ("name", "id", "key")


@dataclass(frozen=True)
class Pair:
    """One declared element with its live counterpart (`found` says whether there is one)."""

    label: str
    want: Json
    have: Json
    found: bool


@dataclass(frozen=True)
class Match:
    """pairs: every declared element, in order. extras: (label, element) that only the live list has."""

    pairs: tuple[Pair, ...]
    extras: tuple[tuple[str, Json], ...]


def match(want: list[Json], have: list[Json], distance: Callable[[Json, Json], int]) -> Match:
    """Pair the elements. distance: how many properties differ between a declared and a live element (0: equal)."""
    identity = _identity(want, have)
    return _by_identity(identity, want, have) if identity else _by_likeness(want, have, distance)


def _identity(want: list[Json], have: list[Json]) -> str | None:
    for key in IDENTITIES:
        mine, theirs = _labels(want, key), _labels(have, key)
        if mine and (theirs or not have):
            return key
    return None


def _labels(items: list[Json], key: str) -> list[str] | None:
    """The elements' identities, or None when one has none or two share one."""
    labels = []
    for item in items:
        value = item.get(key) if isinstance(item, Mapping) else None
        if not isinstance(value, str) or not value:
            return None
        labels.append(_label(value))
    return labels if len(set(labels)) == len(labels) else None


def _label(value: str) -> str:
    return canonical_id(value) if is_id(value) else value.lower()


def _by_identity(key: str, want: list[Json], have: list[Json]) -> Match:
    live = {_label(item[key]): item for item in have}
    pairs = []
    for item in want:
        label = _label(item[key])
        found = label in live
        pairs.append(Pair(_short(item[key]), item, live.pop(label, None), found))
    return Match(tuple(pairs), tuple((_short(item[key]), item) for item in live.values()))


def _short(value: str) -> str:
    """An id's last segment is enough to find an element among its siblings."""
    return value.rstrip("/").rpartition("/")[2] if is_id(value) else value


def _by_likeness(want: list[Json], have: list[Json], distance: Callable[[Json, Json], int]) -> Match:
    free = dict(enumerate(have))
    chosen = _equal_ones(want, free)
    # Cheapest pairs first; among equals the ones that keep their position.
    costs = sorted(
        (distance(mine, theirs), i != j, i, j)
        for i, mine in enumerate(want)
        if i not in chosen
        for j, theirs in free.items()
    )
    for _, _, i, j in costs:
        if i not in chosen and j in free:
            chosen[i] = j
            del free[j]
    pairs = tuple(
        Pair(str(i), item, have[chosen[i]] if i in chosen else None, i in chosen)
        for i, item in enumerate(want)
    )
    return Match(pairs, tuple((str(j), item) for j, item in free.items()))


def _equal_ones(want: list[Json], free: dict[int, Json]) -> dict[int, int]:
    """Pairs that are literally equal, taken out of `free`: what keeps long lists from costing their square."""
    places: dict[str, list[int]] = {}
    for j, theirs in free.items():
        places.setdefault(repr(theirs), []).append(j)
    chosen: dict[int, int] = {}
    for i, mine in enumerate(want):
        same = places.get(repr(mine))
        if same:
            chosen[i] = same.pop(0)
            del free[chosen[i]]
    return chosen
