"""Status updates on a timer (COMM-1): short, regular, with the next one's time; also while everybody waits for somebody.

When the next is due follows from the journal alone, so a resumed run neither forgets nor repeats one. Sending happens
beside the run: a channel that hangs holds nothing up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from clouds.notify import Channel, Deliver, deliver
from clouds.runbook.calls import Journal
from clouds.runbook.messages import facts_of
from clouds.runbook.runs import Begun
from recovery.journal.chain import Kind
from recovery.messages.texts import LANGUAGES, UPDATE_MINUTES, render
from recovery.runbook.state import SETTLED, Mode, State

STEP = "status-timer"
TELLING = ("declaration", "rollback-begins", "status")
"""Templates that named the next update's time."""
REAL_SECONDS = 10.0
"""However fast simulated time goes, no more than one update in so many real seconds."""


class StatusUpdates:
    """Called at every turn of the run. channels: of the internal audience; clock: epoch seconds."""

    def __init__(
        self,
        begun: Begun,
        journal: Journal,
        channels: Callable[[], Sequence[Channel]],
        clock: Callable[[], float],
        scale: float = 1.0,
        deliver: Deliver = deliver,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._begun, self._journal, self._channels, self._clock = begun, journal, channels, clock
        self._deliver, self._say, self._scale = deliver, say, scale
        self._every = max(60.0 * UPDATE_MINUTES / scale, REAL_SECONDS)
        self._last: float | None = None
        self._sending: threading.Thread | None = None

    def look(self, state: State) -> None:
        """Send one where it is due."""
        if state.mode not in (Mode.RUNNING, Mode.PAUSED) or state.of(state.runbook.goal).phase in SETTLED:
            return
        now = self._clock()
        last = self._last if self._last is not None else self._told(state.run)
        if last is None:
            return  # the declaration names the first time; before it there is nobody to update
        if (
            not 0 <= now - last < self._every
        ):  # a clock set back counts as due: one too many, never one too few
            self._last = now
            if self._sending is None or not self._sending.is_alive():
                self._sending = threading.Thread(target=self._send, args=(state, now), daemon=True, name=STEP)
                self._sending.start()

    def wait(self, seconds: float) -> None:
        """Until what is being sent is sent, at most so long (at the run's end)."""
        if self._sending is not None:
            self._sending.join(seconds)

    def _told(self, run: str) -> float | None:
        for record in reversed(self._journal.records):
            if record.run == run and record.kind is Kind.MESSAGE and record.body.get("template") in TELLING:
                return datetime.fromisoformat(record.at.replace("Z", "+00:00")).timestamp()
        return None

    def _send(self, state: State, now: float) -> None:
        facts = facts_of(state, self._begun, now, self._scale)
        taken: list[str] = []
        for channel in self._channels():
            for language in LANGUAGES:
                message = render("status", language, facts)
                done = self._deliver(channel, message)
                body = {"step": STEP, "template": "status", "channel": channel.name, "language": language,
                        "audience": message.audience, "subject": message.subject, "text": message.body, "at": done.at,
                        "state": "sent" if done.sent else "failed", "reason": done.reason}  # fmt: skip
                self._journal.append(Kind.MESSAGE, state.run, body)
                taken += [channel.name] if done.sent else []
        self._say(
            f"status update sent on {', '.join(sorted(set(taken))) or 'NO channel'}; the next at {facts.next_update} UTC"
        )
