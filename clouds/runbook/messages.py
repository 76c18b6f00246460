"""The effect `message.send`: rendered from the run's facts, sent to every channel of the audience, each try recorded.

A chat has no key to look a message up by, so it is sent at least once: where a kill left it open whether one was sent,
it is sent again and says that it may be a repetition. A channel that is down never stops the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from clouds.notify import Channel, Deliver, deliver
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok
from clouds.runbook.runs import Begun
from recovery.journal.chain import Kind
from recovery.messages.drafts import drafted
from recovery.messages.texts import LANGUAGES, TEMPLATES, UPDATE_MINUTES, Facts
from recovery.model import Json
from recovery.runbook.path import critical_path
from recovery.runbook.state import LOOKING, SETTLED, Phase, State


def facts_of(state: State, begun: Begun, now: float, scale: float = 1.0, repeat: bool = False) -> Facts:
    """What may be said of a run now. now: epoch seconds."""
    started = state.started or now
    seen = {
        step.id: max(0.0, ((one.ended or now) - one.started) * scale)
        for step in state.runbook.steps
        if (one := state.of(step.id)).started is not None and one.phase in SETTLED
    }
    left = critical_path(state.runbook, seen=seen).seconds
    titles = {step.id: step.title for step in state.runbook.steps}
    validated = state.of(state.runbook.goal)
    rto = _span((validated.ended or now) - started) if validated.phase is Phase.DONE else ""
    return Facts(
        run=state.run, runbook=state.runbook.id, scenario=begun.scenario or "AWS does not serve image-app",
        reason=begun.reason or "not given", started=_clock(started), now=_clock(now),
        next_update=_clock(now + 60 * UPDATE_MINUTES / scale), estimate=_clock(started + max(left / scale, now - started)),
        drill=begun.drill,
        done=tuple(titles[id] for id in titles if state.of(id).phase is Phase.DONE),
        under_way=tuple(titles[id] for id in titles if state.of(id).phase in LOOKING),
        waiting=tuple(titles[id] for id in titles if state.of(id).phase is Phase.APPROVAL),
        owed=tuple(state.obligations.values()), rto=rto, repeat=repeat,
    )  # fmt: skip


class MessageEffects:
    """channels: audience -> channels (may raise recovery.errors). deliver: sends one message on one channel."""

    def __init__(
        self,
        begun: Begun,
        channels: Callable[[str], Sequence[Channel]],
        clock: Callable[[], float],
        deliver: Deliver = deliver,
    ) -> None:
        self._begun, self._channels, self._clock, self._deliver = begun, channels, clock, deliver

    def table(self) -> dict[str, Handler]:
        """Effect kind -> function."""
        return {"message.send": self.send}

    def send(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Every language on every channel of the audience."""
        template = str(args["template"])
        tried = {
            (str(r.body.get("channel")), str(r.body.get("language"))): str(r.body.get("state"))
            for r in call.journal.records
            if r.kind is Kind.MESSAGE and r.run == call.run and r.body.get("step") == call.step
        }
        sent: list[str] = []
        missed: list[str] = []
        audience = "internal" if call.drill else TEMPLATES[template]  # a drill tells nobody outside
        for channel in self._channels(audience):
            for language in LANGUAGES:
                before = tried.get((channel.name, language))
                if before == "sent":
                    sent.append(channel.name)
                    continue
                facts = facts_of(call.state, self._begun, self._clock(), call.scale, before == "sending")
                message = drafted(template, language, facts, call.journal.records, call.run)
                body = {"step": call.step, "template": template, "channel": channel.name, "language": language,
                        "audience": audience, "subject": message.subject, "text": message.body}  # fmt: skip
                call.note(Kind.MESSAGE, body | {"state": "sending"})
                done = self._deliver(channel, message)
                call.note(
                    Kind.MESSAGE,
                    body | {"state": "sent" if done.sent else "failed", "reason": done.reason, "at": done.at},
                )
                (sent if done.sent else missed).append(channel.name)
        where = sorted(set(sent))
        if missed:
            call.say(f"NOT sent on {', '.join(sorted(set(missed)))}: tell these people by other means")
        return (
            ok(sent=where, missed=sorted(set(missed)))
            if where
            else failed("no channel took it", missed=missed)
        )


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
