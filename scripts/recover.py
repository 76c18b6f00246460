"""`dr recover --level N`: the runbook of a level of site trustlayer, carried out, resumable after any kill."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.errors import BadInput, Failed, Stopped
from recovery.journal.chain import Kind
from recovery.model import Json
from recovery.runbook import events as ev
from recovery.runbook.machine import Output
from recovery.runbook.roles import Role
from recovery.runbook.state import SETTLED, Ask, Mode, Phase, State, outstanding
from recovery.runbook.steps import Runbook
from recovery.trustlayer.failback import back as failback
from recovery.trustlayer.runbooks import book
from recovery.trustlayer.status import IMPACT
from scripts.command import run

if TYPE_CHECKING:
    from clouds.incident_status import Teller
    from clouds.journal_place import SharedJournal
    from clouds.notify import Channel
    from clouds.runbook.calls import Heard
    from clouds.runbook.executor import Executor
    from clouds.trustlayer_site import Site

Answer = Callable[[Ask], bool]
ROOT = Path(__file__).parent.parent


def main(argv: Sequence[str]) -> int:
    """The verb."""
    return run(command, argv, "recover")


def command(
    level: Annotated[
        int, typer.Option(help="1 component, 2 service, 3 zone, 4 region, 5 total loss.", min=0, max=5)
    ] = 0,
    back: Annotated[
        int,
        typer.Option(
            help="Failback: return from level 2, 3 or 4 once what was lost is there again.", min=0, max=4
        ),
    ] = 0,
    zone: Annotated[str, typer.Option(help="Level 3: the lost zone.")] = "us-east-1a",
    date: Annotated[str, typer.Option(help="Level 5: the backup's day, YYYYMMDD.")] = "",
    overwrite_newer: Annotated[
        bool, typer.Option(help="Level 5: write objects back even where the live one is newer.")
    ] = False,
    people: Annotated[
        str, typer.Option(help="JSON file: identity -> list of roles (default: you, with every role).")
    ] = "",
    site: Annotated[str, typer.Option(help="The site's file (default: DR_TRUSTLAYER).")] = "",
    abandon: Annotated[
        str,
        typer.Option(
            help="Give up another run that is unfinished (its region may be gone), for this reason; nothing of it is undone."
        ),
    ] = "",
    dry_run: Annotated[bool, typer.Option(help="Show the runbook and stop.")] = False,
    change_batch: Annotated[
        bool, typer.Option(help="Print dns-failover.json, the second way of level 4, and stop.")
    ] = False,
) -> int:
    """Carry out the runbook of a level. A killed run is taken up where it stopped by the same command.

    Each approval shows its consequence and wants the word yes, typed; there is no option that gives it.

    \b
    Examples:
      dr assess && dr recover --level 2
      dr recover --level 4 --dry-run
      dr recover --back 4      (once us-east-1 is there again)
    """
    from recovery.runbook.render import markdown

    if change_batch:
        print(json.dumps(_change_batch(), indent=1))
        return 0
    if bool(level) == bool(back) or back == 1:
        raise BadInput(
            "name one of --level 1 to 5, or --back 2 to 4", "nothing was done: which runbook is meant is not known",
            "dr assess    (says which level it is)",
        )  # fmt: skip
    if level == 5 and not date:
        raise BadInput(
            "level 5 needs --date",
            "a restore brings back one day's backup, and loses what came after",
            "dr backup list",
        )
    if dry_run:
        given = {"zone": zone, "date": date or "YYYYMMDD", "overwrite": overwrite_newer}
        print(markdown(runbook_of(back or level, bool(back), given)))
        return 0
    from clouds.journal_place import SharedJournal, home
    from clouds.trustlayer_site import Site

    folder = home(ROOT) / "trustlayer"
    recovery = Recovery(
        Site.load(site),
        SharedJournal(folder / "journal.jsonl", folder / "journal-head.json"),
        _people(people),
        typed,
    )
    recovery.tells = telling(recovery)
    given = {"zone": zone, "date": date, "overwrite": overwrite_newer}
    state = recovery.go(back or level, given, back=bool(back), abandon=abandon)
    print(verdict(state))
    if state.mode is Mode.COMPLETED:
        return 0
    stuck = state.stuck or tuple(one.step for one in outstanding(state))
    raise Failed(
        f"{state.runbook.id} stands at {', '.join(f'{id}: {state.of(id).reason or state.of(id).phase}' for id in stuck)}",
        "service is not restored", f"dr recover --{'back' if back else 'level'} {back or level}    (tries the failed steps again)",
    )  # fmt: skip


@dataclass
class Recovery:
    """One person's way to carry runbooks out. people: identity -> roles. answer: says yes or no to a question."""

    site: Site
    journal: SharedJournal
    people: Mapping[str, frozenset[Role]]
    answer: Answer
    say: Callable[[str], None] = print
    shown: set[tuple[str, Phase]] = field(default_factory=set)
    tells: Callable[[str, int], Teller] | None = None
    """(run, level; negative: the way back) -> who tells the audiences of it (TL-7); None: nobody is told."""
    teller: Teller | None = None

    def go(self, level: int, given: Mapping[str, Json], back: bool = False, abandon: str = "") -> State:
        """Begin the level's runbook (back: its failback), or take up its unfinished run. Returns where it stands at
        the end."""
        from clouds.aws.run_lock import RunLock
        from clouds.runbook.executor import Executor
        from clouds.runbook.runner import Threads
        from clouds.trustlayer_effects import effects

        self.shown.clear()
        name = f"trustlayer-{'back-' if back else ''}{level}"
        found = self._unfinished(name, abandon)
        if found is None:
            run_id = f"{name}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
            body = {
                "runbook": name,
                "level": level,
                "option": f"--{'back' if back else 'level'} {level}",
                "given": dict(given),
                "people": {w: sorted(map(str, r)) for w, r in self.people.items()},
            }
            self.journal.append(Kind.RUN, run_id, body)
        else:
            run_id, given = found
            self.say(f"taking up {run_id}")
        runbook = runbook_of(level, back, given)
        self.teller = self.tells(run_id, -level if back else level) if self.tells else None
        executor = Executor(
            runbook, run_id, self.people, self.journal, effects(self.site), Threads(), time.time, words=self._words, watcher=self,
            patience=0.0, scale=float(self.site.body.get("scale", 1.0)), idle=0.05, tick=1.0,
        )  # fmt: skip
        try:
            with RunLock(self.site, run_id, self.say):
                return self._carry_out(executor, resumed=found is not None)
        finally:
            if self.teller is not None:
                self.teller.close()

    def _carry_out(self, executor: Executor, resumed: bool) -> State:
        if resumed:
            state = executor.resume()
            for (
                step
            ) in state.stuck:  # the person who gave the command again wants the failed steps tried again
                state = executor.send(state, ev.Retried(step, next(iter(self.people)), time.time()))
        return executor.go()

    def _unfinished(self, name: str, abandon: str) -> tuple[str, Mapping[str, Json]] | None:
        begun: dict[str, Mapping[str, Json]] = {}
        for record in self.journal.records:
            if record.kind is Kind.RUN and record.body.get("runbook"):
                begun[record.run] = record.body
            elif record.kind is Kind.RUN and "ended" in record.body:
                begun.pop(record.run, None)
        other = [run for run, body in begun.items() if body["runbook"] != name]
        for given_up in other if abandon else ():
            self.journal.append(Kind.RUN, given_up, {"ended": "abandoned", "reason": abandon})
            self.say(f"abandoned {given_up}: {abandon}")
        if other and not abandon:
            raise Stopped(
                f"the run {other[-1]} is unfinished", "two recoveries at once would undo each other",
                f"dr recover {begun[other[-1]].get('option', '')}    (takes it up; --abandon REASON beside yours gives it up)",
            )  # fmt: skip
        mine = [(run, body["given"]) for run, body in begun.items() if body["runbook"] == name]
        return mine[-1] if mine else None

    def _words(self, state: State) -> list[Heard]:
        """Ask the person what is asked now, one question after the other; tell the audiences what is owed to them."""
        from clouds.runbook.calls import Heard

        if self.teller is not None:
            self.teller.look(state)

        for one in outstanding(state):
            if isinstance(one, Ask):
                for identity, roles in self.people.items():
                    for role in sorted(roles & one.missing):
                        yes = self.answer(one)
                        answered = ev.Answered(one.key, role, identity, yes, one.sentence, time.time())
                        return [Heard(answered, {"what": "answered", "key": one.key, "by": identity})]
                raise Stopped(
                    f"nobody here may approve {one.step} ({', '.join(one.missing)})",
                    "the step cannot be undone or moves traffic",
                    "name the people with --people",
                )
        return []

    def changed(self, state: State, out: Sequence[Output]) -> None:
        """Tell the operator what ended."""
        if self.teller is not None:
            self.teller.look(state)
        for step in state.runbook.steps:
            now = state.of(step.id)
            if (
                now.phase in (*SETTLED, Phase.FAILED, Phase.REFUSED)
                and (step.id, now.phase) not in self.shown
            ):
                self.shown.add((step.id, now.phase))
                took = (now.ended or 0) - (now.started or 0)
                self.say(
                    f"{'=' if now.phase in SETTLED else '!'} {step.id:<12} {now.phase} after {took:.1f} s of {step.budget.p95:g} s; "
                    f"{against(state, now.ended or time.time())} {now.reason}".rstrip()
                )

    def said(self, text: str, loud: bool = False) -> None:
        """What the machine says."""
        self.say(text)


