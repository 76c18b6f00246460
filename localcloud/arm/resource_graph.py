"""Azure Resource Graph, as much of it as discovery asks: two tables, one `where`, a projection, pages.

It is a copy with a delay, like the real one.
A query of another form is refused, so that nobody takes an empty answer for "there is none".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.arm.errors import bad_request
from localcloud.arm.ids import ArmPath, parse
from localcloud.bus import Bus, ResourceChanged

PATH = re.compile(r"/providers/microsoft\.resourcegraph/resources/?", re.I)
LAG = 30.0
"""Simulated seconds until a new resource is in the index ("usually within half a minute": an assumption, not a promise)."""
PAGE = 1000

_QUERY = re.compile(
    r"(?P<tables>\w+(?:\s*\|\s*union\s+[\w\s,]+?)?)\s*\|\s*where\s+(?P<where>.+?)\s*\|\s*project\s+(?P<columns>[\w\s,]+?)"
    r"(?:\s*\|\s*order by id asc)?",
    re.S,
)
_GROUPS = re.compile(r"resourceGroup\s+in~\s*\((?P<names>(?:'(?:[^'\\]|\\.)*'|[\s,])*)\)")
_TAG = re.compile(r"tags\[(?P<key>'(?:[^'\\]|\\.)*')\]\s*=~\s*(?P<value>'(?:[^'\\]|\\.)*')")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'")
_COLUMNS = frozenset(
    {"id", "name", "type", "location", "tags", "kind", "resourceGroup", "subscriptionId", "properties"}
)


@dataclass
class Row:
    """What the index knows of a resource, and since when (the clock's seconds). gone: when it heard of its end."""

    path: ArmPath
    body: Mapping[str, Any]
    since: float
    gone: float | None = None


class Index:
    """The copy. It hears of every change on the bus, and shows it `LAG` simulated seconds later.

    So a new resource is not there at once, and a deleted one still is for a while.
    """

    def __init__(self, bus: Bus, scale: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rows: dict[str, Row] = {}
        self._lag = LAG / scale
        self._clock = clock
        bus.subscribe(self._hear)

    async def _hear(self, event: ResourceChanged) -> None:
        key = event.id.lower()
        if event.new is None:
            if key in self._rows:
                self._rows[key].gone = self._clock()
            return
        known = self._rows.get(key)
        fresh = known is None or known.gone is not None
        since = self._clock() if fresh or known is None else known.since
        self._rows[key] = Row(parse(event.id), dict(event.new), since)

    def answer(self, body: Any, sees: Callable[[ArmPath], bool] | None = None) -> dict[str, Any]:
        """One page of a query's answer. sees: what the caller may read (None: everything). Raises ArmError for what is not served here."""
        asked = body if isinstance(body, Mapping) else {}
        matched = _QUERY.fullmatch(str(asked.get("query", "")).strip())
        if matched is None:
            raise bad_request("This form of query is not served by the local Resource Graph.", "BadRequest")
        tables = {t for t in re.findall(r"\w+", matched["tables"]) if t != "union"}
        columns = [c.strip() for c in matched["columns"].split(",")]
        if not tables <= {"resources", "dnsresources"} or not set(columns) <= _COLUMNS:
            raise bad_request("This table or column is not served by the local Resource Graph.", "BadRequest")
        wanted = _condition(matched["where"])
        rows = [
            _shown(row, columns)
            for _, row in sorted(self._rows.items())
            if _table(row) in tables
            and self._visible(row)
            and wanted(row)
            and (sees is None or sees(row.path))
        ]
        options = asked.get("options") or {}
        size = max(1, min(PAGE, int(options.get("$top") or 100)))
        at = int(options.get("$skipToken") or 0)
        page = rows[at : at + size]
        said = {
            "totalRecords": len(rows),
            "count": len(page),
            "data": page,
            "facets": [],
            "resultTruncated": "false",
        }
        return {**said, "$skipToken": str(at + size)} if at + size < len(rows) else said

    def _visible(self, row: Row) -> bool:
        now = self._clock()
        return now - row.since >= self._lag and (row.gone is None or now - row.gone < self._lag)


def _table(row: Row) -> str:
    kind = row.path.type.lower()
    if kind.startswith("microsoft.network/dnszones/"):
        return "dnsresources"
    tracked = "location" in row.body and kind != "/resourcegroups" and kind.count("/") == 1
    return "resources" if tracked else ""


def _condition(where: str) -> Callable[[Row], bool]:
    groups = _GROUPS.search(where)
    names = {_plain(n).lower() for n in _TEXT.findall(groups["names"])} if groups else set()
    tags = {_plain(m["key"][1:-1]): _plain(m["value"][1:-1]) for m in _TAG.finditer(where)}
    rest = _TAG.sub("", _GROUPS.sub("", where))
    if re.sub(r"\b(or|and)\b|[()\s]", "", rest):
        raise bad_request("This condition is not served by the local Resource Graph.", "BadRequest")

    def wanted(row: Row) -> bool:
        own = {str(k): str(v).lower() for k, v in (row.body.get("tags") or {}).items()}
        tagged = bool(tags) and all(own.get(k) == v.lower() for k, v in tags.items())
        return (row.path.group or "").lower() in names or tagged

    return wanted


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _shown(row: Row, columns: list[str]) -> dict[str, Any]:
    own = {
        "resourceGroup": (row.path.group or "").lower(),
        "subscriptionId": row.path.subscription,
        "id": row.path.text,
    }
    shown = {c: own.get(c, row.body.get(c)) for c in columns}
    if "type" in shown:
        shown["type"] = row.path.type.lower()  # types come back in lower case there
    if "name" in shown:
        shown["name"] = row.path.name
    return shown
