"""Which inputs differ (a provider's Diff), and what a refresh makes of the old inputs (its Read)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from recovery.model import Json


class Change(StrEnum):
    """What happened to one property path."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Difference:
    """One property path (``securityRules[1].access``) and what happened to it."""

    path: str
    change: Change

    @property
    def root(self) -> str:
        """The input's name: the part before the first dot or bracket."""
        return self.path.split(".", 1)[0].split("[", 1)[0]


def _user_map(key: str, now: Mapping[str, Json]) -> bool:
    """A map whose keys are the user's own (tags, app settings): a key that appears in it behind our back is a change.

    Elsewhere a key that nobody asked for is what the service fills in: a vault's ``properties`` gain
    ``privateEndpointConnections``, which azure-native knows to be read-only.
    """
    return key == "tags" or (key == "properties" and all(isinstance(v, str) for v in now.values()))


def same(one: Json, other: Json, key: str = "") -> bool:
    """Equal as ARM sees it: absent is null, ids and locations have no case, named items no order."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(same(one.get(k), other.get(k), k) for k in {*one, *other})
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return False
        pairs = _paired(one, other)
        return all(same(a, b, key) for a, b in pairs)
    if isinstance(one, str) and isinstance(other, str):
        if key == "location":
            return _place(one) == _place(other)
        return one == other or (one.lower() == other.lower() and one.startswith("/subscriptions/"))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def differences(old: Mapping[str, Json], new: Mapping[str, Json]) -> list[Difference]:
    """Every path at which the new inputs differ from the old ones, in the new inputs' order."""
    return list(_walk("", "", old, new))


def _walk(path: str, key: str, old: Json, new: Json) -> Iterator[Difference]:
    if same(old, new, key):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*new, *(k for k in old if k not in new)]:
            if not name.startswith("__"):
                below = f"{path}.{name}" if path else name
                if not name.replace("_", "").isalnum():
                    below = f'{path}["{name}"]'
                yield from _walk(below, name, old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _walk_lists(path, key, old, new)
    elif old is None:
        yield Difference(path, Change.ADD)
    elif new is None:
        yield Difference(path, Change.DELETE)
    else:
        yield Difference(path, Change.UPDATE)


def _walk_lists(path: str, key: str, old: list[Json], new: list[Json]) -> Iterator[Difference]:
    before, after = _named(old), _named(new)
    if before is None or after is None:
        for index in range(max(len(old), len(new))):
            if index >= len(old):  # an added null is an item too
                yield Difference(f"{path}[{index}]", Change.ADD)
            elif index >= len(new):
                yield Difference(f"{path}[{index}]", Change.DELETE)
            else:
                yield from _walk(f"{path}[{index}]", key, old[index], new[index])
        return
    for index, name in enumerate(after):
        yield from _walk(f"{path}[{index}]", key, before.get(name), after[name])
    for index, name in enumerate(before):
        if name not in after:
            yield Difference(f"{path}[{index}]", Change.DELETE)


def refreshed(inputs: Json, before: Json, now: Json, key: str = "") -> Json:
    """The old inputs with every change that the live resource went through since `before` applied to them.

    inputs: as in the checkpoint. before: outputs in the checkpoint. now: outputs read from the live resource.
    This is how azure-native's own Read finds the new inputs (calculate the change of the outputs, apply it to
    the inputs), and it has the same two consequences. What the service fills in, re-cases or reorders is no
    change, because it did so in `before` too. And what its GET never returns keeps its old value: the blind
    spot of pulumi-azure-native#1787 and #4263, kept here on purpose so that nobody relies on it being closed.
    """
    if before is not None and same(before, now, key):
        return inputs
    if same(inputs, now, key):
        return inputs
    if isinstance(inputs, list) and isinstance(now, Mapping):
        # A set of ids goes in as a list and comes out as a map (identity.userAssignedIdentities).
        keys = sorted(str(name) for name in now)
        return inputs if sorted(str(i).lower() for i in inputs) == [k.lower() for k in keys] else keys
    if isinstance(inputs, Mapping) and isinstance(now, Mapping):
        return _refreshed_map(inputs, before if isinstance(before, Mapping) else {}, now, key)
    if isinstance(inputs, list) and isinstance(now, list):
        return _refreshed_list(inputs, before if isinstance(before, list) else [], now, key)
    return now


def _refreshed_map(
    inputs: Mapping[str, Json], before: Mapping[str, Json], now: Mapping[str, Json], key: str
) -> dict[str, Json]:
    out: dict[str, Json] = {}
    for name, value in inputs.items():
        if now.get(name) is not None:
            out[name] = refreshed(value, before.get(name), now[name], name)
        elif before.get(name) is None:
            out[name] = value  # never returned by the service: the old value stays
    if _user_map(key, now):
        out.update({k: v for k, v in now.items() if k not in inputs and k not in before})
    return out


def _refreshed_list(inputs: list[Json], before: list[Json], now: list[Json], key: str) -> list[Json]:
    wanted, was, live = _named(inputs), _named(before), _named(now)
    if wanted is None or was is None or live is None:
        if len(inputs) != len(now) or not all(isinstance(item, Mapping) for item in [*inputs, *now]):
            return now
        old = before if len(before) == len(now) else [None] * len(now)
        return [refreshed(a, b, c, key) for a, b, c in zip(inputs, old, now, strict=True)]
    kept = [
        refreshed(item, was.get(name), live[name], key) if name in live else item
        for name, item in wanted.items()
        if name in live or name not in was
    ]
    return [*kept, *(item for name, item in live.items() if name not in wanted and name not in was)]


def _paired(one: list[Json], other: list[Json]) -> list[tuple[Json, Json]]:
    left, right = _named(one), _named(other)
    if left is None or right is None or left.keys() != right.keys():
        return list(zip(one, other, strict=True))
    return [(left[name], right[name]) for name in left]


def _named(items: list[Json]) -> dict[str, Json] | None:
    """The items by name, or None where they have none (or the names are not unique)."""
    names = [str(item["name"]).lower() for item in items if isinstance(item, Mapping) and item.get("name")]
    if len(names) != len(items) or len(set(names)) != len(names):
        return None
    return dict(zip(names, items, strict=True))


def _place(text: str) -> str:
    return text.replace(" ", "").lower()
