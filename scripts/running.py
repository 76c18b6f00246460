"""What the verbs of a run share: the lock of one run at a time, the wiring, the loop, the verdict at its end."""

from __future__ import annotations

import fcntl
import getpass
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from recovery.engine import DIALS_ONLY, Event, EventKind
from recovery.errors import DrError, Stopped
from recovery.model import Json
from scripts import switch
from scripts.run_view import Terminal, summary, verdict

if TYPE_CHECKING:
    from clouds.journal_place import SharedJournal
    from clouds.runbook.calls import Handler
    from clouds.runbook.executor import Watcher
    from clouds.runbook.footprint import Footprint
    from clouds.runbook.people import People
    from clouds.runbook.runs import Begun
    from recovery.runbook.state import State


def me() -> str:
    """Who sits at this machine, for the record (no proof of anything)."""
    try:
        return os.environ.get("DR_PERSON") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


@contextmanager
def one_run(root: Path) -> Iterator[None]:
    """One executor on this machine; the kernel ends the lock with the process. Raises Stopped."""
    from clouds.journal_place import home

    path = home(root) / "journal" / "run.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Stopped(
                "a run is being carried out on this machine already",
                "two executors of one footprint would undo each other",
                "dr status    (and speak to it: dr approve, dr pause, dr abort)",
                retry=True,
            ) from error
        yield


def is_running(root: Path) -> bool:
    """Is an executor alive on this machine?"""
    try:
        with one_run(root):
            return False
    except Stopped:
        return True


def open_journal(root: Path) -> SharedJournal:
    """This machine's journal, for writing."""
    from clouds.journal_place import SharedJournal, paths

    return SharedJournal(*paths(root))


def begin(
    root: Path, book: str, engine: str, *, reason: str, scenario: str, drill: bool, primary_gone: bool
) -> Begun:
    """Write a new run's first record. Raises Stopped when another one is unfinished."""
    from clouds.runbook.people import load_people
    from clouds.runbook.runs import Begun, book_named, unfinished
    from recovery.journal.chain import Kind

    book_named(book)
    people = load_people(root)
    journal = open_journal(root)
    try:
        open_one = unfinished(journal.records)
        if open_one is not None:
            raise Stopped(
                f"the run {open_one.id} ({open_one.book}, begun {open_one.at}) has not ended",
                "two runs at once would undo each other",
                f"dr resume    (go on with it), or: dr abort --reason '...'    (undo what it did, where {open_one.book} still can)",
            )
        run = f"{book}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:4]}"
        fresh = Begun(
            run, "", book, engine, me(), reason, scenario, drill, primary_gone, people.roles, people.verifiers
        )
        journal.append(Kind.RUN, run, fresh.to_json() | {"command": " ".join(["dr", *sys.argv[1:]])})
    finally:
        journal.rest()
    return fresh


def carry_on(root: Path, begun: Begun, patience: float | None, format: str, speaker: str = "") -> int:
    """Carry a run out, talking to the person at this terminal. Returns the exit code."""
    from clouds.endpoints import load

    scale = load().scale

    def watcher(journal: SharedJournal, publish: Publish, spoken: Spoken) -> Terminal:
        terminal = Terminal(begun, scale, publish, lambda: journal.records)
        if sys.stdin.isatty():
            terminal.listen(lambda line: spoken(line, speaker))
        return terminal

    return tell(carry_through(root, begun, patience, watcher), begun, scale, format)


Publish = Callable[[Mapping[str, Json]], None]
Spoken = Callable[[str, str], str]
"""(line, who types) -> what became of it."""


def carry_through(
    root: Path,
    begun: Begun,
    patience: float | None,
    watcher: Callable[[SharedJournal, Publish, Spoken], Watcher],
) -> State:
    """Carry a run out until it has ended, or only people can go on and `patience` (real seconds) is over.

    watcher: makes whoever looks on, given the journal, a way to publish what is asked, and one to take a typed word.
    """
    from clouds.notify import channels
    from clouds.runbook.assemble import places
    from clouds.runbook.executor import Executor
    from clouds.runbook.footprint import Footprint
    from clouds.runbook.inbox import Inbox
    from clouds.runbook.people import load_people
    from clouds.runbook.runner import Threads
    from clouds.runbook.runs import book_of
    from clouds.runbook.updates import StatusUpdates

    with one_run(root):
        release_the_dead(root)
        with switch.FootprintLock(root, "standby") as lock:
            footprint = Footprint(root)
            journal = open_journal(root)
            found = places(footprint, inbox_folder(root))
            people = load_people(root)
            looking_on = watcher(
                journal,
                publisher(footprint, begun),
                lambda line, speaker: _spoken(root, found, people, begun, line, speaker),
            )
            inbox = Inbox(found, begun.keys, journal, footprint.world.now, refused=looking_on.said)
            updates = StatusUpdates(
                begun, journal, lambda: channels(root, "internal"), footprint.world.now, footprint.endpoints.scale,
                say=looking_on.said,
            )  # fmt: skip
            executor = Executor(
                book_of(begun), begun.id, begun.people, journal, _effects(root, footprint, begun, lock),
                Threads(), footprint.world.now, words=inbox.words, watcher=looking_on, patience=patience,
                drill=begun.drill, scale=footprint.endpoints.scale, beside=updates.look,
            )  # fmt: skip
            try:
                state = executor.go()
            finally:
                updates.wait(5.0)
                journal.rest()
                mirror(root, footprint)
            lock.note(f"{begun.book}: {state.mode}")
    return state


