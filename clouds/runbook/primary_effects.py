"""The primary's health, as the public sees it (BACK-1, BACK-3). Freezes and triggers are the data's (data_effects)."""

from __future__ import annotations

from collections.abc import Mapping

from clouds.http_probe import Question, probe_all
from clouds.runbook.calls import Call, Handler, Outcome, seen, unknown
from clouds.runbook.footprint import Footprint
from recovery.model import Json

TIMES = 3
"""Rounds in a row that must all be good."""


class PrimaryEffects:
    """Asks the primary's static addresses directly, so that no cache speaks for it."""

    def __init__(self, footprint: Footprint) -> None:
        self.at = footprint

    def table(self) -> dict[str, Handler]:
        """Effect kind -> function."""
        return {"primary.healthy": self.healthy, "primary.validate": self.healthy}

    def healthy(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Every static address answers 200 for every host, several times running."""
        hosts = self.at.props("ReturnGate").get("primaryHosts") or []
        asked = [Question(a, str(h["host"]), str(h["path"])) for a in self.at.primary() for h in hosts]
        if not asked:
            return unknown("no address of the primary is configured")
        good = 0
        bad: list[str] = []
        for _ in range(TIMES):
            answers = probe_all(asked, self.at.endpoints)
            bad = [str(one) for one in answers if not one.ok]
            if bad:
                break
            good += 1
            self.at.world.pause(5.0)
        answered = f"{len(asked) - len(bad)} of {len(asked)} with 200"
        return seen(good == TIMES, call, "; ".join(bad), answered=answered, rounds=f"{good} in a row")