def telling(recovery: Recovery) -> Callable[[str, int], Teller]:
    """Status to the channels of Pulumi.trustlayer-active.yaml (`standby:channels`), and to this machine's outbox."""
    from clouds.incident_status import Teller
    from clouds.notify import channels, deliver

    scale = float(recovery.site.body.get("scale", 1.0))
    began = time.time()

    def clock() -> float:  # a rehearsal's quarter of an hour passes as its slow operations do
        return began + (time.time() - began) * scale

    def ways(audience: str) -> list[Channel]:
        return channels(ROOT, audience, stack="trustlayer-active")

    return lambda run, level: Teller(run, IMPACT[level], recovery.journal, ways, deliver, clock)


def _change_batch() -> Mapping[str, Json]:
    from clouds.aws.route53 import change_batch
    from clouds.program import stack_config

    project, config, _ = stack_config(ROOT, "trustlayer-global")
    own = json.loads(config[f"{project}:trustlayer"])
    return change_batch(own["domain"], own["recoveryHost"], int(own.get("ttl", 60)))


def runbook_of(level: int, back: bool, given: Mapping[str, Json]) -> Runbook:
    """The runbook of a level, or of the way back from it."""
    zone = str(given.get("zone") or "us-east-1a")
    if back:
        return failback(level, zone)
    return book(level, zone, str(given.get("date", "")), bool(given.get("overwrite")))


