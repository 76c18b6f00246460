"""What the resolvers answer for the declared public names, beside what Resource Manager says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clouds.dns_resolvers import ask_all
from clouds.endpoints import Resolver
from recovery.drift.public import Answer, Name, body, names
from recovery.drift.report import Live
from recovery.model import Desired

TIMEOUT_SECONDS = 3.0


def added(wanted: Sequence[Desired], live: Live, resolvers: Sequence[Resolver]) -> tuple[list[Desired], Live]:
    """`wanted` and `live` with one entry more for each public name. Never raises: see `Live.unknown`."""
    found = names(wanted, [r.name for r in resolvers])
    bodies, unknown = dict(live.bodies), dict(live.unknown)
    for rdtype in sorted({one.rdtype for one in found}):
        of_type = [one for one in found if one.rdtype == rdtype]
        answers = ask_all([one.name for one in of_type], rdtype, resolvers, TIMEOUT_SECONDS)
        for one in of_type:
            mine = [Answer(a.resolver, a.values, a.ttl, a.reason) for a in answers if a.name == one.name]
            _take(one, mine, live, bodies, unknown)
    return [*wanted, *(one.desired for one in found)], replace(live, bodies=bodies, unknown=unknown)


def _take(one: Name, answers: Sequence[Answer], live: Live, bodies: dict, unknown: dict) -> None:  # type: ignore[type-arg]
    record = live.body(one.desired.id.removesuffix("/publicAnswers"))
    said, doubt = body(one, record, answers)
    bodies[one.desired.id] = said
    if doubt:
        unknown[one.desired.id] = doubt
