"""Which element of a declared list is which element of a live one.

By what ARM itself tells them apart with (name, id, key); where elements have none of these, equal ones first,
then the most alike. Elements that are left over on both sides and agree in at least half of what is declared
are one element under another identity: that identity is the difference, not everything below it. Order never
counts: services return lists in their own order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from recovery.drift.normalizers import canonical_id, is_id
from recovery.model import Json

IDENTITIES = ("name", "id", "key")

MOST_COMPARED = 20_000
"""Elements that have no identity are compared each with each up to this many pairs; beyond, by their position."""


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

    def label(item: Json, place: int) -> str:
        return _short(item[identity]) if identity else str(place)

    chosen, free = _by_identity(identity, want, have) if identity else _equal_ones(want, have)
    chosen |= _most_alike(want, free, chosen, distance, half=identity is not None)
    pairs = tuple(
        Pair(label(item, i), item, have[chosen[i]] if i in chosen else None, i in chosen)
        for i, item in enumerate(want)
    )
    taken = set(chosen.values())
    return Match(pairs, tuple((label(item, j), item) for j, item in enumerate(have) if j not in taken))


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


def _by_identity(key: str, want: list[Json], have: list[Json]) -> tuple[dict[int, int], dict[int, Json]]:
    """Positions of declared elements with those of their live counterparts, and the live ones left over."""
    live = {_label(item[key]): j for j, item in enumerate(have)}
    labels = (_label(item[key]) for item in want)
    chosen = {i: live.pop(label) for i, label in enumerate(labels) if label in live}
    return chosen, {j: have[j] for j in live.values()}


def _short(value: str) -> str:
    """An id's last segment is enough to find an element among its siblings."""
    return value.rstrip("/").rpartition("/")[2] if is_id(value) else value


def _equal_ones(want: list[Json], have: list[Json]) -> tuple[dict[int, int], dict[int, Json]]:
    """Pairs that are literally equal, as `_by_identity`: what keeps long lists from costing their square."""
    places: dict[str, list[int]] = {}
    for j, theirs in enumerate(have):
        places.setdefault(repr(theirs), []).append(j)
    chosen: dict[int, int] = {}
    for i, mine in enumerate(want):
        same = places.get(repr(mine))
        if same:
            chosen[i] = same.pop(0)
    taken = set(chosen.values())
    return chosen, {j: item for j, item in enumerate(have) if j not in taken}


def _most_alike(
    want: list[Json],
    free: Mapping[int, Json],
    chosen: Mapping[int, int],
    distance: Callable[[Json, Json], int],
    *,
    half: bool,
) -> dict[int, int]:
    """Pairs among what is left, cheapest first; among equals the ones that keep their position.

    half: only pairs that differ in no more than half of what is declared (or in all of a single value).
    """
    left = [i for i in range(len(want)) if i not in chosen]
    if not left or not free:
        return {}
    if len(left) * len(free) > MOST_COMPARED:
        return {} if half else dict(zip(left, free, strict=False))
    costs = sorted((distance(want[i], item), i != j, i, j) for i in left for j, item in free.items())
    found: dict[int, int] = {}
    taken: set[int] = set()
    for cost, _, i, j in costs:
        if i in found or j in taken or (half and 2 * cost > max(2, _size(want[i]))):
            continue
        found[i] = j
        taken.add(j)
    return found


def _size(value: Json) -> int:
    """How many scalars a value holds."""
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 1
