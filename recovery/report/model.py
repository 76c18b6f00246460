"""The records of one rehearsal, as they were observed. Times are real seconds since its start, never simulated ones.

`Report.to_json` is the published shape (`report.json`); `SCHEMA` changes whenever a reader could be misled.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from recovery.model import Finding, Json

SCHEMA = "standby.rehearsal/1"


class Outcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"  # by a gate, a lock or a person
    NOT_REACHED = "not reached"


class Served(StrEnum):
    """Who a public address belongs to."""

    PRIMARY = "primary"
    AZURE = "azure"
    NOBODY = "nobody"  # the name leads nowhere, or to an address that is neither's
    UNKNOWN = "unknown"  # no usable answer


@dataclass(frozen=True)
class Part:
    """One thing that ran: an engine, a server, a library."""

    name: str
    version: str
    role: str


@dataclass(frozen=True)
class StepRecord:
    """One step of the story. facts: short sentences with figures, in the order they were found."""

    number: int
    title: str
    outcome: Outcome
    start: float
    end: float
    facts: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took, in real seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class GateRecord:
    """What a gate saw when it let the run pass, or stopped it. start..end: the time it waited."""

    gate: str
    start: float
    end: float
    observed: str
    detail: str = ""
    passed: bool = True


@dataclass(frozen=True)
class DialPoint:
    """A dial's observed value from this moment on. value None: it could not be read."""

    at: float
    dial: str
    value: float | None


@dataclass(frozen=True)
class Request:
    """One request of the polling client. at: when it began; ms: how long name and answer took together.

    address: where the resolver sent it ("" when nowhere). status None: no HTTP answer, and error says why.
    """

    at: float
    ms: float
    name: str
    resolver: str
    address: str
    side: Served
    status: int | None
    error: str = ""

    @property
    def failed(self) -> bool:
        """A client got no page: anything but a 2xx or 3xx answer."""
        return self.status is None or not 200 <= self.status < 400


@dataclass(frozen=True)
class DriftRecord:
    """One drift check. complete False: something could not be observed."""

    title: str
    at: float
    complete: bool
    checked: int
    findings: tuple[Finding, ...] = ()
    expected: int = 0

    @property
    def clean(self) -> bool:
        """Nothing found and nothing unknown."""
        return self.complete and not self.findings


@dataclass(frozen=True)
class Picture:
    """The photograph that went through the converter: bytes sent, documents read back, equal or not."""

    name: str
    size: int
    documents: int
    sha256: str
    same: bool
    seconds: float
    data: str = ""
    """The picture that was decoded from the documents, as a data: URI, for the page."""


@dataclass(frozen=True)
class Failure:
    """Why the story ended early: recovery.errors' three parts."""

    summary: str
    detail: str
    fix: str


@dataclass(frozen=True)
class RunbookRecord:
    """One runbook carried out. file: its report's page beside this one. rto: real seconds to the goal (None: not reached),
    people: of these, waited for people alone; worked: simulated seconds without them. The rest: simulated seconds."""

    run: str
    book: str
    kind: str
    sentence: str
    file: str
    rto: float | None
    people: float
    worked: float | None
    critical_p95: float
    sequential_p95: float
    plan: tuple[float, float]
    path: tuple[str, ...]
    approvals: int
    messages: int


@dataclass(frozen=True)
class WritesRecord:
    """The writing client's account. primary, azure: acknowledged by whom. lost: neither there, nor knowingly replaced, nor
    listed. bare: images whose items say otherwise. unread: acknowledged and not read back at once."""

    sent: int
    acknowledged: int
    primary: int
    azure: int
    lost: int
    conflicts: int
    bare: int
    unread: int
    which: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """One rehearsal. started: ISO 8601 in UTC; scale: simulated seconds of slow operations per real second."""

    started: str
    site: str
    engine: str
    scale: float
    steps: tuple[StepRecord, ...] = ()
    gates: tuple[GateRecord, ...] = ()
    dials: tuple[DialPoint, ...] = ()
    requests: tuple[Request, ...] = ()
    drift: tuple[DriftRecord, ...] = ()
    picture: Picture | None = None
    parts: tuple[Part, ...] = ()
    failure: Failure | None = None
    stopped_by_person: bool = False
    runbooks: tuple[RunbookRecord, ...] = ()
    writes: WritesRecord | None = None
    out_step: int = 5
    back_step: int = 6
    """Numbers of the steps in which traffic moves to the standby, and back."""
    ttl: float = 0.0
    """The traffic records' time to live in simulated seconds; 0 when none was seen."""
    left_running: tuple[str, ...] = ()
    """What could not be stopped at the end (empty is the only good answer)."""

    @property
    def seconds(self) -> float:
        """From the beginning (the local cloud's start included) to the last step's end."""
        return max((s.end for s in self.steps if s.outcome is not Outcome.NOT_REACHED), default=0.0)

    def to_json(self) -> dict[str, Json]:
        """The published document, without the picture's bytes."""
        from recovery.report.figures import figures
        from recovery.report.verdict import judge

        verdict = judge(self)
        body = asdict(self)
        body["drift"] = [asdict(d) | {"findings": [f.to_json() for f in d.findings]} for d in self.drift]
        if body["picture"]:
            del body["picture"]["data"]
        return {
            "schema": SCHEMA,
            "verdict": {"holds": verdict.holds, "sentence": verdict.sentence, "exitCode": int(verdict.code)},
            "figures": asdict(figures(self)),
            "seconds": self.seconds,
            **body,
        }

    @classmethod
    def empty(cls, started: str, engine: str, scale: float) -> Self:
        """A report of a story that has not begun."""
        return cls(started=started, site="image-app", engine=engine, scale=scale)
