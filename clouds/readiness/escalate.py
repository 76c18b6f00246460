"""A failure that was not fixed in its window goes to the CTO: the message, on every internal channel, written down (READY-8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from clouds import notify
from clouds.readiness import kept
from clouds.readiness.world import ReadyWorld
from recovery.messages.texts import Message
from recovery.model import Json
from recovery.readiness.trail import Trail, message

TEMPLATE = "readiness-escalation"


def escalate(world: ReadyWorld, trails: Sequence[Trail], run: str) -> list[dict[str, Json]]:
    """Send one message for all of them; a document for each, which says on which channels it arrived.

    A channel that does not take it is written down too; the next run tries again as long as none did.
    """
    subject, body = message(list(trails), run)
    sent = Message(TEMPLATE, "pt+en", "internal", subject, body)
    delivered = [
        asdict(notify.deliver(one, sent)) for one in notify.channels(world.root, "internal", world.environ)
    ]
    # Against a real cloud this machine's outbox is a copy, and nobody's inbox.
    local = world.endpoints.control_url is not None
    reached = any(not one["reason"] and (local or one["channel"] != notify.OUTBOX) for one in delivered)
    now = world.now()
    documents: list[dict[str, Json]] = []
    for trail in trails:
        document: dict[str, Json] = {
            "kind": "escalated", "check": trail.check, "at": now.isoformat(timespec="seconds"), "by": kept.person(),
            "text": subject, "body": body, "delivered": delivered, "reached": reached,
        }  # fmt: skip
        kept.keep(world, kept.new_id(now, "escalated"), document)
        documents.append(document)
    return documents
