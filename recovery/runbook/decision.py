"""How much of the data is confirmed, and who may decide on it (ACT-2; Definitions: Confirmed %).

At least 95 %: the Incident Commander may proceed. From 90 up to 95 %: the Incident Commander decides with the
figure shown. Below 90 %, or not known: the CTO decides whether to try again or to accept the loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recovery.model import Json
from recovery.runbook.roles import Role

PROCEED_PERCENT = 95
EXECUTIVE_PERCENT = 90
_Z = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True)
class Flow:
    """One flow's proof at a named cut.

    equal: items proven equal. compared: items of the source looked at (an item absent from the target was
    looked at and is not equal). population: items in the source at the cut; compared < population is a sample.
    """

    name: str
    equal: int
    compared: int
    population: int

    def __post_init__(self) -> None:
        if not 0 <= self.equal <= self.compared <= self.population:
            raise ValueError(
                f"{self.name}: not 0 <= equal {self.equal} <= compared {self.compared} <= {self.population}"
            )

    @property
    def known(self) -> bool:
        """Was anything looked at? Nothing proven of nothing is no proof: an empty source may be a lost one."""
        return self.compared > 0

    def percent(self) -> float:
        """The point estimate, which meets the thresholds."""
        return 100 * self.equal / self.compared

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the whole, in percent (Wilson's score interval, with the finite population
        corrected for); the point itself where all items were compared."""
        if self.compared == self.population:
            return self.percent(), self.percent()
        share, drawn = self.equal / self.compared, self.compared
        # A sample without replacement says more than its size: by so much it counts.
        size = drawn * (self.population - 1) / (self.population - drawn)
        middle = (share + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
        spread = _Z / (1 + _Z**2 / size) * math.sqrt(share * (1 - share) / size + _Z**2 / (4 * size**2))
        # What was seen bounds it too: the seen equals are there, the seen others are not.
        least = self.equal / self.population
        most = 1 - (self.compared - self.equal) / self.population
        return 100 * max(middle - spread, least, 0), 100 * min(middle + spread, most, 1)

    def reaches(self, percent: int) -> bool:
        """Exact comparison, in whole numbers."""
        return self.equal * 100 >= percent * self.compared


@dataclass(frozen=True)
class Decision:
    """Who decides, and the sentence that is shown."""

    role: Role
    confirmed: float | None
    sentence: str


def decide(flows: Sequence[Flow]) -> Decision:
    """The rule over all flows: the lowest one counts; a flow that nobody could prove counts as unknown."""
    unknown = [flow.name for flow in flows if not flow.known]
    if unknown or not flows:
        which = ", ".join(unknown) or "any flow"
        return Decision(
            Role.CTO,
            None,
            f"It is not known how much of {which} is in Azure. The CTO decides: try again, or accept the loss.",
        )
    worst = min(flows, key=lambda flow: (flow.equal / flow.compared, flow.name))
    figure = f"{worst.percent():.2f} % of {worst.name} confirmed ({worst.equal} of {worst.compared}"
    if worst.compared < worst.population:
        low, high = worst.interval()
        figure += f" sampled from {worst.population}; 95 % interval {low:.2f} to {high:.2f} %"
    figure += ")"
    if worst.reaches(PROCEED_PERCENT):
        return Decision(
            Role.INCIDENT_COMMANDER, worst.percent(), f"{figure}. The Incident Commander may proceed."
        )
    if worst.reaches(EXECUTIVE_PERCENT):
        return Decision(
            Role.INCIDENT_COMMANDER,
            worst.percent(),
            f"{figure}: below {PROCEED_PERCENT} %. The Incident Commander decides on this figure.",
        )
    return Decision(
        Role.CTO,
        worst.percent(),
        f"{figure}: below {EXECUTIVE_PERCENT} %. The CTO decides: try again, or accept the loss.",
    )


def from_evidence(evidence: Mapping[str, Json]) -> Decision:
    """The decision for a comparison's evidence: ``{"flows": [{"name", "equal", "compared", "population"}]}``.
    Evidence that is missing or does not add up is not known."""
    try:
        return decide(
            [
                Flow(str(one["name"]), int(one["equal"]), int(one["compared"]), int(one["population"]))
                for one in evidence["flows"]
            ]
        )
    except (KeyError, TypeError, ValueError):
        return decide([])
