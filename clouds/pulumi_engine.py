"""The engine that runs the real Pulumi CLI (recovery.engine.Engine)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from clouds.pulumi_cli import PulumiCli, failure, json_lines
from recovery.engine import DIALS_ONLY, Event, EventKind
from recovery.model import Action, Plan, Step
from recovery.pulumi_events import parse_change, parse_event, parse_preview
from recovery.safety import check

_PREVIEW = ("preview", "--json", "--show-sames", "--show-reads")
_UP = ("up", "--json", "--yes", "--skip-preview", "--show-sames")


class PulumiEngine:
    """Preview and up by the CLI.

    on_start gets the CLI's pid as soon as an up runs (for the run record). before_change raises to stop
    (`Lease.check`); the engine is then interrupted, and gives its own lock back.
    """

    name = "pulumi"

    def __init__(
        self,
        root: Path,
        *,
        cli: PulumiCli | None = None,
        on_start: Callable[[int], None] = lambda pid: None,
        before_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.cli = cli or PulumiCli(root)
        self._on_start = on_start
        self._before_change = before_change

    def preview(self, stack: str, exclude: Sequence[str] = ()) -> Plan:
        """The plan, from a refreshed state; nothing is changed, the checkpoint included.

        Raises Stopped where the program's guard or a gate stops it, else Failed.
        """
        args = (*_PREVIEW, "-s", stack, *_excluded(exclude))
        done = self.cli.attempt(*args)
        try:
            digest = json.loads(done.out) if done.out.strip() else {}
        except ValueError:
            digest = {}
        if done.code != 0:
            said = [str(d.get("message", "")) for d in digest.get("diagnostics") or []]
            raise failure(args, "\n".join([*said, done.err or done.out if not said else done.err]))
        return parse_preview(stack, digest)

    def up(
        self,
        stack: str,
        *,
        exclude: Sequence[str] = (),
        allow: frozenset[Action] = DIALS_ONLY,
        on_event: Callable[[Event], None],
    ) -> Plan:
        """Preview, pass the safety gate, change; returns what was really done, in the order in which it ended.

        Raises Stopped (safety gate, guard, a gate that did not open, a lock), Failed, KeyboardInterrupt.
        """
        plan = self.preview(stack, exclude)
        check(plan, allow)
        return self.apply(stack, exclude=exclude, allow=allow, on_event=on_event)

    def apply(
        self,
        stack: str,
        *,
        exclude: Sequence[str] = (),
        allow: frozenset[Action] = DIALS_ONLY,
        on_event: Callable[[Event], None],
    ) -> Plan:
        """The up alone, for a plan that has been shown, checked and confirmed.

        Reality may have moved since: the first operation that the safety gate would not have let pass
        interrupts the engine.
        """
        done: dict[str, Step] = {}
        said: list[str] = []

        def line_came(line: str) -> None:
            for raw in json_lines([line]):
                event = parse_event(raw)
                if event is not None:
                    if event.kind is EventKind.FAILED and event.text:
                        said.append(event.text)
                    on_event(event)
                    if event.kind is EventKind.STARTED:
                        self._before_change()
                    if event.kind is EventKind.STARTED and event.action is not None:
                        check(Plan(stack, self.name, (_step(event, event.action),)), allow)
                change = parse_change(raw)
                if change is not None:
                    done[change[0]] = change[1]

        args = (*_UP, "-s", stack, *_excluded(exclude))
        code, err = self.cli.stream(args, line_came, on_start=self._on_start)
        if code != 0:
            raise failure(args, "\n".join([*said, err]))
        return Plan(stack, self.name, tuple(done.values()))


def _step(event: Event, action: Action) -> Step:
    return Step(action, event.id, event.type, event.name)


def _excluded(patterns: Sequence[str]) -> list[str]:
    return [part for pattern in patterns for part in ("--exclude", pattern)]
