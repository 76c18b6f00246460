"""What the resolvers answer for the declared public names, beside what Resource Manager says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from clouds.dns_resolvers import ask_all
from clouds.endpoints import Resolver
from recovery.drift.public import Answer, Name, body, names
from recovery.drift.report import Live
from recovery.model import Desired

TIMEOUT_SECONDS = 3.0


def beside(
    wanted: Sequence[Desired], resolvers: Sequence[Resolver], read: Callable[[], Live]
) -> tuple[list[Desired], Live]:
    """`wanted` and what `read` returns, with one entry more for each public name. The resolvers are asked while `read`
    waits for Resource Manager. Never raises by itself: see `Live.unknown`."""
    found = names(wanted, [r.name for r in resolvers])
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_asked, found, resolvers)
        live = read()
        answers = asked.result()
    bodies, unknown = dict(live.bodies), dict(live.unknown)
    for one in found:
        record = live.body(one.desired.id.removesuffix("/publicAnswers"))
        said, doubt = body(one, record, answers.get((one.name, one.rdtype), []))
        bodies[one.desired.id] = said
        if doubt:
            unknown[one.desired.id] = doubt
    return [*wanted, *(one.desired for one in found)], replace(live, bodies=bodies, unknown=unknown)


def _asked(found: Sequence[Name], resolvers: Sequence[Resolver]) -> dict[tuple[str, str], list[Answer]]:
    """(name, record type) -> each resolver's answer."""
    said: dict[tuple[str, str], list[Answer]] = {}
    for rdtype in sorted({one.rdtype for one in found}):
        of_type = [one.name for one in found if one.rdtype == rdtype]
        for a in ask_all(of_type, rdtype, resolvers, TIMEOUT_SECONDS):
            said.setdefault((a.name, rdtype), []).append(Answer(a.resolver, a.values, a.ttl, a.reason))
    return said
