"""The engine that runs the real Pulumi CLI (recovery.engine.Engine)."""

from __future__ import annotations

import json
import shutil
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp

from clouds.pulumi_cli import PROTECTED, PulumiCli, failure, json_lines
from recovery.engine import DIALS_ONLY, Event, EventKind
from recovery.model import Action, Plan, Step
from recovery.pulumi_events import parse_change, parse_event, parse_preview
from recovery.safety import check, refuse_more

_PREVIEW = ("preview", "--json", "--show-sames", "--show-reads")
_UP = ("up", "--json", "--yes", "--skip-preview", "--show-sames")


_TELLING = frozenset({
    "network:PublicIPAddress", "storage:StorageAccount", "cosmosdb:DatabaseAccount", "keyvault:Vault", "web:WebApp",
    "managedidentity:UserAssignedIdentity", "applicationinsights:Component", "operationalinsights:Workspace",
    "eventgrid:SystemTopic", "network:VirtualNetwork", "containerregistry:Registry", "app:ManagedEnvironment",
})  # fmt: skip
"""Types whose outputs other resources are made of. While one of them is created or updated, those values are unknown to
a preview, and Pulumi refuses its own saved plan as soon as they become known (``properties changed: ++principalId``):
the same command would be refused for ever. No dial is among them, so a mode switch is always held by a saved plan."""


def _saveable(plan: Plan) -> bool:
    return all(
        step.action is Action.UPDATE and step.type.removeprefix("azure-native:") not in _TELLING
        for step in plan.changes
    )


class PulumiEngine:
    """Preview and up by the CLI.

    on_start gets the CLI's pid as soon as an up runs (for the run record). before_change raises to stop
    (`Lease.check`); the engine is then interrupted, and gives its own lock back. after_up is called with the stack
    after a whole one that changed something.

    What `preview` has planned, the next `apply` of the same stack and exceptions is held to (docs/adr, the plan that was
    shown): by Pulumi's own saved plan, or, where it cannot be (`_TELLING`), operation by operation. The file's secrets are
    encrypted as those of the checkpoint are; it lies in a folder of this process alone and is used once.
    """

    name = "pulumi"

    def __init__(
        self,
        root: Path,
        *,
        cli: PulumiCli | None = None,
        on_start: Callable[[int], None] = lambda pid: None,
        before_change: Callable[[], None] = lambda: None,
        after_up: Callable[[str], None] = lambda stack: None,
    ) -> None:
        self.cli = cli or PulumiCli(root)
        self._on_start = on_start
        self._before_change = before_change
        self._after_up = after_up
        self._saved: dict[tuple[str, tuple[str, ...]], Path] = {}
        self._shown: dict[tuple[str, tuple[str, ...]], Plan] = {}
        self._folder: Path | None = None

    def preview(self, stack: str, exclude: Sequence[str] = ()) -> Plan:
        """The plan, from a refreshed state; nothing is changed, the checkpoint included.

        A protected resource that would be replaced ends the CLI's preview: the plan up to there is returned, with that
        step in it. Raises Stopped where the program's guard or a gate stops it, else Failed.
        """
        saved = self._plan_file(stack, exclude)
        args = (*_PREVIEW, "-s", stack, *_excluded(exclude))
        done = self.cli.attempt(*args, "--save-plan", str(saved))
        try:
            digest = json.loads(done.out) if done.out.strip() else {}
        except ValueError:
            digest = {}
        plan = parse_preview(stack, digest)
        if done.code != 0:
            said = [str(d.get("message", "")) for d in digest.get("diagnostics") or []]
            if plan.changes and any(PROTECTED in text for text in said):
                return plan  # Pulumi plans the replacement and will not carry it out: the safety gate says so
            raise failure(args, "\n".join([*said, done.err or done.out if not said else done.err]))
        self._shown[stack, tuple(exclude)] = plan
        if _saveable(plan):
            self._saved[stack, tuple(exclude)] = saved
        return plan

    def _plan_file(self, stack: str, exclude: Sequence[str]) -> Path:
        self._saved.pop((stack, tuple(exclude)), None)
        self._shown.pop((stack, tuple(exclude)), None)
        if self._folder is None:
            self._folder = Path(mkdtemp(prefix="dr-plan-"))  # mode 0700, gone with this object or process
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder / f"{stack}-{len(list(self._folder.iterdir()))}.json"

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
        """The up alone, for a plan that has been shown, checked and confirmed: what is not in it stops the engine.

        Without an earlier preview (nobody is asked in a rehearsal), the first operation that the safety gate would
        not let pass interrupts the engine.
        """
        done: dict[str, Step] = {}
        said: list[str] = []
        shown = self._shown.pop((stack, tuple(exclude)), None)

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
                        begun = Plan(stack, self.name, (_step(event, event.action),))
                        check(begun, allow)
                        if shown is not None:
                            refuse_more(shown, begun)
                change = parse_change(raw)
                if change is not None:
                    done[change[0]] = change[1]

        args = (*_UP, "-s", stack, *_excluded(exclude))
        saved = self._saved.pop((stack, tuple(exclude)), None)
        held = ("--plan", str(saved)) if saved else ()
        code, err = self.cli.stream((*args, *held), line_came, on_start=self._on_start)
        if saved:
            saved.unlink()
        if code != 0:
            raise failure(args, "\n".join([*said, err]))
        plan = Plan(stack, self.name, tuple(done.values()))
        if plan.changes and not exclude:
            self._after_up(stack)
        return plan


def _step(event: Event, action: Action) -> Step:
    return Step(action, event.id, event.type, event.name)


def _excluded(patterns: Sequence[str]) -> list[str]:
    return [part for pattern in patterns for part in ("--exclude", pattern)]