def typed(question: Ask) -> bool:
    """The word yes, typed by a person (or given on standard input), under the consequence."""
    print(f"\n{question.sentence}\nType yes: ", end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise Stopped(
            f"{question.step} wants a yes and nobody is there to type it",
            "an approval is never assumed",
            "run it in a terminal",
        )
    return line.strip() == "yes"


def against(state: State, at: float) -> str:
    """How much of the time that the site's plan allows is used: MTTR for levels 1 to 3, RTO for 4 and 5."""
    word = (
        "the planned way back" if "-back-" in state.runbook.id else "MTTR" if state.runbook.id[-1] in "123" else "RTO"
    )  # fmt: skip
    return f"{clock(at - (state.started or at))} of {clock(state.runbook.plan_seconds[0])} ({word})"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def verdict(state: State) -> str:
    """The last line."""
    end = state.ended or time.time()
    late = end - (state.started or end) > state.runbook.plan_seconds[0]
    return f"{state.runbook.title}: {state.mode} after {against(state, end)}{', later than allowed' if late else ''}."


def _people(path: str) -> dict[str, frozenset[Role]]:
    if not path:
        return {getpass.getuser(): frozenset(Role)}
    try:
        return {
            str(who): frozenset(Role(r) for r in roles)
            for who, roles in json.loads(Path(path).read_text()).items()
        }
    except (OSError, ValueError, AttributeError) as exc:
        raise BadInput(
            f"{path} names no people: {exc}",
            "approvals need to know who may give them",
            'write {"ana": ["SRE", "Incident Commander"]}',
        ) from exc
