"""What `dr up`, `dr preview` and `dr resume` share: which engine, the two-stack lock, the plan as a person reads it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recovery.engine import DIALS_ONLY, Event, EventKind
from recovery.errors import BadInput, DrError, Stopped
from recovery.model import Action, Json, Plan
from recovery.pulumi_events import three_parts
from recovery.safety import NAMES

if TYPE_CHECKING:
    from clouds.azure.lease import Lease
    from clouds.pulumi_cli import PulumiCli
    from recovery.engine import Engine

STACKS = ("standby", "active")
SOURCE = "source"
"""The primary's side: it has no modes, and no command of ours runs its up."""
CONTAINER = "azure-native:storage:BlobContainer"
JOURNAL = "container-journal"


def say(text: str) -> None:
    """Talk goes to stderr; stdout is for data."""
    print(text, file=sys.stderr, flush=True)


def other(stack: str) -> str:
    """The other mode's stack."""
    return STACKS[1] if stack == STACKS[0] else STACKS[0]


def check_options(stack: str, engine: str, format: str) -> None:
    """Raise BadInput for what no stack, engine or format is called."""
    for value, known, option in (
        (stack, STACKS, "-s"),
        (engine, ("auto", "pulumi", "direct"), "--engine"),
        (format, ("text", "json"), "--format"),
    ):
        if option == "-s" and value.startswith("trustlayer-"):
            raise BadInput(
                f"{value} is a stack of site trustlayer; this command switches site image-app",
                "nothing was changed: that site's parts are moved by `dr recover`, and its stacks are safe by themselves",
                f"pulumi up -s {value}    (docs/trustlayer.md)",
            )
        if value not in known:
            raise BadInput(
                f"{option} {value!r} is not known (known: {', '.join(known)})",
                "nothing was changed, and nothing is guessed",
                f"{option} {known[0]}",
            )


def allowed(names: Sequence[str], first_build: bool) -> frozenset[Action]:
    """The actions that the safety gate lets pass. Raises BadInput for a misspelt one."""
    by_name = {name: action for action, name in NAMES.items()}
    wrong = [name for name in names if name not in by_name]
    if wrong:
        raise BadInput(
            f"--allow {wrong[0]} is not an action (known: {', '.join(by_name)})",
            "an exception to the safety gate is named, never guessed",
            "dr up -s standby --allow create",
        )
    extra = {by_name[name] for name in names} | ({Action.CREATE} if first_build else set())
    return DIALS_ONLY | extra


def make_engine(
    name: str,
    root: Path,
    *,
    on_start: Callable[[int], None] = lambda pid: None,
    before_change: Callable[[], None] = lambda: None,
    accept_older: str = "",
) -> Engine:
    """The engine by name; auto is pulumi where its CLI is on PATH, else direct.

    accept_older: a stack that may build upon the footprint its checkpoint knows, older or not (a person has allowed
    it to create); "" for none.
    """
    from clouds.pulumi_engine import PulumiEngine

    pulumi = PulumiEngine(
        root, on_start=on_start, before_change=before_change, after_up=lambda stack: _baseline(root, stack)
    )
    if name == "auto":
        try:
            pulumi.cli.path()
        except BadInput:
            say("the Pulumi CLI is not on PATH: taking the direct engine")
            name = "direct"
        else:
            name = "pulumi"
    if name == "pulumi":
        pulumi.cli.path()
        if accept_older:
            pulumi.cli = _accepting(pulumi.cli, accept_older)
        return pulumi
    from clouds.direct_engine import DirectEngine

    return DirectEngine(root, before_change=before_change)


ACCEPTED = "DR_ACCEPTED_FOOTPRINT"
"""The one older stamp that the program's guard lets pass (components/guard.py)."""


def _accepting(cli: PulumiCli, stack: str) -> PulumiCli:
    from recovery.checkpoint import outputs

    if stack not in cli.stacks():
        return cli
    found = str(outputs(cli.export(stack)).get("footprint") or "")
    return cli.with_environ(**{ACCEPTED: found}) if found else cli


def _baseline(root: Path, stack: str) -> None:
    """What differs right after a whole up is the service's own. That it could not be noted spoils no up."""
    from clouds.azure.arm import Arm
    from clouds.direct_engine import record_noise
    from clouds.endpoints import load
    from clouds.program import desired

    try:
        record_noise(root, stack, desired(root, stack, os.environ), Arm(load()), os.environ)
    except DrError as error:
        say(f"no drift baseline was written: {error.summary}")


