"""Scripted people: each role is one identity with a key of its own, and says yes in a signed word like anybody else.

They answer what the run asks, after a moment, through the same inbox as `dr approve`: nothing is approved from inside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clouds.runbook.people import load_people
from clouds.runbook.runs import Begun
from recovery.engine import Event, EventKind
from recovery.errors import DrError
from recovery.model import Json
from recovery.runbook.machine import Output
from recovery.runbook.roles import Role
from recovery.runbook.state import SETTLED, Ask, Phase, State, outstanding
from scripts.rehearsal.show import Show
from scripts.run_view import document
from scripts.speaking import say

THINKING = 0.3
"""Real seconds that a person takes to answer."""

DRAFT = """Estamos com instabilidade no envio de imagens
Desde as primeiras horas de hoje o envio pode falhar. Já estamos trabalhando no retorno e avisaremos por aqui.
"""


class ScriptedPeople:
    """Looks on at a run, shows it beside the step, and answers. places: where words are left."""

    def __init__(self, root: Path, begun: Begun, show: Show, places: Sequence[Any]) -> None:
        self._root, self._begun, self._show, self._places = root, begun, show, places
        self._people = load_people(root)
        self._answered: set[tuple[str, str]] = set()
        self._phases: dict[str, Phase] = {}
        self.answers: list[str] = []
        self.refused: list[str] = []

    def said(self, text: str, loud: bool = False) -> None:
        """What the run says, beside the step under way."""
        self._show.event(Event(EventKind.MESSAGE, name=text))

    def changed(self, state: State, out: Sequence[Output]) -> None:
        """Show what ended; answer what is asked."""
        for id, one in state.steps.items():
            if self._phases.get(id) is not one.phase and one.phase in SETTLED:
                self._show.event(Event(EventKind.DONE, name=id))
            self._phases[id] = one.phase
        for ask in outstanding(state):
            if isinstance(ask, Ask):
                for role in sorted(_enough(ask)):
                    if (ask.key, str(role)) not in self._answered:
                        self._answered.add((ask.key, str(role)))
                        self._later(lambda ask=ask, role=role: self._answer(ask, role, document(state)))  # type: ignore[misc]

    def _answer(self, ask: Ask, role: Role, asked: Mapping[str, Json]) -> None:
        who = next(name for name, roles in sorted(self._people.roles.items()) if role in roles)
        if ask.step == "notice":
            self._say(asked, "draft", "external-first/pt", "", reason=DRAFT)
        if self._say(asked, "yes", ask.step, who, role=str(role)):
            self.answers.append(f"{role}: {ask.step}")

    def _say(
        self, asked: Mapping[str, Json], kind: str, step: str, who: str, role: str = "", reason: str = ""
    ) -> bool:
        try:
            say(self._root, self._begun, asked, kind, step=step, identity=who, role=role, reason=reason,
                people=self._people, places=self._places)  # fmt: skip
        except DrError as error:
            self.refused.append(f"{kind} {step}: {error.summary}")
            return False
        return True

    @staticmethod
    def _later(work: Callable[[], None]) -> None:
        threading.Timer(THINKING, work).start()


def _enough(ask: Ask) -> frozenset[Role]:
    """The roles of the first alternative that are still missing: nobody answers who need not."""
    return ask.any_of[0] & ask.missing if ask.any_of else frozenset()
