"""Which level of disaster it is, on what evidence, and which runbook follows (TL-1 to TL-5). Decides; never acts.

Unknown is no failure: a region is lost only when all independent ways of reaching it agree that it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """The seed's classification. NONE: nothing is wrong. Higher is worse."""

    NONE = 0
    COMPONENT = 1
    SERVICE = 2
    ZONE = 3
    REGION = 4
    TOTAL_LOSS = 5


@dataclass(frozen=True)
class Database:
    """One server. role: "primary", "replica", or "" (not known). reachable None: not looked at.
    intact: the schema's table is there (None: not known). lag: seconds behind its primary (None: not known)."""

    name: str
    region: str
    zone: str = ""
    reachable: bool | None = None
    role: str = ""
    intact: bool | None = None
    lag: float | None = None
    writable: bool | None = None
    """Of a primary: does it take writes by its own settings? None: not known."""


@dataclass(frozen=True)
class Workload:
    """A deployment: pods wanted and Ready."""

    name: str
    wanted: int
    ready: int


@dataclass(frozen=True)
class Observed:
    """What was looked at. Each None: it could not be.

    control_plane: the primary region's Kubernetes API answers. region_api: the region's own AWS endpoint answers.
    nodes: zone -> (Ready, all). healthz: the public endpoint's status. backups: dates (YYYYMMDD) found complete.
    """

    control_plane: bool | None
    region_api: bool | None
    nodes: Mapping[str, tuple[int, int]] | None
    workloads: Sequence[Workload] | None
    databases: Sequence[Database]
    healthz: int | None
    backups: Sequence[str] | None
    region: str = "us-east-1"
    serving: str = ""
    """Where the flag says that traffic goes when it is not `region`; "" in normal times, or where nobody can say."""

    @property
    def moved(self) -> bool:
        """Does the other region serve?"""
        return bool(self.serving) and self.serving != self.region


@dataclass(frozen=True)
class Assessment:
    """The answer. unknown: what could not be observed; with any, a level of 0 may not be concluded."""

    level: Level
    evidence: tuple[str, ...]
    unknown: tuple[str, ...]
    command: str

    @property
    def sentence(self) -> str:
        """The verdict, as the last line says it."""
        if self.level:
            return f"Level {self.level.value} ({self.level.name.lower().replace('_', ' ')}): {self.evidence[0]}. Next: {self.command}"
        if self.unknown:
            return f"No level may be concluded: {len(self.unknown)} thing(s) could not be observed."
        return "Nothing is wrong: every pod, node and database that was asked answered."


def assess(seen: Observed) -> Assessment:
    """The worst level that the evidence proves. Rules in the order of harm; each needs positive evidence."""
    found = [
        (Level.TOTAL_LOSS, _total_loss(seen), _restore_command(seen)),
        (Level.REGION, _region(seen), _move(seen)),
        (Level.SERVICE, _split(seen), _reunite(seen)),
        (Level.ZONE, _zone(seen)[0], f"dr recover --level 3 --zone {_zone(seen)[1]}"),
        (Level.SERVICE, _service(seen), "dr recover --level 2"),
        (Level.COMPONENT, _component(seen), "dr recover --level 1"),
        (Level.COMPONENT, _replicas(seen)[0], _replicas(seen)[1]),
    ]
    for level, why, command in found:
        if why:
            below = tuple(
                reason
                for other, reasons, _ in found
                if other <= level and reasons != why
                for reason in reasons
            )
            return Assessment(level, (*why, *below), _unknown(seen), command)
    return Assessment(Level.NONE, (), _unknown(seen), "")


def _total_loss(seen: Observed) -> tuple[str, ...]:
    """Every server that answers has lost the data: a replica that still has it would make this level 2 or 4."""
    answered = [d for d in seen.databases if d.reachable and d.intact is not None]
    if (
        answered
        and not any(d.intact for d in answered)
        and not any(d.reachable is None for d in seen.databases)
    ):
        names = ", ".join(d.name for d in answered)
        return (f"the data is gone from every database that answers ({names})",)
    return ()


