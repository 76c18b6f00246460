"""What an effect saw, as a sentence for the person who must decide on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from recovery.model import Json

MOST = 6
"""Items of a list that are named; the rest is counted."""
_QUIET = ("drill", "query_seconds", "cut", "scale", "error", "fix")
_TITLES = {"undecided": "to decide"}


def said(evidence: Mapping[str, Json]) -> str:
    """One line: flows with their figures, dials with their values; what is empty is left out."""
    parts = [text for name, value in evidence.items() if (text := _one(name, value))]
    if evidence.get("drill"):
        parts.append(f"(drill: {evidence['drill']})" if evidence["drill"] is not True else "(drill)")
    if evidence.get("error"):
        parts.append(f"error: {evidence['error']}")
    return "; ".join(parts)


def _one(name: str, value: Json) -> str:
    if name in _QUIET or value in (None, "", [], {}):
        return ""
    if name == "flows" and isinstance(value, list):
        return ", ".join(flow(one) for one in value)
    if name == "by" and isinstance(value, list):
        return "by " + ", ".join(map(str, value))
    if name == "answers" and isinstance(value, Mapping):
        return "; ".join(f"{at}: {_pairs(held)}" for at, held in value.items())
    if isinstance(value, Mapping):
        return f"{_title(name)} {_pairs(value)}"
    if isinstance(value, list):
        return f"{_title(name)} {_list(value)}"
    if isinstance(value, bool):
        return f"{_title(name)}: {'yes' if value else 'no'}"
    return f"{_title(name)} {value}"


def flow(one: Mapping[str, Json]) -> str:
    """``uploads 12 of 12 equal (100.00 %)``, with the population where it is a sample."""
    equal, compared = int(one.get("equal", 0)), int(one.get("compared", 0))
    share = f"{100 * equal / compared:.2f} %" if compared else "nothing was compared"
    sampled = f", sampled from {one['population']}" if one.get("population", compared) != compared else ""
    later = f", {one['later']} changed later" if one.get("later") else ""
    return f"{one.get('name')} {equal} of {compared} equal ({share}{sampled}{later})"


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))


def _pairs(held: object) -> str:
    if not isinstance(held, Mapping):
        return str(held)
    return ", ".join(f"{key} {value}" for key, value in held.items())


def _list(held: list[Json]) -> str:
    shown = ", ".join(str(one) for one in held[:MOST])
    return shown + (f" and {len(held) - MOST} more" if len(held) > MOST else "")
