"""Channels: Slack, e-mail, status page, Teams, by URL through apprise; always a copy in this machine's outbox.

Settings, section ``channels``: audience -> list of ``{"name": ..., "url": ...}``; ``${NAME}`` in a URL is taken from
the environment, so that no secret stands in a file. A channel that is down is an answer, never an exception.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clouds.gates.world import within
from clouds.journal_place import home, utc_now
from clouds.program import stack_config
from recovery.messages.texts import Message
from recovery.model import Json

TIMEOUT_SECONDS = 20.0
OUTBOX = "outbox"


@dataclass(frozen=True)
class Channel:
    """One channel. url: an apprise URL with its secrets in it, so it is never shown; OUTBOX for the local copy.

    trouble: why nothing can be sent on it ("" when it can): said for each message, and no hindrance to the others.
    """

    name: str
    url: str
    trouble: str = ""


@dataclass(frozen=True)
class Delivery:
    """What became of a message on one channel. reason: "" when it was taken."""

    channel: str
    at: str
    reason: str = ""

    @property
    def sent(self) -> bool:
        """Did the channel take it?"""
        return not self.reason


Deliver = Callable[[Channel, Message], Delivery]


def channels(
    root: Path, audience: str, environ: Mapping[str, str] = os.environ, stack: str = "standby"
) -> list[Channel]:
    """The channels of an audience, the outbox first, as `stack`'s file names them. A URL whose variables are not set is a
    channel in trouble, never an exception."""
    project, config, _ = stack_config(root, stack)
    named: Mapping[str, Json] = json.loads(config.get(f"{project}:channels") or "{}")
    found = [Channel(OUTBOX, str(home(root, environ) / OUTBOX / f"{audience}.jsonl"))]
    for one in named.get(audience) or []:
        url = str(one["url"])
        missing = [name for name in re.findall(r"\$\{(\w+)\}", url) if not environ.get(name)]
        if missing:
            found.append(Channel(str(one["name"]), "", f"{', '.join(missing)} is not set in the environment"))
        else:
            found.append(Channel(str(one["name"]), re.sub(r"\$\{(\w+)\}", lambda m: environ[m[1]], url)))
    return found


def deliver(channel: Channel, message: Message) -> Delivery:
    """Send one message to one channel, within TIMEOUT_SECONDS. Never raises for what a channel does."""
    if channel.name == OUTBOX:
        return _keep(channel, message)
    if channel.trouble:
        return Delivery(channel.name, utc_now(), channel.trouble)
    try:
        taken = within(TIMEOUT_SECONDS, lambda: _apprise(channel.url, message))
    except Exception as error:  # noqa: BLE001 (any trouble of a channel is an answer: it must not stop a failover)
        return Delivery(channel.name, utc_now(), type(error).__name__)  # its text may hold the URL
    return Delivery(channel.name, utc_now(), "" if taken else "the channel did not take it")


def _apprise(url: str, message: Message) -> bool:
    import apprise

    sender = apprise.Apprise()
    if not sender.add(url):
        raise ValueError("apprise does not understand the URL")
    return bool(sender.notify(title=message.subject, body=message.body))


def _keep(channel: Channel, message: Message) -> Delivery:
    path, at = Path(channel.url), utc_now()
    line = json.dumps({"at": at, "template": message.template, "language": message.language,
                       "subject": message.subject, "body": message.body}, ensure_ascii=False)  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as out:
            out.write(line + "\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        return Delivery(channel.name, at, f"{type(error).__name__}: {error}")
    return Delivery(channel.name, at)


def reach(names: Sequence[Channel]) -> str:
    """The channels' names, for a sentence."""
    return ", ".join(one.name for one in names) or "no channel"
