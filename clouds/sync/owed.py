"""A freeze that AWS could not be given stays owed: written down in both places, tried again, closed when it stands.

Both places: the journal container (whoever runs next, on whichever machine, meets it) and this machine's own journal
(`dr status` shows it, `dr rollback` does not cut back before it is closed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clouds import journal_place
from clouds.sync.direction import Directions
from clouds.sync.freeze import TARGETS, freezer
from recovery.errors import DrError, Failed
from recovery.journal.chain import Kind
from recovery.journal.direction import Direction, close_obligation, open_obligation

if TYPE_CHECKING:
    from clouds.sync.world import SyncWorld

RUN = "sync"


def freeze(world: SyncWorld, name: str) -> str:
    """Freeze it; where AWS cannot be given it, it is owed from now on, and the error says so. Raises Failed, Stopped."""
    try:
        done = freezer(world).freeze(name)
    except Failed as error:
        owe(world, name)
        raise Failed(
            f"{error.summary}; the freeze of {name} is owed from now on",
            "users may still write to the side that is left: it is tried again by every sync, and blocks the cutback",
            f"dr sync freeze --only {name}    (as soon as AWS answers; dr status shows what is owed)",
            retry=True,
        ) from error
    met(world, name, done)
    return done


def unfreeze(world: SyncWorld, name: str) -> str:
    """Lift it, or take back that it is owed. Raises Failed, Stopped."""
    done = freezer(world).unfreeze(name)
    met(world, name, "lifted")
    return done


def owe(world: SyncWorld, name: str) -> None:
    """Write the obligation down in both places, once."""
    owe_shared(world, name)
    if not _of(name, list(journal_place.stand(world.root, world.environ).obligations)):
        _note(world, open_obligation(_id(name), _what(name)))


def owe_shared(world: SyncWorld, name: str) -> None:
    """In the journal container alone: a runbook's run keeps its own journal (and holds it)."""
    Directions(world.journal).owe(_id(name), _what(name))


def met(world: SyncWorld, name: str, how: str) -> None:
    """Close it in both places, whoever opened it."""
    met_shared(world, name, how)
    for id in _of(name, list(journal_place.stand(world.root, world.environ).obligations)):
        _note(world, close_obligation(id, how))


def met_shared(world: SyncWorld, name: str, how: str) -> None:
    """Close it in the journal container alone."""
    directions = Directions(world.journal)
    for id in _of(name, list(directions.read().obligations)):
        directions.met(id, how)


def _id(name: str) -> str:
    return f"{RUN}/freeze-{name}"


def _what(name: str) -> str:
    return f"the freeze of AWS's {name}: writes there are not blocked"


def retry(world: SyncWorld) -> list[str]:
    """Try each freeze that is owed, unless AWS is the origin again; returns what came of each, in words.

    Never raises for AWS's silence: it is then still owed.
    """
    now = Directions(world.journal).read()
    if now.direction is Direction.FORWARD and now.epoch:
        return []
    open_here = [*now.obligations, *journal_place.stand(world.root, world.environ).obligations]
    said = []
    for name in TARGETS:
        if _of(name, open_here):
            try:
                said.append(f"{freeze(world, name)} (it was owed)")
            except DrError as error:
                said.append(f"{name}: still not frozen ({error.summary[:160]})")
    return said


def _of(name: str, ids: list[str]) -> list[str]:
    """The obligations about this freeze: a runbook's run names its own before the slash."""
    return [id for id in dict.fromkeys(ids) if id.rpartition("/")[2] == f"freeze-{name}"]


def _note(world: SyncWorld, body: dict[str, object]) -> None:
    journal = journal_place.SharedJournal(*journal_place.paths(world.root, world.environ))
    try:
        journal.append(Kind.OBLIGATION, RUN, body)
    finally:
        journal.rest()
