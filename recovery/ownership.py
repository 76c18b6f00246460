"""Is the owner of an interrupted run dead? Only proof counts: a lock taken from a living run ruins both. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from recovery.errors import Stopped


class Life(StrEnum):
    """What is known of an owner. ELSEWHERE: it ran on another host, so from here nobody can look."""

    DEAD = "dead"
    ALIVE = "alive"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Owner:
    """One witness to the interrupted run: the run record's two processes, Pulumi's own lock, the lease.

    what: for a person ("dr up -s active, process 4711 on ops-1"). evidence: why we think so.
    """

    what: str
    life: Life
    evidence: str


def prove_dead(owners: Sequence[Owner], confirmed_host: str = "") -> list[str]:
    """The evidence, one line a witness, when every owner is dead; else Stopped.

    confirmed_host: a person's word that what ran on that other host is dead; it counts only for the owners
    that nobody can look at from here, never against a living one.
    """
    alive = [o for o in owners if o.life is Life.ALIVE]
    if alive:
        raise Stopped(
            "the run is not dead: " + "; ".join(f"{o.what} ({o.evidence})" for o in alive),
            "cancelling a living run lets two runs change the same footprint",
            "wait for it to end (dr status), or end it where it runs; a lease ends by itself within 60 s",
            retry=True,
        )
    unseen = [o for o in owners if o.life is Life.ELSEWHERE]
    if unseen and not all(confirmed_host and f" on {confirmed_host}" in o.what for o in unseen):
        raise Stopped(
            "nobody can see from here whether it is dead: " + "; ".join(f"{o.what}" for o in unseen),
            "its lease has expired, but a process on another host may only have lost its network",
            f"look there, end it, then: dr resume --dead-host {_host(unseen[0].what)}",
        )
    word = [f"{o.what}: a person says that it is dead" for o in unseen]
    return [*(f"{o.what}: {o.evidence}" for o in owners if o.life is Life.DEAD), *word]


def _host(what: str) -> str:
    return what.rpartition(" on ")[2].split()[0].strip(",;") or "HOST"
