"""The report of a rehearsal of the five levels: figures for each, the verdict, and a page without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
    rpo: seconds of acknowledged rows that are gone. seen: level that `dr assess` named.
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

    @property
    def holds(self) -> bool:
        """Recovered, recognised, and nothing lost that may not be."""
        in_time = not self.goal or self.critical_path <= self.goal
        return (
            not self.error
            and self.recovered is not None
            and self.seen == self.level
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

    @property
    def holds(self) -> bool:
        """All five, and no row was ever read back wrong."""
        return len(self.levels) == 5 and all(level.holds for level in self.levels) and not self.wrong_reads

    @property
    def sentence(self) -> str:
        """The verdict."""
        if self.holds:
            lost = next((level for level in self.levels if level.level == 4), None)
            figure = (
                f" Level 4 (asynchronous) lost {lost.lost} of {lost.acknowledged} acknowledged rows, {lost.rpo:.2f} s of them (RPO)."
                if lost
                else ""
            )
            return f"All five levels were recovered in {span(self.seconds)}; no acknowledged row was lost in levels 1 to 3.{figure}"
        bad = [
            f"level {level.level}{': ' + level.error if level.error else ''}"
            for level in self.levels
            if not level.holds
        ]
        if self.wrong_reads:
            bad.append(f"{self.wrong_reads} rows were read back wrong")
        return f"It does not hold: {'; '.join(bad) or f'{len(self.levels)} of 5 levels were reached'}."

    def to_json(self) -> dict[str, Json]:
        """report.json."""
        return {"schema": SCHEMA, "holds": self.holds, "sentence": self.sentence, **asdict(self)}


_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>trustlayer: rehearsal of {{ r.started }}</title><style>{{ css|safe }}</style></head><body><main>
<h1>Site trustlayer: five levels of disaster</h1>
<p><strong>{{ r.sentence }}</strong></p>
<p>{{ r.started }} · slow operations at {{ r.percentile }}, {{ r.scale|int }} simulated seconds a real second · {{ r.parts|join(", ") }}</p>
<table><thead><tr><th>level</th><th>detected</th><th>runbook ran</th><th>writes again</th><th>critical path (p95)</th><th>goal</th>
<th>requests failed</th><th>acknowledged rows lost</th><th>RPO</th><th></th></tr></thead><tbody>
{% for l in r.levels %}<tr><td>{{ l.title }}</td><td>{{ l.detected|span }}</td><td>{{ l.run|span }}</td>
<td>{{ l.recovered|span if l.recovered is not none else "never" }}</td><td>{{ l.critical_path|span }}</td><td>{{ l.goal|span if l.goal else "–" }}</td>
<td>{{ l.failed }} of {{ l.requests }}</td><td>{{ l.lost }} of {{ l.acknowledged }}</td><td>{{ "%.2f s"|format(l.rpo) }}</td><td>{{ "holds" if l.holds else "DOES NOT HOLD" }}</td></tr>
{% endfor %}</tbody></table>
{% for l in r.levels %}<h2>{{ l.title }}</h2>{% if l.error %}<p><strong>{{ l.error }}</strong></p>{% endif %}
<table><thead><tr><th>step</th><th>took</th><th>ended</th></tr></thead><tbody>
{% for id, seconds, word in l.steps %}<tr><td>{{ id }}</td><td>{{ seconds|span }}</td><td>{{ word }}</td></tr>{% endfor %}</tbody></table>
{% if l.confirmed %}<ul>{% for line in l.confirmed %}<li><code>{{ line }}</code></li>{% endfor %}</ul>{% endif %}
{% endfor %}</main></body></html>
"""


def render(rehearsal: Rehearsal) -> str:
    """report.html."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["span"] = span
    css = (files("recovery.report") / "page" / "report.css").read_text()
    return environment.from_string(_PAGE).render(r=rehearsal, css=css)
