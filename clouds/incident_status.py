"""The status of a site trustlayer incident, told to each audience in its own rhythm while the run goes on (TL-7).

The timers live in the run: every change and every second it asks what is owed. Sending happens in a thread of its own,
so that a slow channel holds up no recovery; what was told is in the journal, so that a resumed run goes on from there.
At least once: a kill between sending and its record repeats a message, marked as a possible repeat.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clouds.notify import Channel as Way
from clouds.notify import Delivery
from recovery.journal.chain import Kind, Record
from recovery.messages.texts import Message
from recovery.model import Json
from recovery.runbook.state import Mode, State
from recovery.trustlayer.status import document, in_plain_words, next_update, of_run, owed

MEANT, TOLD = "status-meant", "status-told"


class Journal(Protocol):
    """The part of a journal that is needed here."""

    @property
    def records(self) -> Sequence[Record]: ...
    def append(self, kind: Kind, run: str, body: dict[str, Json]) -> Record: ...


@dataclass
class Teller:
    """Tells of one run. ways: audience -> channels. clock: epoch seconds, scaled as the rehearsal is (1 = real)."""

    run: str
    impact: str
    journal: Journal
    ways: Callable[[str], Sequence[Way]]
    deliver: Callable[[Way, Message], Delivery]
    clock: Callable[[], float]
    told: dict[str, float] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    _changed: float = 0.0
    _seen: str = ""
    _work: queue.Queue[tuple[str, Message, float] | None] = field(default_factory=queue.Queue)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        for record in self.journal.records:
            if record.run != self.run or record.kind is not Kind.NOTE:
                continue
            audience, at = str(record.body.get("audience", "")), record.body.get("at")
            if record.body.get("what") == MEANT:
                self.unsure.add(audience)
            elif record.body.get("what") == TOLD and isinstance(at, int | float):
                self.unsure.discard(audience)
                self.told[audience] = float(at)

    def look(self, state: State) -> None:
        """Send what is owed now."""
        if state.mode is Mode.READY:
            return
        now, ended = self.clock(), state.mode is Mode.COMPLETED
        incident = of_run(state, self.impact)
        if (said := f"{incident.standing} {incident.current}") != self._seen:
            self._seen, self._changed = said, now
        for channel in owed(self.told, now, self._changed, ended):
            told_now = {**self.told, channel.audience: now}
            shown = in_plain_words(incident) if channel.audience == "users" else incident
            text = document(shown, next_update(told_now, now) / 60)
            again = (
                "(possibly a repeat: the run was interrupted while this was sent)\n\n"
                if channel.audience in self.unsure
                else ""
            )
            subject = f"[{shown.standing}] {shown.title}"
            self.told[channel.audience] = now
            self.unsure.discard(channel.audience)
            self._start().put(
                (channel.audience, Message("status", "en", channel.audience, subject, again + text), now)
            )

    def close(self, seconds: float = 30.0) -> None:
        """Wait until everything is sent."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join(seconds)
            self._thread = None

    def _start(self) -> queue.Queue[tuple[str, Message, float] | None]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._send, daemon=True)
            self._thread.start()
        return self._work

    def _send(self) -> None:
        while (one := self._work.get()) is not None:
            audience, message, at = one
            self.journal.append(Kind.NOTE, self.run, {"what": MEANT, "audience": audience})
            results = [self.deliver(way, message) for way in self.ways(audience)]
            body = {
                "what": TOLD, "audience": audience, "at": at, "subject": message.subject,
                "channels": [{"channel": r.channel, "at": r.at, "reason": r.reason} for r in results],
            }  # fmt: skip
            self.journal.append(Kind.NOTE, self.run, body)
