"""A run in a process of its own, on a world and a journal that are on the disk: what `kill -9` leaves is what there is.

`run_child` forks, so that hundreds of real processes cost no imports. The child kills itself with SIGKILL at the point
asked for: around a journal record (before it, between its line and its head, after it), or right after a change of the
world (in the middle of an effect).
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clouds import journal_file
from clouds.journal_file import JournalFile
from clouds.journal_place import utc_now
from clouds.runbook.calls import Call, Handler, Heard, Outcome
from clouds.runbook.executor import Executor
from clouds.runbook.inbox import FolderPlace, Inbox, send
from clouds.runbook.runner import Inline
from clouds.runbook.runs import BOOKS, Begun
from recovery.journal.chain import Head, Kind, Record
from recovery.journal.direction import Direction, Standing
from recovery.model import Json
from recovery.people.words import Word, new_key, public_of, sign
from recovery.runbook.state import Ask, State, outstanding
from tests.clouds.runbook.simulated import PEOPLE, World

KEYS = {who: new_key() for who in PEOPLE}
VERIFIERS = {who: public_of(key) for who, key in KEYS.items()}
PLAIN = ("aws", "azure", "records", "caches", "capacity", "listening", "frozen", "triggers", "aws_up", "healthy", "done",
         "broken", "clock", "version", "cut")  # fmt: skip


@dataclass(frozen=True)
class Point:
    """Where to die: the so manyth journal record (before, between, after), or change of the world (changed)."""

    number: int
    when: str


def save(world: World, path: Path) -> None:
    """Whole or not at all."""
    held: dict[str, Json] = {name: getattr(world, name) for name in PLAIN}
    held["acknowledged"] = [list(one) for one in world.acknowledged]
    held["conflicts"] = sorted(list(one) for one in world.conflicts)
    held["sent"] = [list(one) for one in world.sent]
    held["replaced"] = {str(key): value for key, value in world.replaced.items()}
    held["standing"] = [str(world.fence.standing.direction), world.fence.standing.epoch]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(held))
    fresh.replace(path)


def load(path: Path) -> World:
    """The world as it was left."""
    held = json.loads(path.read_text())
    world = World(**{name: held[name] for name in PLAIN})
    world.acknowledged = [tuple(one) for one in held["acknowledged"]]
    world.conflicts = {tuple(one) for one in held["conflicts"]}
    world.sent = [tuple(one) for one in held["sent"]]
    world.replaced = {int(key): value for key, value in held["replaced"].items()}
    world.fence.standing = Standing(Direction(held["standing"][0]), held["standing"][1])
    return world


class Killing:
    """Counts what happens and dies at its point. Appends and changes are counted apart."""

    def __init__(self, point: Point | None) -> None:
        self.point, self.records, self.changes = point, 0, 0

    def at(self, when: str) -> None:
        number = self.changes if when == "changed" else self.records
        if self.point == Point(number, when):
            os.kill(os.getpid(), signal.SIGKILL)


class KillingJournal(JournalFile):
    """The real journal on the disk. killing: told before, between and after each append."""

    killing = Killing(None)

    def append(self, kind: Kind, run: str, body: Mapping[str, Json]) -> Record:
        self.killing.records += 1
        self.killing.at("before")
        record = super().append(kind, run, body)
        self.killing.at("after")
        return record

    def rest(self) -> None:
        """One process writes."""


def carry_out(folder: Path, book: str, point: Point | None) -> Killing:
    """Begin or resume the run in this folder; returns what was counted. Does not return when it dies."""
    killing, world_file = Killing(point), folder / "world.json"
    world, head = load(world_file), journal_file.write_head

    def write_head(path: Path, known: Head) -> None:
        killing.at("between")
        head(path, known)

    journal_file.write_head = write_head
    try:
        journal = KillingJournal(folder / "journal.jsonl", folder / "head.json", utc_now)
        journal.killing = killing
        begun = Begun("r1", "", book, people=PEOPLE, keys=VERIFIERS)
        if not journal.records:
            journal.append(Kind.RUN, "r1", begun.to_json())

        def changed() -> None:
            save(world, world_file)
            killing.changes += 1
            killing.at("changed")

        world.changed = changed
        table = {kind: _kept(handler, world, world_file) for kind, handler in world.table(begun).items()}
        place = FolderPlace(folder / "inbox")
        inbox = Inbox([place], VERIFIERS, journal, _clock(world), every=0.0)

        def words(state: State) -> list[Heard]:
            _answer(state, place)
            return inbox.words(state)

        Executor(BOOKS[book], "r1", PEOPLE, journal, table, Inline(), _clock(world), words, patience=0.0,
                 sleep=lambda seconds: None).go()  # fmt: skip
        save(world, world_file)
        journal.close()
    finally:
        journal_file.write_head = head
    return killing


def _clock(world: World) -> object:
    def clock() -> float:
        world.clock += 1
        return world.clock

    return clock


def _kept(handler: Handler, world: World, path: Path) -> Handler:
    def kept(args: Mapping[str, Json], call: Call) -> Outcome:
        outcome = handler(args, call)
        save(world, path)
        return outcome

    return kept


def _answer(state: State, place: FolderPlace) -> None:
    """Everyone who is asked leaves a signed yes, one role a look."""
    for one in outstanding(state):
        if isinstance(one, Ask) and one.missing:
            role = sorted(one.missing)[0]
            who = f"{role.name.lower()}@demay"
            word = Word("r1", "yes", who, one.key, str(role), one.sentence)
            send([place], word, sign(word, KEYS[who]))
            return


def run_child(folder: Path, book: str, point: Point | None) -> int:
    """`carry_out` in a process of its own; returns how it ended as `waitpid` says (9: killed by SIGKILL)."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            carry_out(folder, book, point)
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]
