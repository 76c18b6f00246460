"""Named rules by which two values that look different are the same to Azure.

Normalisation is the product of a drift checker: each rule is one small function, named, with the place where
it was seen. A rule may only say "the same"; where none does, the values differ. `same` returns the rule's
name, so that a test (and a doubtful reader) can see why nothing was reported.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlsplit

from recovery.model import Json

Keys = tuple[str, ...]
"""The folded names of the properties above a value, outermost first, the value's own last (``("tags", "owner")``)."""


@lru_cache(8192)  # a footprint has some hundred names, each asked for in every resource
def fold(key: str) -> str:
    """A property name without case and punctuation: ``odata.type``, ``odataType`` and ``ODataType`` are one name."""
    return re.sub(r"[^a-z0-9]", "", key.lower()) or key


_CASE_MATTERS = frozenset(
    {"tags", "metadata", "appsettings", "labels", "annotations", "env", "environmentvariables", "paths", "description",
     "displayname", "subjectbeginswith", "subjectendswith", "query", "script", "commandtoexecute", "content", "title"}
)  # fmt: skip
"""Properties (and everything below them) whose text belongs to a person or a program, not to Azure."""

_TOKEN = re.compile(r"[A-Za-z0-9_.:+-]+")
_TYPE_NAME = re.compile(r"microsoft\.[\w.]+(/[\w.]+)*", re.I)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", re.I)
_ISO_DURATION = re.compile(
    r"P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.I,
)
_CLOCK_DURATION = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


def identical(keys: Keys, want: Json, have: Json) -> bool:
    """The same JSON value; an integral float is its int (protobuf knows floats only)."""
    if isinstance(want, bool) or isinstance(have, bool):
        return want is have
    return bool(want == have)


def number_as_text(keys: Keys, want: Json, have: Json) -> bool:
    """``30`` and ``"30"`` (some services store numbers as text). Two texts are never numbers: versions."""
    if isinstance(want, bool) or isinstance(have, bool) or isinstance(want, str) == isinstance(have, str):
        return False
    text, number = (want, have) if isinstance(want, str) else (have, want)
    if not isinstance(number, int | float) or not _NUMBER.fullmatch(text.strip()):
        return False
    return Decimal(text.strip()) == Decimal(str(number))


def boolean_as_text(keys: Keys, want: Json, have: Json) -> bool:
    """``true`` and ``"True"`` (app settings and older services store booleans as text)."""
    if isinstance(want, bool) == isinstance(have, bool):
        return False
    text, truth = (want, have) if isinstance(have, bool) else (have, want)
    return isinstance(text, str) and text.strip().lower() == str(truth).lower()


def letter_case(keys: Keys, want: Json, have: Json) -> bool:
    """Enumerations, names, resource types and GUIDs come back in another case (Resource Manager compares them without)."""
    if not (isinstance(want, str) and isinstance(have, str)) or _CASE_MATTERS.intersection(keys):
        return False
    return want.lower() == have.lower() and bool(_TOKEN.fullmatch(want) or _TYPE_NAME.fullmatch(want))


def resource_id(keys: Keys, want: Json, have: Json) -> bool:
    """ARM ids are case-insensitive; services re-case segments and double or drop slashes."""
    if not (isinstance(want, str) and isinstance(have, str)):
        return False
    return is_id(want) and canonical_id(want) == canonical_id(have)


def role_definition(keys: Keys, want: Json, have: Json) -> bool:
    """A role definition is the same at every scope it is addressed through; its GUID names it.

    Role assignments answer built-in ones with or without ``/subscriptions/X`` (Microsoft.Authorization 2022-04-01).
    """
    if not (isinstance(want, str) and isinstance(have, str)):
        return False
    mine, theirs = (
        re.search(r"/providers/microsoft\.authorization/roledefinitions/[^/]+$", canonical_id(id))
        for id in (want, have)
    )
    return bool(mine and theirs) and mine[0] == theirs[0]  # type: ignore[index]


def guid(keys: Keys, want: Json, have: Json) -> bool:
    """A GUID with and without dashes or braces."""
    if not (isinstance(want, str) and isinstance(have, str)):
        return False
    mine, theirs = (re.sub(r"[{}-]", "", text.lower()) for text in (want, have))
    return mine == theirs and bool(re.fullmatch(r"[0-9a-f]{32}", mine))


def is_id(text: str) -> bool:
    """Whether `text` is an ARM id (or one relative to a provider)."""
    lowered = text.lower()
    return (
        lowered.startswith(("/subscriptions/", "/providers/", "subscriptions/"))
        or "/providers/microsoft." in lowered
    )


def canonical_id(id: str) -> str:
    """An ARM id in the one form used as a key: lower case, single slashes, none at the end."""
    text = id.strip().lower().strip("/")
    return "/" + (re.sub("/+", "/", text) if "//" in text else text)


def location(keys: Keys, want: Json, have: Json) -> bool:
    """``westus`` and ``West US``: a place's name and its display name (Cosmos answers the latter)."""
    if not (isinstance(want, str) and isinstance(have, str)) or not _is_place(keys):
        return False
    return want.replace(" ", "").lower() == have.replace(" ", "").lower()


def _is_place(keys: Keys) -> bool:
    return any(re.search(r"(location|region)(s|name|names)?$", key) for key in keys[-2:])


def address_range(keys: Keys, want: Json, have: Json) -> bool:
    """``1.2.3.4`` and ``1.2.3.4/32``, IPv6 in long and short form (Key Vault's firewall adds the /32)."""
    if not (isinstance(want, str) and isinstance(have, str)) or not ({".", ":"} & {*want}):
        return False
    try:
        return ipaddress.ip_interface(want) == ipaddress.ip_interface(have)
    except ValueError:
        return False