class FootprintLock:
    """The two-stack lock around one command, taken as soon as its blob can exist.

    Before the first build there is no journal container and so no lock blob; Pulumi's own lock keeps two
    first builds of one stack apart, and the lock is taken the moment the container has been made.
    """

    def __init__(self, root: Path, stack: str, environ: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._stack = stack
        self._environ = environ
        self._lease: Lease | None = None
        self._arm: Any = None

    def __enter__(self) -> FootprintLock:
        from clouds.azure.arm import Arm
        from clouds.endpoints import load

        self._arm = Arm(load(self._environ))
        self._take(self.journal_id())
        if self._lease is None:
            say("no footprint yet: the lock is taken as soon as the journal container exists")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._lease is not None:
            self._lease.__exit__(kind, error, trace)
        self._arm.close()

    def journal_id(self) -> str:
        """The journal container's ARM id: from a checkpoint's outputs where there is one, else from the program."""
        from clouds.program import desired

        known = self._from_checkpoint()
        if known:
            return known
        found = [
            one.id
            for one in desired(self._root, self._stack, self._environ)
            if one.type == CONTAINER and one.options.get("name") == JOURNAL
        ]
        if not found:
            raise BadInput(
                "the program declares no journal container",
                "the lock that keeps two runs apart lives there",
                f"dr desired -s {self._stack} --format json    (is there a BlobContainer named container-journal?)",
            )
        return str(found[0])

    def _from_checkpoint(self) -> str:
        from clouds.pulumi_cli import PulumiCli
        from recovery.checkpoint import outputs

        cli = PulumiCli(self._root)
        try:
            return str(outputs(cli.export(self._stack)).get("journal") or "")
        except DrError:  # no CLI, no stack, no backend: the program knows as well, it only takes longer
            return ""

    def check(self) -> None:
        """Raise Stopped when the lock was lost. Before every change."""
        if self._lease is not None:
            self._lease.check()

    def saw(self, event: Event) -> None:
        """Take the lock once the container that holds it has been made."""
        made = event.kind is EventKind.DONE and event.type == CONTAINER and event.name == JOURNAL
        if self._lease is None and made:
            self._take(event.id)

    def note(self, outcome: str) -> None:
        """What the lock blob shall say of this run."""
        if self._lease is not None:
            self._lease.note(outcome)

    def _take(self, journal_id: str) -> None:
        from clouds.azure.lease import Holder, Lease, footprint_blob
        from clouds.endpoints import load

        blob = footprint_blob(self._arm, journal_id, load(self._environ).storage_key)
        if blob is not None:
            self._lease = Lease(blob, Holder.me()).acquire()


def plan_lines(plan: Plan) -> list[str]:
    """The plan for a person: one line a change, what stays the same only counted."""
    width = max((len(s.type.rpartition(":")[2]) for s in plan.changes), default=0)
    lines = [
        f"  {s.action} {s.type.rpartition(':')[2]:<{width}}  {s.name}  {', '.join(s.paths)}".rstrip()
        for s in plan.changes
    ]
    same = sum(s.action is Action.SAME for s in plan.steps)
    return [*lines, f"  = {same} unchanged"]


def plan_json(plan: Plan) -> dict[str, Json]:
    """The plan as `--format json` prints it."""
    return {
        "stack": plan.stack,
        "engine": plan.engine,
        "steps": [
            {"action": str(s.action), "id": s.id, "type": s.type, "name": s.name, "paths": list(s.paths)}
            for s in plan.steps
        ],
        "changes": len(plan.changes),
    }


def counted(plan: Plan) -> str:
    """``9 updated, 1 created``; ``nothing to change``."""
    words = {
        Action.UPDATE: "updated",
        Action.CREATE: "created",
        Action.DELETE: "deleted",
        Action.REPLACE: "replaced",
    }
    counts = {word: sum(s.action is action for s in plan.changes) for action, word in words.items()}
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n) or "nothing to change"


def show_event(event: Event) -> None:
    """One line an event, to stderr."""
    if event.kind is EventKind.MESSAGE:
        say(f"  {event.text}")
    elif event.kind is EventKind.FAILED:
        ours = three_parts(event.text)
        lines = event.text.splitlines()
        if lines and event.name:  # the error itself follows at the end, whole
            say(f"  failed  {event.name}: {ours[0] if ours else lines[-1].strip()}")
    else:
        say(f"  {event.kind:<7} {event.action} {event.type.rpartition(':')[2]} {event.name}")


def confirm(plan: Plan, yes: bool) -> None:
    """Ask for the word that fits the consequence. Raises Stopped when it is not given."""
    records = [
        s.name.removesuffix("-record")
        for s in plan.changes
        if s.type.endswith(":RecordSet") and s.name.endswith("-record")
    ]
    moved = f", among them where {', '.join(records)} lead" if records else ""
    if any(s.action is Action.CREATE for s in plan.changes):
        sentence, word = (
            f"Change the footprint ({counted(plan)}{moved}); new parts cost money from now on",
            "build",
        )
    elif plan.stack == "active":
        sentence, word = (
            f"Bring the standby to life ({counted(plan)}{moved}): the public is then served by Azure",
            "failover",
        )
    else:
        sentence, word = (
            f"Put the footprint on standby ({counted(plan)}{moved}): the public is then served by the primary",
            "rollback",
        )
    if yes:
        say(f"{sentence}. Confirmed by --yes.")
        return
    if not sys.stdin.isatty():
        raise Stopped(
            f"not confirmed: {sentence}",
            "nobody is there to ask, and nothing was changed",
            f"dr up -s {plan.stack} --yes",
        )
    say(f"{sentence}. Type {word}:")
    if sys.stdin.readline().strip() != word:
        raise Stopped(f"not confirmed: {sentence}", "nothing was changed", f"dr up -s {plan.stack}")


def outcome_of(error: BaseException) -> str:
    """How a run ended, for its record: one line, no secrets."""
    if isinstance(error, DrError):
        return f"{type(error).__name__}: {error.summary}"
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def print_json(document: Mapping[str, Json]) -> None:
    """Data to stdout."""
    print(json.dumps(document, indent=1, ensure_ascii=False))
