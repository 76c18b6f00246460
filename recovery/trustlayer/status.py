"""The incident's status document and who is told, where, how often (TL-7). Plain data in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from recovery.runbook.state import SETTLED, Mode, State


class Standing(StrEnum):
    """The template's four words."""

    INVESTIGATING = "Investigating"
    IDENTIFIED = "Identified"
    MONITORING = "Monitoring"
    RESOLVED = "Resolved"


@dataclass(frozen=True)
class Channel:
    """One audience. every: seconds between updates; 0: each change at once; None: only when somebody calls it."""

    audience: str
    where: str
    every: float | None


CHANNELS: tuple[Channel, ...] = (
    Channel("engineers", "Slack #incidents", 0),
    Channel("users", "status page", 15 * 60),
    Channel("stakeholders", "e-mail", 30 * 60),
    Channel("executives", "bridge call", None),
)


@dataclass(frozen=True)
class Moment:
    """One line of the timeline. at: epoch seconds."""

    at: float
    text: str


@dataclass(frozen=True)
class Incident:
    """All that the document says."""

    title: str
    standing: Standing
    impact: str
    start: float
    timeline: Sequence[Moment]
    current: str


def owed(told: Mapping[str, float], now: float, changed: float, ended: bool = False) -> list[Channel]:
    """Channels that are owed an update now. told: audience -> when it was last told (absent: never). changed: when
    the document last changed. After the end each audience that was told anything is told once more, and no more."""
    out = []
    for channel in CHANNELS:
        last = told.get(channel.audience)
        if channel.every is None:
            continue
        news = last is None or last < changed
        if (ended and news) or (
            not ended
            and (
                last is None
                or (channel.every == 0 and news)
                or (channel.every > 0 and now - last >= channel.every)
            )
        ):
            out.append(channel)
    return out


def next_update(told: Mapping[str, float], now: float) -> float:
    """Seconds until the users' next update."""
    pace = next(c.every for c in CHANNELS if c.audience == "users") or 0.0
    return max(0.0, told.get("users", now) + pace - now)


def document(incident: Incident, minutes: float) -> str:
    """The status document in the template's structure. Times in UTC."""
    lines = [
        f"## Incident: {incident.title}", f"**Status:** {incident.standing}", f"**Impact:** {incident.impact}",
        f"**Start Time:** {_utc(incident.start):%Y-%m-%d %H:%M} UTC", "", "### Timeline",
        *(f"- **{_utc(m.at):%H:%M}** - {m.text}" for m in sorted(incident.timeline, key=lambda m: m.at)),
        "", "### Current Status", incident.current, "", "### Next Update",
    ]  # fmt: skip
    last = (
        "None: the incident is resolved."
        if incident.standing is Standing.RESOLVED
        else f"In {minutes:.0f} minutes, or when there is news."
    )
    return "\n".join([*lines, last]) + "\n"


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


PLAIN: Mapping[Standing, str] = {
    Standing.INVESTIGATING: "We are investigating.",
    Standing.IDENTIFIED: "The cause is known, and we are working on it.",
    Standing.MONITORING: "A fix is in place, and we are watching it.",
    Standing.RESOLVED: "Service is restored.",
}


def in_plain_words(incident: Incident) -> Incident:
    """The same for users: what stands, and when it began and ended; no step, no server, no decision of ours."""
    first, *rest = sorted(incident.timeline, key=lambda m: m.at) or [Moment(incident.start, "")]
    moments = [Moment(first.at, "We noticed a problem")]
    if incident.standing is Standing.RESOLVED and rest:
        moments.append(Moment(rest[-1].at, PLAIN[Standing.RESOLVED]))
    return Incident(
        "service disruption",
        incident.standing,
        incident.impact,
        incident.start,
        moments,
        PLAIN[incident.standing],
    )


_RECOVERING = ("recover", "restore", "switch", "traffic")
"""Parts of the runbooks in which something is done about it."""


def of_run(state: State, impact: str) -> Incident:
    """The incident as a run of a runbook tells it: what has ended is its timeline, what is at work its current status."""
    steps = [(step, state.of(step.id)) for step in state.runbook.steps]
    ended = [(step, now) for step, now in steps if now.ended is not None]
    moments = [Moment(state.started or 0.0, "Incident declared; the runbook was begun")]
    moments += [Moment(now.ended or 0.0, f"{step.title}: {now.phase}") for step, now in ended]
    at_work = [step.title for step, now in steps if now.phase not in SETTLED and now.started is not None]
    if state.mode is Mode.COMPLETED:
        standing, current = Standing.RESOLVED, "Service is restored."
        moments.append(Moment(state.ended or 0.0, "Service restored"))
    else:
        waiting = [f"waits for a decision: {state.runbook.step(id).title}" for id in state.stuck]
        current = "; ".join(waiting or at_work) or "The runbook begins."
        acting = [now for step, now in steps if step.part in _RECOVERING]
        if acting and all(now.phase in SETTLED for now in acting):
            standing = Standing.MONITORING
        elif any(now.phase in SETTLED for _, now in ended):
            standing = Standing.IDENTIFIED
        else:
            standing = Standing.INVESTIGATING
    return Incident(
        state.runbook.title.removeprefix("TrustLayer "),
        standing,
        impact,
        state.started or 0.0,
        moments,
        current,
    )


IMPACT: Mapping[int, str] = {
    1: "Fewer pods carry the load; users may meet single slow answers.",
    2: "Writes or all requests fail until the database or the API is back.",
    3: "A third of the capacity is gone; writes fail until a replica has taken over.",
    4: "The site is unavailable until us-west-2 serves; the newest writes of us-east-1 may be lost.",
    5: "The data is being restored from a backup; what was written after it is lost.",
    -2: "Planned: writes are refused for some seconds while the database returns to its home server.",
    -3: "Planned: writes are refused for some seconds while the database returns to its home zone.",
    -4: "Planned: writes are refused for some seconds while service returns to us-east-1.",
}
"""Of each level, in plain words (TL-7); negative: of the way back from it."""
