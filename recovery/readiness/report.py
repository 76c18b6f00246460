"""A run as a report, and many runs as a history: plain data, from the kept documents alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from recovery.exit_codes import ExitCode
from recovery.model import Json
from recovery.readiness.model import Result, Verdict, exit_code
from recovery.readiness.trail import State, Trail

SCHEMA = "standby/readiness/1"
ORDER = ("critical", "high", "medium", "low")


@dataclass(frozen=True)
class Report:
    """One run. started: UTC, ISO 8601. seconds: real ones, for everything. scale: simulated seconds a real second.

    total: how many checks there are; a run of some of them says so, and is never called ready as a whole.
    """

    run: str
    stack: str
    started: str
    seconds: float
    scale: float
    person: str
    host: str
    results: tuple[Result, ...]
    total: int

    @property
    def code(self) -> ExitCode:
        """0 ready, 3 not ready, 5 unknown."""
        return exit_code([one.verdict for one in self.results])

    def of(self, verdict: Verdict) -> list[Result]:
        """The results with a verdict, the gravest first."""
        found = [one for one in self.results if one.verdict is verdict]
        return sorted(found, key=lambda one: ORDER.index(one.severity))

    @property
    def sentence(self) -> str:
        """The verdict, as the last line says it."""
        bad, blind = self.of(Verdict.NOT_READY), self.of(Verdict.UNKNOWN)
        also = f"; {len(blind)} unknown ({_names(blind)})" if blind else ""
        if bad:
            return f"NOT READY: {len(bad)} of {len(self.results)} checks ({_names(bad)}){also}."
        if blind or not self.results:
            return f"UNKNOWN: {len(blind)} of {len(self.results)} checks could not be seen ({_names(blind)}); nothing may be called ready."
        if len(self.results) < self.total:
            return f"Ready as far as asked: {len(self.results)} of {self.total} checks."
        return f"READY: all {self.total} checks, {self.seconds:.1f} s."

    def to_json(self) -> dict[str, Json]:
        """The kept document and `--format json`."""
        return {
            "schema": SCHEMA, "kind": "run", "run": self.run, "stack": self.stack, "started": self.started,
            "seconds": round(self.seconds, 3), "scale": self.scale, "person": self.person, "host": self.host,
            "total": self.total, "verdict": self.sentence, "exitCode": int(self.code),
            "results": [one.to_json() for one in self.results],
        }  # fmt: skip

    @classmethod
    def from_json(cls, raw: Mapping[str, Json]) -> Report:
        """A kept run. Raises KeyError, TypeError or ValueError for what is none."""
        return cls(
            str(raw["run"]), str(raw["stack"]), str(raw["started"]), float(raw["seconds"]), float(raw["scale"]),
            str(raw["person"]), str(raw["host"]), tuple(Result.from_json(one) for one in raw["results"]), int(raw["total"]),
        )  # fmt: skip


def _names(results: Sequence[Result]) -> str:
    shown = ", ".join(one.id for one in results[:4])
    return f"{shown} and {len(results) - 4} more" if len(results) > 4 else shown


def runs(documents: Iterable[Mapping[str, Json]]) -> list[Report]:
    """The kept runs, the oldest first; what is no run, or cannot be read, is left out."""
    found = []
    for document in documents:
        if document.get("kind") == "run":
            try:
                found.append(Report.from_json(document))
            except (KeyError, TypeError, ValueError):
                continue
    return sorted(found, key=lambda one: one.started)


def trail_line(trail: Trail) -> str:
    """One failure in one line."""
    when = f"found {trail.found[:16].replace('T', ' ')}"
    ends = {
        State.CLOSED: f"fixed and retested {trail.closed[:16].replace('T', ' ')}",
        State.ESCALATED: "escalated to the CTO, still open",
        State.FIXED: "said to be fixed, not retested (dr ready)",
        State.FOUND: "open",
    }
    return f"{trail.requirement} {trail.title}: {when}; {ends[trail.state]}"
