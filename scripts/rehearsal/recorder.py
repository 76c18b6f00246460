"""Keeps what happens while it happens, on one clock, so that a report can be written at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from clouds.endpoints import Endpoints
from clouds.poller import Polled, Poller, Watch
from recovery.errors import DrError, Stopped
from recovery.report.gatelog import gate_records
from recovery.report.model import (
    DialPoint,
    DriftRecord,
    Failure,
    Outcome,
    Part,
    Picture,
    Report,
    Request,
    RunbookRecord,
    Served,
    StepRecord,
    WritesRecord,
)
from scripts.rehearsal.show import Show


class Ended(Exception):  # noqa: N818  it is no error: the reason is kept in the record
    """The story ended early; the record knows why."""


class Recorder:
    """One rehearsal's record. titles: the steps in order, so that what was not reached can be named.

    sides: which addresses belong to whom; filled by the story as it learns them.
    """

    def __init__(self, engine: str, scale: float, titles: Sequence[str], show: Show) -> None:
        self._zero = time.monotonic()
        self.started = datetime.now(UTC)
        self.engine = engine
        self.scale = scale
        self.titles = tuple(titles)
        self.show = show
        self.steps: list[StepRecord] = []
        self.drift: list[DriftRecord] = []
        self.parts: list[Part] = []
        self.picture: Picture | None = None
        self.failure: Failure | None = None
        self.stopped_by_person = False
        self.sides: dict[str, Served] = {}
        self.gate_log: Path | None = None
        self.left_running: tuple[str, ...] = ()
        self.ttl = 0.0
        self.runbooks: list[RunbookRecord] = []
        self.writes: WritesRecord | None = None
        self.switches = (5, 6)
        self._facts: list[str] = []
        self._poller: Poller | None = None
        self._watch: Watch | None = None

    def clock(self) -> float:
        """Real seconds since the rehearsal began."""
        return round(time.monotonic() - self._zero, 4)

    def fact(self, text: str) -> None:
        """A short sentence with figures for the step under way."""
        self._facts.append(text)
        self.show.fact(text)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step of the story. An error ends it as failed or stopped, keeps the reason, and raises Ended."""
        number, start = len(self.steps) + 1, self.clock()
        self._facts = []
        self.show.begin(number, len(self.titles), title)
        outcome = Outcome.DONE
        try:
            yield
        except KeyboardInterrupt:
            outcome, self.stopped_by_person = Outcome.STOPPED, True
            raise
        except DrError as error:
            outcome = Outcome.STOPPED if isinstance(error, Stopped) else Outcome.FAILED
            self.failed(error)
            raise Ended from error
        except Exception as error:
            # Whatever broke, the report of what ran until then is still wanted; the error itself goes up.
            outcome = Outcome.FAILED
            self.failed(error)
            raise
        finally:
            end = self.clock()
            self.steps.append(StepRecord(number, title, outcome, start, end, tuple(self._facts)))
            self.show.end(outcome, end - start)

    def failed(self, error: BaseException) -> None:
        """Keep an error as the reason, unless there is an earlier one."""
        if self.failure is None and isinstance(error, DrError):
            self.failure = Failure(error.summary, error.detail, error.fix)
        elif self.failure is None:
            self.failure = Failure(
                f"{type(error).__name__}: {error}",
                "this is a fault of the program, not a finding about the standby",
                "run it again with --keep and read the logs in the state folder that it names",
            )

    def poll(self, poller: Poller, watch: Watch) -> None:
        """From here on the polling client's requests and the dials' values belong to the record."""
        self._poller, self._watch = poller, watch
        poller.start()
        watch.start()

    def stop_polling(self) -> None:
        """End the client and the watch; what they saw stays. Does nothing when they never began."""
        if self._poller:
            self._poller.stop()
        if self._watch:
            self._watch.stop()

    def polled(self) -> list[Polled]:
        """The requests so far."""
        return list(self._poller.requests) if self._poller else []

    def side(self, polled: Polled) -> Served:
        """Whose address a request was sent to."""
        if polled.address:
            return self.sides.get(polled.address, Served.NOBODY)
        return Served.NOBODY if polled.error == "the name leads nowhere" else Served.UNKNOWN

    def requests(self) -> tuple[Request, ...]:
        """The polling client's requests so far, each with whose side it was sent to."""
        return tuple(
            Request(
                round(r.at, 4), round(r.ms, 2), r.name, r.resolver, r.address, self.side(r), r.status, r.error
            )
            for r in sorted(self.polled(), key=lambda r: r.at)
        )

    def report(self) -> Report:
        """The report as of now: whole, early or broken."""
        done = len(self.steps)
        now = self.clock()
        waiting = [
            StepRecord(n, t, Outcome.NOT_REACHED, now, now)
            for n, t in enumerate(self.titles[done:], done + 1)
        ]
        gates = []
        if self.gate_log is not None and self.gate_log.exists():
            gates = gate_records(self.gate_log.read_text(errors="replace").splitlines(), self.started)
        empty = Report.empty(self.started.isoformat(timespec="seconds"), self.engine, self.scale)
        return replace(
            empty,
            steps=(*self.steps, *waiting),
            gates=tuple(gates),
            dials=tuple(DialPoint(*c) for c in (list(self._watch.changes) if self._watch else [])),
            requests=self.requests(),
            drift=tuple(self.drift),
            picture=self.picture,
            parts=tuple(self.parts),
            failure=self.failure,
            stopped_by_person=self.stopped_by_person,
            left_running=self.left_running,
            ttl=self.ttl,
            runbooks=tuple(self.runbooks),
            writes=self.writes,
            out_step=self.switches[0],
            back_step=self.switches[1],
        )


def wait_until(
    what: str, seen: Callable[[], bool], limit: float, endpoints: Endpoints, detail: Callable[[], str]
) -> float:
    """Wait until `seen()`; returns the real seconds waited. limit: simulated seconds, never less than 20 real ones.

    Raises Stopped with `detail()` when the limit is over.
    """
    real = max(20.0, limit / endpoints.scale)
    began = time.monotonic()
    while not seen():
        if time.monotonic() - began > real:
            raise Stopped(
                f"{what}: not within {real:.0f} s; {detail()}",
                "the rehearsal shows what it observed, and this it did not observe",
                "dr rehearse --keep    (then read the logs in the state folder that it names)",
            )
        time.sleep(0.1)
    return time.monotonic() - began
