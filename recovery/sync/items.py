"""DynamoDB item (typed JSON) <-> Cosmos document: total, reversible, fast (SYNC-3, BACK-2).

Facts it rests on: Cosmos numbers are IEEE doubles, documents at most 2 MB, `id` at most 1023 bytes without
``/ \\ ? #`` (https://learn.microsoft.com/azure/cosmos-db/concepts-limits); DynamoDB numbers have 38 digits, and
sets and binary have no JSON form (AttributeValue in the DynamoDB API reference).

| DynamoDB | Cosmos |
|---|---|
| S, BOOL, NULL, L, M | string, boolean, null, array, object |
| N that a double gives back digit for digit | number |
| any other N | ``{"$n": "1E+20"}``: the text as it was |
| B | ``{"$b": Base64}`` |
| SS, NS, BS | ``{"$ss": [...]}``, ``{"$ns": [...]}``, ``{"$bs": [...]}`` |

Attribute names: one that begins with ``$`` gets another ``$`` before it, at every depth, so no attribute looks
like a tag. At the top also the names that belong to Cosmos (`RESERVED`): ``id`` becomes ``$id``. The property
``$`` alone is ours (`MINE`): where the write came from; it never becomes an attribute.

The partition attribute must stay a scalar for Cosmos to partition by it: where its value needs a tag, the
scalar text stands in its place and the tagged value in `MINE` under ``key``, which wins on the way back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from recovery.sync.ids import Keys, document_id, scalar

Typed = dict[str, Any]  # {"S": "x"}: exactly one type tag
Item = dict[str, Typed]
Document = dict[str, Any]

MAX_DOCUMENT_BYTES = 2 * 1024 * 1024
RESERVED = frozenset({"id", "_rid", "_etag", "_ts", "_self", "_attachments", "ttl", "_lsn", "_metadata"})
"""Top-level names that Cosmos gives a meaning or adds itself (`_lsn`, `_metadata`: in the change feed). An
attribute called `ttl` that kept its name would make Cosmos delete the document."""
MINE = "$"

_SAFE_INTEGER = 2**53 - 1
_TEXT = frozenset({str})
_SETS = {"SS": "$ss", "NS": "$ns", "BS": "$bs"}
_TAGS = {"$n": "N", "$b": "B", "$ss": "SS", "$ns": "NS", "$bs": "BS"}


class NotAnItem(ValueError):  # noqa: N818 - it names what the input is, as DrError's children do
    """The input is no DynamoDB item, or the document cannot be one. Says where; nothing is guessed or dropped."""


class Converted(NamedTuple):
    """One document ready for import. size: bytes of `body`. problem: "" or why Cosmos would refuse it."""

    id: str
    partition: Any
    body: bytes
    problem: str = ""

    @property
    def size(self) -> int:
        """Bytes of the document's JSON."""
        return len(self.body)


def convert(item: Item, keys: Keys, origin: Mapping[str, Any] | None = None) -> Converted:
    """An item as the bytes of a Cosmos document. Too large is a `problem`, not an exception: it is counted
    and reported with its key, and the run goes on without being able to say success."""
    document = to_document(item, keys, origin)
    body = orjson.dumps(document)
    problem = ""
    if len(body) > MAX_DOCUMENT_BYTES:
        problem = f"the document has {len(body)} bytes, Cosmos takes {MAX_DOCUMENT_BYTES}"
    return Converted(document["id"], document[_name(keys.partition)], body, problem)


