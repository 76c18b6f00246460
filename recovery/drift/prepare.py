"""From what was declared to what is compared: `ignoreChanges` taken out, path keys dropped, ARM's own shape."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from recovery.arm.catalogue import CATALOGUE
from recovery.arm.shape import to_body
from recovery.drift.normalizers import canonical_id, fold
from recovery.model import Desired, Json

_TOKENS = {row.arm_type.lower(): row.token for row in CATALOGUE.values()}
_PATH_PART = re.compile(r"""\[["']?([^\]"']+)["']?\]|([^.\[\]]+)""")


def declared_body(desired: Desired, live: Mapping[str, Json]) -> dict[str, Json]:
    """The declared inputs as an ARM body, without what the person told us to ignore.

    Inputs that already have ARM's ``properties`` are taken as they are. Flat ones of a known type are turned
    into ARM's shape; of an unknown one they stay flat (the comparison looks below ``properties`` by itself)
    and lose only their path keys: texts that stand in the id and that the live body does not have.
    """
    inputs = without(desired.inputs, desired.options.get("ignoreChanges") or ())
    token = token_of(desired)
    nested = isinstance(inputs.get("properties"), Mapping)
    if token and not nested:
        return to_body(token, inputs)
    if token and desired.type == token:
        keys = {"resourceGroupName", *CATALOGUE[token].path_keys}
        inputs = {k: v for k, v in inputs.items() if k not in keys}
    return _without_path_keys(desired.id, inputs, live)


def token_of(desired: Desired) -> str:
    """The Pulumi type of a declared resource, also where only its ARM type is given; "" for an unheard-of one."""
    if desired.type in CATALOGUE:
        return desired.type
    arm_type = desired.arm_type.lower()
    if arm_type.startswith("microsoft.network/dnszones/"):
        return "azure-native:dns:RecordSet"
    return _TOKENS.get(arm_type, "")


def _without_path_keys(id: str, inputs: Mapping[str, Json], live: Mapping[str, Json]) -> dict[str, Json]:
    whole = canonical_id(id)
    segments = set(whole.split("/"))

    def in_id(value: Json) -> bool:
        if not isinstance(value, str) or not value:
            return False
        return value.lower() in segments or (value.startswith("/") and whole.startswith(value.lower()))

    def is_path_key(key: str, value: Json) -> bool:
        if key == "resourceGroupName":
            return True
        return in_id(value) and (key == "name" or (key != "location" and not _answered(key, live)))

    return {key: value for key, value in inputs.items() if not is_path_key(key, value)}


def _answered(key: str, live: Mapping[str, Json]) -> bool:
    properties = live.get("properties")
    names = [*live, *(properties if isinstance(properties, Mapping) else ())]
    return fold(key) in {fold(str(name)) for name in names}


def without(inputs: Mapping[str, Json], paths: Iterable[str]) -> dict[str, Json]:
    """`inputs` without the properties at Pulumi's `ignoreChanges` paths (``a.b[0]["c"]``, ``a[*].b``); never changed itself."""
    ignored = list(paths)
    if not ignored:
        return dict(inputs)  # most resources ignore nothing, and a deep copy costs as much as the comparison
    copied: dict[str, Json] = copy.deepcopy(dict(inputs))
    for path in ignored:
        parts = [a or b for a, b in _PATH_PART.findall(path)]
        if not _remove(copied, parts) and isinstance(copied.get("properties"), dict):
            _remove(copied["properties"], parts)
    return copied


def _remove(value: Any, parts: list[str]) -> bool:
    head, rest = parts[0], parts[1:]
    if isinstance(value, list):
        places = range(len(value)) if head == "*" else [int(head)] if head.isdigit() else []
        chosen = [i for i in places if i < len(value)]
        if not rest:
            for i in reversed(chosen):
                del value[i]
            return bool(chosen)
        return sum(_remove(value[i], rest) for i in chosen) > 0  # every one, not the first alone
    if not isinstance(value, dict):
        return False
    names = list(value) if head == "*" else [k for k in value if fold(str(k)) == fold(head)]
    if not rest:
        for name in names:
            del value[name]
        return bool(names)
    return sum(_remove(value[name], rest) for name in names) > 0
