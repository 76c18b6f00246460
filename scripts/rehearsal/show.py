"""What a person sees while the story runs: one line a step with its time, on stderr, plain where there is no terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO

from rich.console import Console
from rich.status import Status

from recovery.engine import Event, EventKind
from recovery.report.model import Outcome
from recovery.report.verdict import Verdict, span

_SIGN = {Outcome.DONE: "[green]✓[/]", Outcome.FAILED: "[red]✗[/]", Outcome.STOPPED: "[yellow]■[/]"}


class Show:
    """Talks to a person. Data never goes through here: it belongs on stdout."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.console = Console(file=stream or sys.stderr, highlight=False, soft_wrap=True)
        self._moving = self.console.is_terminal and "NO_COLOR" not in os.environ
        self._status: Status | None = None
        self._head = ""
        self._began = 0.0
        self._done = 0
        self._facts: list[str] = []

    def say(self, text: str) -> None:
        """A line of its own."""
        self.console.print(text, markup=False)

    def begin(self, number: int, of: int, title: str) -> None:
        """A step begins: a spinner on a terminal, a line elsewhere."""
        self._head, self._began, self._done, self._facts = f"{number}/{of}  {title}", time.monotonic(), 0, []
        if self._moving:
            self._status = self.console.status(self._head)
            self._status.start()
        else:
            self.say(f"{self._head} ...")

    def event(self, event: Event) -> None:
        """One moment of an engine's up."""
        if event.kind is EventKind.DONE:
            self._done += 1
        if self._status and event.name:
            self._status.update(f"{self._head}  [dim]{event.kind} {event.name} ({self._done} done)[/]")

    def fact(self, text: str) -> None:
        """Something found out in the step under way; shown below it when it ends (at once where there is no terminal)."""
        if self._status:
            self._facts.append(text)
        else:
            self.say(f"       {text}")

    def end(self, outcome: Outcome, seconds: float) -> None:
        """The step has ended."""
        if self._status:
            self._status.stop()
            self._status = None
        self.console.print(f"{_SIGN.get(outcome, '?')} {self._head}  [dim]{span(seconds)}[/]")
        for fact in self._facts:
            self.console.print(f"       {fact}", markup=False, style="dim")
        self._facts = []

    def verdict(self, verdict: Verdict) -> None:
        """The last line, also for a terminal that shows nothing else."""
        self.console.print(
            verdict.sentence, markup=False, style="bold green" if verdict.holds else "bold red"
        )
