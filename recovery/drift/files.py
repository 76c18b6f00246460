"""Desired and live state from two JSON documents: `dr drift --desired D --live L`, with nothing else at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from recovery.drift import unmanaged
from recovery.drift.normalizers import canonical_id
from recovery.drift.report import Live
from recovery.errors import BadInput
from recovery.model import Desired, Json

DEEPEST = 100
"""Nesting that is compared. ARM itself takes far less; deeper input is broken or hostile."""

_DESIRED = "dr desired -s standby --format json > desired.json"
_LIVE = "az rest --method get --url ID?api-version=VERSION    (one JSON list of such bodies)"


def parse_desired(raw: Json, name: str) -> list[Desired]:
    """What `dr desired` prints. Only `armType`, `id` and `inputs` are needed. Raises BadInput, naming the item."""
    _bounded(raw, name, _DESIRED)
    if isinstance(raw, Mapping) and isinstance(raw.get("inputs"), Mapping):
        raw = [raw]
    if not isinstance(raw, list):
        raise _bad(name, "it is not a JSON list of resources", _DESIRED)
    found: list[Desired] = []
    for place, item in enumerate(raw):
        if not isinstance(item, Mapping):
            raise _bad(name, f"item {place} is not an object", _DESIRED)
        id, inputs = item.get("id"), item.get("inputs")
        if not isinstance(id, str) or not id or not isinstance(inputs, Mapping):
            raise _bad(name, f"item {place} lacks `id` or `inputs`", _DESIRED)
        options = item.get("options")
        found.append(
            Desired(
                str(item.get("type") or ""), str(item.get("armType") or ""), id, inputs,
                options if isinstance(options, Mapping) else {}, str(item.get("source") or ""),
            )
        )  # fmt: skip
    twice = [id for id, times in Counter(canonical_id(d.id) for d in found).items() if times > 1]
    if twice:
        raise _bad(name, f"{min(twice)} is declared more than once", _DESIRED)
    return found


def parse_live(raw: Json, desired: list[Desired], name: str) -> Live:
    """A list of ARM GET bodies (or one, or a LIST answer). An ``error`` body with an id is a read that
    failed.

    Bodies without an id are matched by type and name: documentation and templates often leave it out.
    """
    _bounded(raw, name, _LIVE)
    if isinstance(raw, Mapping):
        raw = raw["value"] if isinstance(raw.get("value"), list) and "id" not in raw else [raw]
    if not isinstance(raw, list):
        raise _bad(name, "it is not a JSON list of ARM bodies", _LIVE)
    bodies: dict[str, Mapping[str, Json]] = {}
    unknown: dict[str, str] = {}
    for place, body in enumerate(raw):
        if not isinstance(body, Mapping):
            raise _bad(name, f"item {place} is not an object", _LIVE)
        id = body.get("id")
        if not isinstance(id, str) or not id:
            id = _guess(body, desired, bodies)
            if id is None:
                raise _bad(name, f"item {place} has no `id`, and no declared resource is its like", _LIVE)
        error = body.get("error")
        if isinstance(error, Mapping) and "properties" not in body:
            unknown[id] = f"{error.get('code') or 'Error'}: {error.get('message') or 'no reason given'}"
        else:
            bodies[id] = body
    strangers = unmanaged.strangers(bodies.values(), [d.id for d in desired])
    return Live(bodies, unknown, strangers)


def _guess(body: Mapping[str, Json], desired: list[Desired], taken: Mapping[str, Json]) -> str | None:
    seen = {canonical_id(id) for id in taken}
    free = [d for d in desired if canonical_id(d.id) not in seen]
    type, name = str(body.get("type") or "").lower(), str(body.get("name") or "").lower()
    of_type = [d for d in free if not type or d.arm_type.lower() == type]
    named = [d for d in of_type if name and d.id.lower().endswith("/" + name.rpartition("/")[2])]
    for group in (named, of_type, free):
        if len(group) == 1:
            return group[0].id
    return None


def _bounded(raw: Json, name: str, fix: str) -> None:
    """Refuse what is nested deeper than `DEEPEST`, before anything walks through it level by level."""
    level, depth = [raw], 0
    while level:
        if depth > DEEPEST:
            raise _bad(name, f"it is nested deeper than {DEEPEST} levels, which no ARM body is", fix)
        level = [
            child
            for value in level
            if isinstance(value, Mapping | list)
            for child in (value.values() if isinstance(value, Mapping) else value)
            if isinstance(child, Mapping | list)
        ]
        depth += 1


def _bad(name: str, what: str, fix: str) -> BadInput:
    return BadInput(f"{name}: {what}", "a comparison with half of a file would report what is not so", fix)
