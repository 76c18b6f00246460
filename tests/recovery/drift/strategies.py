"""Generated ARM-like bodies, and the ways in which Azure gives them back differently though they are the same."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]


def _named(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": f"element{place}", "properties": item} for place, item in enumerate(items)]


names = st.from_regex(r"[a-z][a-zA-Z]{2,9}", fullmatch=True).filter(
    lambda name: (
        not any(
            word in name.lower()
            for word in ("pwd", "pass", "secret", "token", "key", "data", "propert", "value")
        )
    )
)
scalars = st.one_of(
    st.booleans(),
    st.integers(1, 9999),
    st.sampled_from(["Enabled", "Standard_LRS", "westus", "PT5M", "10.0.0.0/24", "TLS1_2", "a.example.com"]),
    st.sampled_from(["vnet1", "Vnet2"]).map(
        lambda n: f"/subscriptions/S/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/{n}"
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.dictionaries(names, inner, min_size=1, max_size=4),
        st.lists(scalars, min_size=1, max_size=4, unique_by=str),
        st.lists(st.dictionaries(names, scalars, min_size=1, max_size=3), min_size=1, max_size=3).map(_named),
    ),
    max_leaves=12,
)  # fmt: skip
bodies = st.fixed_dictionaries(
    {"location": st.just("westus"), "properties": st.dictionaries(names, values, min_size=1, max_size=5)}
)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar of a JSON value with the way to it."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from leaves(child, (*path, place))
    else:
        yield path, value


def name_of(path: Path) -> str:
    """The last property name on a path: what a finding's path has to contain."""
    return [part for part in path if isinstance(part, str)][-1]


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x"


def with_value(body: Any, path: Path, value: Any) -> Any:
    """A copy of `body` with `value` at `path`."""
    copied = copy.deepcopy(body)
    place = copied
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return copied


def as_the_service_gives_it_back(body: Any, luck: random.Random) -> Any:
    """Lists and keys in another order, ids and enumerations in another case, something added everywhere."""
    if isinstance(body, dict):
        items = [(key, as_the_service_gives_it_back(child, luck)) for key, child in body.items()]
        luck.shuffle(items)
        return {**dict(items), "provisioningState": "Succeeded"}
    if isinstance(body, list):
        shuffled = [as_the_service_gives_it_back(child, luck) for child in body]
        luck.shuffle(shuffled)
        return shuffled
    if isinstance(body, str):
        return body.upper() if body.startswith("/subscriptions/") or body.isalpha() else body
    return body
