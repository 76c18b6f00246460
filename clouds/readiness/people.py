"""Probes of people and habit: who may approve, which channels answer, the last drill and the time that it took."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from urllib.parse import urlsplit

from clouds.readiness.world import ReadyWorld
from recovery.model import Json

Evidence = dict[str, Json]
CONNECT_SECONDS = 5.0

HOSTS = {
    "slack": ("hooks.slack.com", 443), "msteams": ("outlook.office.com", 443), "discord": ("discord.com", 443),
    "tgram": ("api.telegram.org", 443), "pagerduty": ("events.pagerduty.com", 443),
    "opsgenie": ("api.opsgenie.com", 443), "gmail": ("smtp.gmail.com", 587),
}  # fmt: skip
"""Where apprise sends what has no host in its URL (apprise wiki, one page a service)."""

PORTS = {
    "mailto": 587,
    "mailtos": 587,
    "json": 80,
    "jsons": 443,
    "xml": 80,
    "xmls": 443,
    "form": 80,
    "forms": 443,
}


def approvers(world: ReadyWorld) -> Evidence:
    """Roles and who holds them; whose word could not be proven."""
    from clouds.runbook.people import load_people
    from recovery.runbook.roles import Role

    people = load_people(world.root, world.environ)
    rows = [
        {"role": str(role), "people": sorted(w for w, r in people.roles.items() if role in r)}
        for role in Role
    ]
    return {"roles": rows, "unprovable": sorted(w for w in people.roles if not people.verifiers.get(w))}


def channels(world: ReadyWorld) -> Evidence:
    """Each channel of each audience: the outbox is written to, every other one's server is connected to.

    No message is sent to people: who reads a channel would learn to ignore it.
    """
    from clouds import notify

    rows: list[Json] = []
    for audience in ("internal", "external"):
        for channel in notify.channels(world.root, audience, world.environ):
            own = channel.name == notify.OUTBOX
            reason = _writable(channel.url) if own else _connects(channel.url)
            rows.append(
                {
                    "audience": audience,
                    "name": f"{channel.name} ({audience})",
                    "outbox": own,
                    "reason": reason,
                }
            )
    return {"channels": rows, "local": world.endpoints.control_url is not None}


def _writable(path: str) -> str:
    from pathlib import Path

    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("a", encoding="utf-8"):
            return ""
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def _connects(url: str) -> str:
    """ "" when the server behind an apprise URL takes a connection, else why not. The URL itself is never said."""
    try:
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        host, port = HOSTS.get(scheme) or (parts.hostname or "", parts.port or PORTS.get(scheme, 443))
    except ValueError:
        return "its URL cannot be understood"
    if not host:
        return "its URL names no host"
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS):
            return ""
    except OSError as error:
        return f"port {port} of its server: {type(error).__name__}"


def drill(world: ReadyWorld) -> Evidence:
    """The newest failover on record that was a drill."""
    from clouds import journal_place
    from clouds.runbook.runs import runs

    drills = [one for one in runs(journal_place.read(world.root, world.environ).records)
              if one.book == "failover" and one.drill]  # fmt: skip
    if not drills:
        return {"found": False}
    last = drills[-1]
    began = datetime.fromisoformat(last.at.replace("Z", "+00:00")).astimezone(UTC)
    return {
        "found": True, "run": last.id, "outcome": last.ended or "unfinished",
        "age": (world.now() - began).total_seconds(),
    }  # fmt: skip


def recovery_time(world: ReadyWorld) -> Evidence:
    """Seconds of the newest drill that ended, people's waiting time apart, as its own report says them."""
    from clouds import journal_place
    from clouds.runbook.runs import runs, state_of
    from recovery.report.incident import incident

    records = journal_place.read(world.root, world.environ).records
    ended = [one for one in runs(records) if one.book == "failover" and one.drill and one.ended]
    for last in reversed(ended):
        made = incident(state_of(last, records), records, last.to_json(), world.endpoints.scale, {})
        if made.worked is not None:
            return {
                "found": True,
                "run": last.id,
                "seconds": float(made.worked),
                "scale": world.endpoints.scale,
            }
    return {"found": False}