def _region(seen: Observed) -> tuple[str, ...]:
    """Control plane, AWS endpoint and every database of the region: none answers."""
    own = [d for d in seen.databases if d.region == seen.region]
    silent = (
        seen.control_plane is False and seen.region_api is False and all(d.reachable is False for d in own)
    )
    return (
        (
            f"{seen.region} does not answer: neither its cluster, nor its AWS endpoint, nor {len(own)} database(s)",
        )
        if silent
        else ()
    )


def _move(seen: Observed) -> str:
    """After a failover the answer to the same loss is to wait: what is left to do is the way back."""
    return (
        f"dr recover --back 4    (once {seen.region} is there again; {seen.serving} serves)"
        if seen.moved
        else "dr recover --level 4"
    )


def _split(seen: Observed) -> tuple[str, ...]:
    """Two writable sides are never unknown: an old primary that came back takes writes until it is silenced."""
    open_ = [
        d.name for d in seen.databases if d.reachable and d.role == "primary" and d.writable is not False
    ]
    return (f"{len(open_)} databases take writes: {', '.join(open_)}",) if len(open_) > 1 else ()


def _reunite(seen: Observed) -> str:
    far = any(d.role == "primary" and d.region != seen.region for d in seen.databases)
    return f"dr recover --back {4 if far else 2}    (silences the older one first)"


def _zone(seen: Observed) -> tuple[tuple[str, ...], str]:
    dark = [zone for zone, (ready, count) in sorted((seen.nodes or {}).items()) if count and not ready]
    if not dark or len(dark) == len(seen.nodes or {}):
        return (), ""
    return tuple(
        f"no node of {zone} is Ready (0 of {seen.nodes[zone][1]})" for zone in dark if seen.nodes
    ), dark[0]


def _service(seen: Observed) -> tuple[str, ...]:
    why = []
    own = [d for d in seen.databases if d.region == (seen.serving or seen.region)]
    if (
        own
        and not any(d.reachable and d.role == "primary" for d in own)
        and not any(d.reachable is None for d in own)
    ):
        down = ", ".join(d.name for d in own if not d.reachable)
        why.append(f"no primary database takes writes ({down or 'all are replicas'})")
    why += [
        f"no pod of {w.name} is Ready (0 of {w.wanted})"
        for w in seen.workloads or ()
        if w.wanted and not w.ready
    ]
    return tuple(why)


def _component(seen: Observed) -> tuple[str, ...]:
    short = [
        f"{w.ready} of {w.wanted} pods of {w.name} are Ready"
        for w in seen.workloads or ()
        if w.ready < w.wanted
    ]
    if not short and seen.healthz is not None and seen.healthz != 200:
        short.append(f"/healthz answers {seen.healthz}")
    return tuple(short)


def _replicas(seen: Observed) -> tuple[tuple[str, ...], str]:
    """Servers that are silent while a primary takes writes: nobody notices until the next one is lost."""
    if _region(seen) or _service(seen):
        return (), ""
    silent = [d for d in seen.databases if d.reachable is False]
    far = [d for d in silent if d.region != seen.region]
    why = tuple(f"database {d.name} ({d.zone or d.region}) does not answer" for d in silent)
    return why, (
        f"dr drift -s trustlayer-standby    (level 4 promotes {far[0].name})"
        if far
        else "dr runbook show trustlayer-database-down"
    )


def _unknown(seen: Observed) -> tuple[str, ...]:
    parts = {
        "the cluster's API": seen.control_plane, "the region's AWS endpoint": seen.region_api, "nodes": seen.nodes,
        "pods": seen.workloads, "/healthz": seen.healthz, "backups": seen.backups,
    }  # fmt: skip
    silent = [f"database {d.name}" for d in seen.databases if d.reachable is None]
    return (*(name for name, value in parts.items() if value is None), *silent)


def _restore_command(seen: Observed) -> str:
    return f"dr recover --level 5 --date {max(seen.backups)}" if seen.backups else "dr backup list"
