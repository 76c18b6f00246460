"""The public names as caching resolvers answer them, compared like any other resource.

A record in the zone is only half of the truth: a delegation that leads elsewhere, or a name that a resolver
answers otherwise, moves the traffic just as well. What each resolver should answer is what the zone's live
record says (that record against the program is another comparison). An answer that still lives in a
resolver's cache, no longer than the record's own TTL, is no drift and no proof either: it is looked at again
after its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recovery.arm.placeholders import placeholder
from recovery.model import Desired, Json

TYPE = "dns:resolvers:Answers"
SUFFIX = "/publicAnswers"

_PROPERTIES = {
    "a": "properties.ARecords",
    "aaaa": "properties.AAAARecords",
    "cname": "properties.CNAMERecord.cname",
}
"""The record types that lead somewhere, with the property of the live body that says where."""


@dataclass(frozen=True)
class Name:
    """One public name whose answers are compared. ttl: the record's own, in seconds, as declared."""

    desired: Desired
    name: str
    rdtype: str
    ttl: int


@dataclass(frozen=True)
class Answer:
    """One resolver's answer: the last names or addresses, the time left to live, or why nothing is known."""

    resolver: str
    values: tuple[str, ...]
    ttl: int | None = None
    reason: str = ""


def names(wanted: Sequence[Desired], resolvers: Sequence[str]) -> list[Name]:
    """Every declared record of a public zone that leads somewhere, as something that each resolver answers."""
    found = []
    for one in wanted:
        zone, _, rest = one.id.partition("/providers/Microsoft.Network/dnsZones/")[2].partition("/")
        rdtype, _, label = rest.partition("/")
        path = _PROPERTIES.get(rdtype.lower())
        if not zone or not label or path is None:
            continue
        answers = {resolver: placeholder(one.id, path) for resolver in resolvers}
        properties = one.inputs.get("properties")
        own = properties if isinstance(properties, Mapping) else one.inputs
        desired = Desired(
            TYPE, f"{one.arm_type}/publicAnswers", one.id + SUFFIX, {"answers": answers}, {}, one.source
        )
        name = zone if label == "@" else f"{label}.{zone}"
        found.append(Name(desired, name, rdtype.upper(), int(own.get("ttl") or own.get("TTL") or 0)))
    return found


def body(
    name: Name, record: Mapping[str, Json] | None, answers: Sequence[Answer]
) -> tuple[dict[str, Json], str]:
    """(the live body of a name's answers, why nothing is concluded from them or "").

    record: the zone's live record, whose values each resolver should give.
    """
    said: dict[str, Json] = {}
    doubts: list[str] = []
    expected = _values(name, record)
    for answer in answers:
        if answer.reason:
            doubts.append(f"{answer.resolver}: {answer.reason}")
            continue
        values = {value.rstrip(".").lower() for value in answer.values}
        if values != expected and answer.values and answer.ttl is not None and answer.ttl <= name.ttl:
            doubts.append(
                f"{answer.resolver} still answers {', '.join(sorted(values))} from its cache for {answer.ttl} s; look again then"
            )
        said[answer.resolver] = _shaped(name, answer.values)
    return {"id": name.desired.id, "answers": said}, "; ".join(doubts)


def _values(name: Name, record: Mapping[str, Json] | None) -> set[str]:
    found: Json = record or {}
    for part in _PROPERTIES[name.rdtype.lower()].split("."):
        found = (
            next((v for k, v in found.items() if str(k).lower() == part.lower()), None)
            if isinstance(found, Mapping)
            else None
        )
    items = found if isinstance(found, list) else [found]
    return {
        str(next(iter(item.values())) if isinstance(item, Mapping) else item).rstrip(".").lower()
        for item in items
        if item
    }


def _shaped(name: Name, values: Sequence[str]) -> Json:
    """As the record itself is written, so that the two can be compared."""
    match name.rdtype:
        case "A":
            return [{"ipv4Address": value} for value in values]
        case "AAAA":
            return [{"ipv6Address": value} for value in values]
        case _:
            return values[0] if values else None