def duration(keys: Keys, want: Json, have: Json) -> bool:
    """``PT60M``, ``PT1H`` and ``01:00:00`` (ISO 8601 and .NET's TimeSpan)."""
    if not (isinstance(want, str) and isinstance(have, str)):
        return False
    first = _seconds(want)
    return first is not None and first == _seconds(have)


def _seconds(text: str) -> Decimal | None:
    iso = _ISO_DURATION.fullmatch(text)
    if iso and len(text) > 2:
        parts = zip((604800, 86400, 3600, 60, 1), iso.groups(), strict=True)
        return sum((unit * Decimal(part or 0) for unit, part in parts), Decimal(0))
    clock = _CLOCK_DURATION.fullmatch(text)
    if clock:
        parts = zip((86400, 3600, 60, 1), clock.groups(), strict=True)
        return sum((unit * Decimal(part or 0) for unit, part in parts), Decimal(0))
    return None


def instant(keys: Keys, want: Json, have: Json) -> bool:
    """The same moment written with other fractions or another offset; without an offset it is UTC."""
    if not (isinstance(want, str) and isinstance(have, str)):
        return False
    if not (_INSTANT.fullmatch(want) and _INSTANT.fullmatch(have)):
        return False
    try:
        return _moment(want) == _moment(have)
    except ValueError:
        return False


def _moment(text: str) -> datetime:
    text = re.sub(r"(\.\d{6})\d+", r"\1", text.upper())
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def web_address(keys: Keys, want: Json, have: Json) -> bool:
    """A URL whose host is re-cased, whose default port is written out, or which gained or lost its last slash."""
    if not (isinstance(want, str) and isinstance(have, str)) or "://" not in want or "://" not in have:
        return False
    return _url(want) == _url(have)


def _url(text: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return (text,)
    default = {"https": 443, "http": 80}.get(parts.scheme.lower())
    host = (parts.hostname or "") + (f":{port}" if port and port != default else "")
    path = parts.path.rstrip("/")
    if host.endswith((".vault.azure.net", ".managedhsm.azure.net")):
        path = path.lower()  # names of secrets and keys are case-insensitive
    return parts.scheme.lower(), host, path, parts.query, parts.fragment


def base_of_url(keys: Keys, want: Json, have: Json) -> bool:
    """An event subscription's ``endpointUrl`` is write-only; its base, which has no query, is answered instead."""
    if not (isinstance(want, str) and isinstance(have, str)) or keys[-1:] != ("endpointurl",):
        return False
    return _url(want.partition("?")[0]) == _url(have)


def host_name(keys: Keys, want: Json, have: Json) -> bool:
    """DNS names: without case, with or without the root's dot."""
    if not (isinstance(want, str) and isinstance(have, str)) or "." not in want:
        return False
    if not re.fullmatch(r"[A-Za-z0-9_*.-]+", want) or _CASE_MATTERS.intersection(keys):
        return False
    return want.rstrip(".").lower() == have.rstrip(".").lower()


def flags(keys: Keys, want: Json, have: Json) -> bool:
    """``Logging, Metrics`` and ``Metrics,Logging``: flags in one text, also with ``;`` (SQL's disabledAlerts)."""
    if not (isinstance(want, str) and isinstance(have, str)) or _CASE_MATTERS.intersection(keys):
        return False
    separator = next((mark for mark in ",;" if mark in want or mark in have), "")
    if not separator:
        return False
    mine, theirs = (
        sorted(part for raw in text.split(separator) if (part := raw.strip().lower()))
        for text in (want, have)
    )
    return mine == theirs and all(_TOKEN.fullmatch(part) for part in mine)


def line_endings(keys: Keys, want: Json, have: Json) -> bool:
    """CRLF and LF, line ends at the end (stored scripts and descriptions), a no-break space for a space."""
    if not (isinstance(want, str) and isinstance(have, str)):
        return False
    mine, theirs = (
        re.sub("[\u00a0\u202f]", " ", text.replace("\r\n", "\n").rstrip("\n")) for text in (want, have)
    )
    return mine == theirs


def json_text(keys: Keys, want: Json, have: Json) -> bool:
    """A JSON document kept as text, with other spaces or key order."""
    if not (isinstance(want, str) and isinstance(have, str)) or want.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return bool(json.loads(want) == json.loads(have))
    except ValueError:
        return False


def xml_text(keys: Keys, want: Json, have: Json) -> bool:
    """An XML document kept as text, with other white space between its tags (API Management policies)."""
    if not (isinstance(want, str) and isinstance(have, str)) or not want.lstrip().startswith("<"):
        return False
    return re.sub(r"\s*([<>]|/>)\s*", r"\1", want.strip()) == re.sub(r"\s*([<>]|/>)\s*", r"\1", have.strip())


@dataclass(frozen=True)
class Normalizer:
    """One rule: its name is its function's."""

    equal: Callable[[Keys, Json, Json], bool]

    @property
    def name(self) -> str:
        return self.equal.__name__


NORMALIZERS: tuple[Normalizer, ...] = tuple(
    Normalizer(rule)
    for rule in (
        identical, number_as_text, boolean_as_text, letter_case, resource_id, role_definition, guid, location, address_range, duration,
        instant, web_address, base_of_url, host_name, flags, line_endings, json_text, xml_text,
    )
)  # fmt: skip


def same(keys: Keys, want: Json, have: Json) -> str | None:
    """The name of the rule by which two scalars are the same, or None when they differ."""
    for rule in NORMALIZERS:
        if rule.equal(keys, want, have):
            return rule.name
    return None
