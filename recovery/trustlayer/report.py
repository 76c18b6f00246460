"""The report of a rehearsal of the five levels: figures for each, the verdict, and a page without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from recovery.model import Json
from recovery.report.verdict import span

SCHEMA = "standby.trustlayer-rehearsal/1"


@dataclass(frozen=True)
class LevelRecord:
    """One level as it was rehearsed. Seconds are real ones, as the client saw them.

    detected: from the fault to `dr assess` naming the level. recovered: from the fault to the first write that was
    acknowledged for good again. goal: simulated seconds allowed, at the duration table's p95 (0: none of ours).
    lost: acknowledged rows that are gone; expected_lost: are lost rows part of this level (asynchronous, backup)?
    rpo: seconds from the oldest acknowledged row that is gone to the fault, as the client met it: the first write refused. seen: level that `dr assess` named.
    """

    level: int
    title: str
    seen: int
    detected: float
    run: float
    recovered: float | None
    critical_path: float
    goal: float
    requests: int
    failed: int
    acknowledged: int
    lost: int
    rpo: float
    expected_lost: bool
    steps: Sequence[tuple[str, float, str]]
    confirmed: Sequence[str] = ()
    error: str = ""
    back: bool = False
    """A failback: the planned way back from the level."""

    @property
    def holds(self) -> bool:
        """Recovered, recognised, and nothing lost that may not be."""
        in_time = not self.goal or self.critical_path <= self.goal
        return (
            not self.error
            and self.recovered is not None
            and (self.back or self.seen == self.level)
            and in_time
            and (self.expected_lost or not self.lost)
        )


@dataclass(frozen=True)
class Rehearsal:
    """The whole. scale: simulated seconds a real second; percentile: the duration table's column."""

    started: str
    scale: float
    percentile: str
    parts: Sequence[str]
    levels: Sequence[LevelRecord]
    seconds: float
    wrong_reads: int
    two_primaries: Sequence[str] = ()
    told: Mapping[str, int] = field(default_factory=dict)
    """Audience -> status updates that it was sent (TL-7)."""

    @property
    def holds(self) -> bool:
        """All five levels and the three ways back; no row was ever read back wrong, or acknowledged by two primaries."""
        whole = len(self.levels) == 8 and all(level.holds for level in self.levels)
        return whole and not self.wrong_reads and not self.two_primaries

    @property
    def sentence(self) -> str:
        """The verdict."""
        if self.holds:
            lost = next((level for level in self.levels if level.level == 4 and not level.back), None)
            figure = (
                f" Level 4 (asynchronous) lost {lost.lost} of {lost.acknowledged} acknowledged rows: an RPO of {lost.rpo:.2f} s under this load."
                if lost
                else ""
            )
            return f"All five levels were recovered, and three undone by a failback, in {span(self.seconds)}; no acknowledged row was lost in levels 1 to 3 or on the way back.{figure}"
        bad = [
            f"{'failback from ' if level.back else ''}level {level.level}{': ' + level.error if level.error else ''}"
            for level in self.levels
            if not level.holds
        ]
        if self.two_primaries:
            bad.append(f"{len(self.two_primaries)} writes were taken by a second primary")
        if self.wrong_reads:
            bad.append(f"{self.wrong_reads} rows were read back wrong")
        return f"It does not hold: {'; '.join(bad) or f'{len(self.levels)} of 8 runs were reached'}."

    def to_json(self) -> dict[str, Json]:
        """report.json."""
        return {"schema": SCHEMA, "holds": self.holds, "sentence": self.sentence, **asdict(self)}


def render(rehearsal: Rehearsal) -> str:
    """report.html."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["span"] = span
    css = (files("recovery.report") / "page" / "report.css").read_text()
    page = (files("recovery.trustlayer") / "page" / "rehearsal.html.j2").read_text()
    return environment.from_string(page).render(r=rehearsal, css=css)