def tell(state: State, begun: Begun, scale: float, format: str) -> int:
    """The end on stdout; returns the exit code."""
    code, sentence = verdict(state)
    if format == "json":
        switch.print_json(summary(state, begun, scale) | {"verdict": sentence, "exitCode": int(code)})
    else:
        print(sentence)
    return int(code)


def inbox_folder(root: Path) -> Path:
    """Where words wait on this machine."""
    from clouds.journal_place import home

    return home(root) / "inbox"


def publisher(footprint: Footprint, begun: Begun) -> Callable[[Mapping[str, Json]], None]:
    """Puts what is asked where approvers on other machines find it; in the background, never in the way."""
    from clouds.azure.blobs import Blobs
    from clouds.runbook.assemble import journal_blobs
    from clouds.runbook.footprint import JOURNAL
    from clouds.runbook.inbox import questions

    held: list[Blobs] = []
    turn = threading.Lock()

    def publish(asked: Mapping[str, Json]) -> None:
        def go() -> None:
            with turn, suppress(DrError):
                if not held:
                    held.append(journal_blobs(footprint))
                body = questions(dict(asked) | {"run": begun.id, "verifiers": dict(begun.keys)})
                held[0].put(JOURNAL, "runs/current.json", body, content_type="application/json")

        threading.Thread(target=go, daemon=True, name="publish").start()

    return publish


def mirror(root: Path, footprint: Footprint) -> None:
    """A copy of the journal and its head beside the lock, where another machine can read it. Best effort."""
    from clouds.journal_place import paths
    from clouds.runbook.assemble import journal_blobs
    from clouds.runbook.footprint import JOURNAL

    journal, head = paths(root)
    with suppress(DrError, OSError):
        blobs = journal_blobs(footprint)
        blobs.put(JOURNAL, "journal/journal.jsonl", journal.read_bytes())
        blobs.put(JOURNAL, "journal/head.json", head.read_bytes())


def release_the_dead(root: Path) -> None:
    """End the lease of a process that is proven dead on this very host: after a kill nobody need wait for its 60 s."""
    from clouds.azure.arm import Arm
    from clouds.azure.lease import footprint_blob, read_holder
    from clouds.endpoints import load

    endpoints = load()
    arm = Arm(endpoints)
    try:
        blob = footprint_blob(arm, switch.FootprintLock(root, "standby").journal_id(), endpoints.storage_key)
        holder = read_holder(blob) if blob is not None else None
        if holder is not None and holder.leased and not holder.ended and holder.alive() is False:
            from clouds.runbook.lease_of_dead import end_lease

            end_lease(blob)
            switch.say(f"  the lease of {holder} was ended: that process is gone")
    finally:
        arm.close()


def _effects(
    root: Path, footprint: Footprint, begun: Begun, lock: switch.FootprintLock
) -> dict[str, Handler]:
    from clouds.runbook.assemble import effects
    from clouds.runbook.precheck import quick

    turn = threading.Lock()

    def up(stack: str, patterns: Sequence[str], say: Callable[[str], None]) -> int:
        from clouds.run_records import RunRecord, runs_folder

        def watch(event: Event) -> None:
            if event.kind is EventKind.DONE and event.action is not None:
                say(f"{event.action} {event.name}")
            lock.saw(event)

        record: list[RunRecord] = []
        with turn:
            engine = switch.make_engine(
                begun.engine, root, on_start=lambda pid: record[0].cli_started(pid), before_change=lock.check
            )
            record.append(RunRecord.begin(
                runs_folder(root), stack=stack, engine=engine.name, command=["dr", *sys.argv[1:]], exclude=patterns,
            ))  # fmt: skip
            try:
                plan = engine.up(stack, exclude=list(patterns), allow=DIALS_ONLY, on_event=watch)
            except Exception as error:
                record[0].end(switch.outcome_of(error))
                raise
            record[0].end(f"part of {begun.id}")
        return len(plan.changes)

    def gateway_up(stack: str) -> None:
        from clouds.direct_engine import DirectEngine

        others = [
            one.options.get("name")
            for one in footprint.desired(stack)
            if one.options.get("name") != "gateway"
        ]
        with suppress(
            DrError
        ):  # not on the path of the recovery: the closing step's whole up makes up for it
            DirectEngine(root, before_change=lock.check).up(
                stack, exclude=[f"**::{name}" for name in others], on_event=lambda event: None
            )

    def hand_over(source: str, target: str) -> Mapping[str, Json]:
        from clouds.checkpoint import hand_over as give
        from clouds.pulumi_cli import PulumiCli

        if switch.make_engine(begun.engine, root).name != "pulumi":
            return {"handover": "the direct engine keeps no state: nothing to hand over"}
        done = give(PulumiCli(root), source, target, refresh=False, environ=os.environ, say=switch.say)
        return {"handover": f"{source} to {target}: {done.resources} resources"}

    return effects(
        footprint,
        begun,
        up,
        hand_over=hand_over,
        precheck=lambda name: quick(footprint, name),
        gateway_up=gateway_up,
    )


def _spoken(
    root: Path, found: Sequence[object], people: People, begun: Begun, line: str, speaker: str
) -> str:
    from scripts.speaking import say_word

    return say_word(root, begun, line, speaker, people, found)