def convert_line(line: bytes, keys: Keys, origin: Mapping[str, Any] | None = None) -> Converted:
    """One line of a full DynamoDB export (``{"Item": {...}}``) as a Cosmos document. Raises NotAnItem."""
    try:
        item = orjson.loads(line)["Item"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as exc:
        raise NotAnItem(f"not a line of an export: {exc}") from exc
    return convert(item, keys, origin)


def to_document(item: Item, keys: Keys, origin: Mapping[str, Any] | None = None) -> Document:
    """The Cosmos document of an item. origin: what `MINE` shall say (source time, epoch; not
    ``key``). Raises NotAnItem."""
    try:
        document: Document = {"id": document_id(item, keys)}
        for name, typed in item.items():
            if "$" in name or name in RESERVED:
                name = _name(name)
            (tag,) = typed
            if tag == "S" and (raw := typed["S"]).__class__ is str:  # most of most items: spares a call
                document[name] = raw
            else:
                document[name] = _plain(typed)
    except (ValueError, TypeError, AttributeError, KeyError) as exc:
        raise NotAnItem(_where(item, keys, exc)) from exc
    key = _name(keys.partition)
    if origin is not None:
        document[MINE] = dict(origin)
    if document[key].__class__ is dict:
        document.setdefault(MINE, {})["key"] = {key: document[key]}
        document[key] = scalar(item[keys.partition])
    return document


def to_item(document: Mapping[str, Any]) -> Item:
    """The DynamoDB item of a document: the inverse of `to_document`, and total for documents that Azure's side
    wrote itself as long as DynamoDB has a form for their values. Raises NotAnItem where it has none."""
    item: Item = {}
    for name, value in document.items():
        if name[:1] == "$":
            if name != MINE:
                item[name[1:]] = _typed(value)
        elif name not in RESERVED:
            item[name] = _typed(value)
    mine = document.get(MINE)
    if mine.__class__ is dict and "key" in mine:
        item |= to_item(mine["key"])
    return item


def number(text: str) -> Any:
    """A DynamoDB number's text as a JSON number if a double gives back exactly this text, else tagged."""
    if text.isdecimal() and len(text) < 16 and text.isascii() and (text[0] != "0" or len(text) == 1):
        return int(text)  # the common case, cheaper than asking whether str() gives it back
    try:
        if len(text) > 25:  # longer than the text of any double
            pass
        elif "." in text:
            # repr is the shortest text that gives this double, so equal means that nothing was lost. A whole
            # one (2.0) is not kept: it may come back as 2.
            if repr(real := float(text)) == text and "e" not in text and not text.endswith(".0"):
                return real
        elif str(whole := int(text)) == text and -_SAFE_INTEGER <= whole <= _SAFE_INTEGER:
            return whole
    except ValueError:  # no number at all (NaN, 1_0): kept as it is, for DynamoDB to judge
        pass
    return {"$n": text}


def number_text(value: float) -> str:
    """The text of a JSON number as DynamoDB takes it: the inverse of `number`. Raises NotAnItem."""
    if value.__class__ is int:
        if abs(value) >= 10**38:
            raise NotAnItem(f"{str(value)[:12]}… has more than the 38 digits that DynamoDB keeps")
        return str(value)
    if not math.isfinite(value):
        raise NotAnItem(f"{value} has no form in DynamoDB")
    if value.is_integer() and abs(value) <= _SAFE_INTEGER:
        return str(int(value))  # some writers say 4000.0 for 4000
    if value and not 1e-130 <= abs(value) < 1e126:
        raise NotAnItem(f"{value!r} is outside of DynamoDB's range of numbers")
    return repr(value)


def _plain(typed: Typed) -> Any:
    """The document's form of one typed value. The common types first: this is the hot path."""
    (tag,) = typed
    raw = typed[tag]
    if tag == "S":
        if raw.__class__ is str:
            return raw
    elif tag == "N":
        if raw.__class__ is str:
            return number(raw)
    elif tag == "M":
        if raw.__class__ is dict:
            return {("$" + n if "$" in n and n[0] == "$" else n): _plain(value) for n, value in raw.items()}
    elif tag == "L":
        if raw.__class__ is list:
            return [_plain(member) for member in raw]
    elif tag == "BOOL":
        if raw is True or raw is False:
            return raw
    elif tag == "NULL":
        if raw is True:
            return None
    elif tag == "B":
        if raw.__class__ is str:
            return {"$b": raw}
    elif tag in _SETS:
        if raw.__class__ is list and _TEXT.issuperset(map(type, raw)):
            return {_SETS[tag]: raw}
    else:
        raise ValueError(f"unknown type {tag!r}")
    raise ValueError(f"{tag} holds a {raw.__class__.__name__} that it cannot hold")


def _typed(value: Any) -> Typed:
    """The typed form of one value of a document."""
    kind = value.__class__
    if kind is str:
        return {"S": value}
    if kind is bool:
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if kind is int or kind is float:
        return {"N": number_text(value)}
    if kind is list:
        return {"L": [_typed(member) for member in value]}
    if kind is not dict:
        raise NotAnItem(f"a {kind.__name__} is no JSON")
    if len(value) == 1:
        [(name, raw)] = value.items()
        if name in _TAGS:
            return _tagged(name, raw)
    return {"M": {_unescaped(name): _typed(member) for name, member in value.items()}}


def _tagged(name: str, raw: Any) -> Typed:
    texts = raw if name in ("$ss", "$ns", "$bs") else [raw]
    if texts.__class__ is not list or not all(text.__class__ is str for text in texts):
        raise NotAnItem(f"{name} is one of our tags, but its value is not text")
    return {_TAGS[name]: raw}


def _unescaped(name: str) -> str:
    if name[:1] != "$":
        return name
    if name[1:2] != "$":
        raise NotAnItem(f"the property {name!r} looks like a tag of ours and is none")
    return name[1:]


def _name(name: str) -> str:
    return "$" + name if name in RESERVED or name[:1] == "$" else name


def _where(item: Any, keys: Keys, exc: Exception) -> str:
    """The sentence for an item that is none: its key if it has one, and what is wrong; never its content."""
    key = item.get(keys.partition) if isinstance(item, dict) else None
    said = (
        str(exc) if isinstance(exc, ValueError) and "unpack" not in str(exc) else "not one type tag a value"
    )
    missing = f"no key attribute {exc}" if isinstance(exc, KeyError) else said
    return f"item {str(key)[:80]}: {missing}"
