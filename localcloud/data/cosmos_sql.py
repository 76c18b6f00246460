"""Restricts a query to one logical partition by adding a condition, because the server behind the door looks
through the whole container whatever partition key the request names.

Only what it understands is rewritten: one FROM with a plain source, at most one WHERE at the top level.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | [A-Za-z_@][\w@]* | \d[\w.]* | [()\[\]{}] | \s+ | .""",
    re.VERBOSE | re.DOTALL,
)
_AFTER_WHERE = ("GROUP", "ORDER", "OFFSET")
PARAMETER = "@__partition"


class RestrictionError(ValueError):
    """The query's shape is not understood; guessing would return other partitions' items."""


def restrict(query: str, path: str) -> str:
    """`query` with ``alias["imageId"] = @__partition`` added to its condition."""
    tokens = _TOKEN.findall(query)
    depth = 0
    places: dict[str, int] = {}
    for i, word in enumerate(tokens):
        if word in "([{" and len(word) == 1:
            depth += 1
        elif word in ")]}" and len(word) == 1:
            depth -= 1
        elif depth == 0 and word.upper() in ("FROM", "WHERE", "JOIN", *_AFTER_WHERE):
            places.setdefault(word.upper(), i)
    if "FROM" not in places:
        raise RestrictionError("a query without FROM cannot be limited to a partition")
    alias = _alias(tokens, places)
    steps = "".join(f'["{s}"]' for s in path.strip("/").split("/"))
    condition = f"{alias}{steps} = {PARAMETER}"
    end = min((places[word] for word in _AFTER_WHERE if word in places), default=len(tokens))
    head, tail = tokens[:end], tokens[end:]
    if "WHERE" in places:
        at = places["WHERE"] + 1
        text = "".join(head[:at]) + f" {condition} AND (" + "".join(head[at:]).strip() + ") "
    else:
        text = "".join(head).rstrip() + f" WHERE {condition} "
    return text + "".join(tail)


def _alias(tokens: list[str], places: dict[str, int]) -> str:
    stop = min((places[w] for w in ("WHERE", "JOIN", *_AFTER_WHERE) if w in places), default=len(tokens))
    words = [t for t in tokens[places["FROM"] + 1 : stop] if not t.isspace()]
    if len(words) == 1 and words[0].isidentifier():
        return words[0]
    if len(words) == 2 and all(w.isidentifier() for w in words):
        return words[1]
    if len(words) == 3 and words[1].upper() == "AS" and words[2].isidentifier():
        return words[2]
    raise RestrictionError(f"the source {' '.join(words)!r} is not understood")
