"""Cosmos DB's rules, pure: who may ask, what a request costs, when it is too much, which items are legal.

Sources: Microsoft Learn, "Access control on Azure Cosmos DB resources" (the signed text), "Optimize request cost"
(a point read of 1 KB costs 1 RU and of 100 KB 10 RU), "Azure Cosmos DB service quotas" (2 MB an item, ids).
The cost of a write is assumed to grow as a read's does, from 5.5 RU for 1 KB.
"""

from __future__ import annotations

import base64
import hmac
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qs, unquote

from recovery.model import Json

MAX_ITEM_BYTES = 2 * 1024 * 1024
MAX_ID_BYTES = 1023
FORBIDDEN_IN_ID = "/\\?#"


def read_charge(size: int) -> float:
    """RU of reading `size` bytes: the line through the two published points."""
    kilobytes = max(1, math.ceil(size / 1024))
    return round(1 + (kilobytes - 1) * 9 / 99, 2)


def write_charge(size: int) -> float:
    """RU of writing `size` bytes."""
    return round(5.5 * read_charge(size), 2)


def query_charge(size: int) -> float:
    """RU of a query page of `size` bytes: somewhat dearer than a point read (2.3 RU at least)."""
    return round(1.3 + read_charge(size), 2)


@dataclass
class Budget:
    """RU/s of one container: requests are let in while the second's budget is not used up; debts are carried over.

    rate: asked anew each time, because the dial may turn. now: monotonic seconds.
    """

    rate: Callable[[], int]
    now: Callable[[], float]
    _level: float = field(default=math.inf)
    _seen: float = 0.0

    def refusal(self) -> int | None:
        """None when a request may go in, else milliseconds after which one may (``x-ms-retry-after-ms``)."""
        rate = self.rate()
        moment = self.now()
        self._level = min(float(rate), self._level + (moment - self._seen) * rate)
        self._seen = moment
        return None if self._level > 0 else max(1, math.ceil(-self._level / rate * 1000) + 1)

    def spend(self, charge: float) -> None:
        """Take what a request cost."""
        self._level -= charge


def resource(path: str) -> tuple[str, str]:
    """(resource type, resource link) that a request's signature covers, from its path."""
    segments = [s for s in path.split("/") if s]
    if len(segments) % 2:
        return segments[-1], "/".join(segments[:-1])
    return (segments[-2] if segments else ""), "/".join(segments)


def signature(key: str, verb: str, path: str, date: str) -> str:
    """The Base64 signature of a master key request. path: decoded; date: the x-ms-date header."""
    kind, link = resource(path)
    text = f"{verb.lower()}\n{kind.lower()}\n{link}\n{date.lower()}\n\n"
    return base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), sha256)).decode()


def signed(key: str, verb: str, path: str, date: str, authorization: str) -> bool:
    """True when `authorization` (URL-encoded, as the header has it) is the master key's for this request."""
    fields = parse_qs(unquote(authorization).replace("+", "%2B"))
    given = (fields.get("sig") or [""])[0]
    return fields.get("type") == ["master"] and hmac.compare_digest(given, signature(key, verb, path, date))


def item_problem(item: Json, size: int) -> tuple[int, str] | None:
    """(status, message) with which the service refuses an item, None when it would take it."""
    if size > MAX_ITEM_BYTES:
        return 413, f"Request size is too large: {size} bytes, an item may have {MAX_ITEM_BYTES}"
    if not isinstance(item, Mapping):
        return 400, "The request payload is not a JSON object"
    item_id = item.get("id")
    if not isinstance(item_id, str) or not item_id:
        return 400, "The input content is invalid because the required property 'id' is missing"
    if len(item_id.encode()) > MAX_ID_BYTES or any(c in item_id for c in FORBIDDEN_IN_ID):
        return 400, f"The input name is invalid: at most {MAX_ID_BYTES} bytes and none of {FORBIDDEN_IN_ID}"
    return None


def partition_value(item: Mapping[str, Json], path: str) -> Json:
    """The item's value at a partition key path (``/imageId``, ``/a/b``), None when it has none."""
    found: Json = item
    for step in path.strip("/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
