"""VAL-3, decided: certificate, throughput, queries and requests, from what was seen. Pure.

What is bad is named with its figure; what could not be seen is named apart and is never good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

SLOW_QUERY_SECONDS = 1.0
"""A point query of the live side's own takes milliseconds. Past this the plan calls it slow. Assumed: the plan names no
figure."""

GOOD_SHARE = 0.95
"""The share of requests that must not have failed for them to be "mostly 200". Assumed: the plan names no figure."""


@dataclass(frozen=True)
class Said:
    """bad: what does not hold. unseen: what nobody could look at. Both empty: it holds."""

    bad: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    def __add__(self, other: Said) -> Said:
        return Said(self.bad + other.bad, self.unseen + other.unseen)


def throughput(wanted: int, seen: object) -> Said:
    """RU/s as the container really has them; anything but a number was not seen."""
    if isinstance(seen, bool) or not isinstance(seen, int):
        return Said(unseen=(f"throughput: {seen!r}, wanted {wanted} RU/s",))
    return Said() if seen == wanted else Said((f"{seen} RU/s, wanted {wanted}",))


def queries(seconds: Sequence[float]) -> Said:
    """How long a few point queries took, in seconds."""
    if not seconds:
        return Said(unseen=("no query could be timed",))
    typical = median(seconds)
    if typical < SLOW_QUERY_SECONDS:
        return Said()
    return Said((f"a query takes {typical:.2f} s, slower than {SLOW_QUERY_SECONDS:g} s",))


def requests(total: int, failed: int) -> Said:
    """The gateway's own counts. None at all is telemetry that does not arrive, and no proof of anything."""
    if total <= 0:
        return Said(unseen=("the gateway has counted no request yet",))
    good = 1 - failed / total
    if good >= GOOD_SHARE:
        return Said()
    return Said((f"{failed} of {total} requests failed: {good:.0%} were good, {GOOD_SHARE:.0%} are wanted",))
