"""kill -9 at every journal record of every level and every failback, before and after it.

The effects are the real ones; the servers, clusters and AWS that they meet are simulated. A writing client tries every
server after each record.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from clouds.runbook.calls import Heard
from clouds.runbook.executor import Executor
from clouds.runbook.runner import Inline
from recovery.journal.chain import Kind, Record
from recovery.model import Json
from recovery.runbook import events as ev
from recovery.runbook.roles import Role
from recovery.runbook.state import Ask, Mode, State, outstanding
from recovery.runbook.steps import Runbook
from recovery.trustlayer.failback import back
from recovery.trustlayer.runbooks import book
from scripts.recover import verdict
from tests.clouds.runbook.simulated import Killed, MemoryJournal
from tests.trustlayer.simulated import EAST, REPLICA, World

PEOPLE: Mapping[str, frozenset[Role]] = {"operator": frozenset(Role)}
BOOKS: dict[str, Runbook] = {
    **{f"level {n}": book(n, date="20261122") for n in range(1, 6)},
    **{f"back from {n}": back(n) for n in (2, 3, 4)},
}


class Watched(MemoryJournal):
    """A journal after each record of which the client writes."""

    world: World

    def append(self, kind: Kind, run: str, body: Mapping[str, Json]) -> Record:
        self.world.tick()
        return super().append(kind, run, body)


def run(name: str, world: World, journal: Watched, runbook: Runbook | None = None) -> State:
    def clock() -> float:
        return float(len(journal.records))

    def words(state: State) -> list[Heard]:
        for one in outstanding(state):
            if isinstance(one, Ask):
                answer = ev.Answered(one.key, sorted(one.missing)[0], "operator", True, one.sentence, clock())
                return [Heard(answer, {"what": "answered"})]
        return []

    journal.world = world
    executor = Executor(
        runbook or BOOKS[name], name, PEOPLE, journal, world.table(), Inline(), clock, words, patience=0.0, tick=1e9
    )  # fmt: skip
    return executor.go()


def prepared(name: str) -> World:
    """The world in which the runbook begins: the failbacks begin where their level has ended."""
    world = World()
    number = int(name[-1])
    if number in (2, 3, 4):
        {2: world.lose_database, 3: world.lose_zone, 4: world.lose_region}[number]()
    if name.startswith("back"):
        done = run(f"level {number}", world, Watched())
        assert done.mode is Mode.COMPLETED, done.stuck
        world.regain() if number != 2 else None
        for node in world.nodes.values():
            node.promotions = 0
        world.broken.clear()
    return world


@pytest.mark.parametrize("name", BOOKS)
def test_a_run_killed_at_any_journal_record_resumes_to_the_same_end(name: str) -> None:
    """TL-1 to TL-5: no promotion twice, nor on two servers; never two primaries; prints `N kill points`."""
    straight, kept = prepared(name), Watched()
    end = run(name, straight, kept)
    assert end.mode is Mode.COMPLETED, [(id, end.of(id).reason) for id in end.stuck]
    wanted = straight.facts()
    points = [(number, when) for number in range(1, kept.appends + 1) for when in ("before", "after")]
    for point in points:
        world, journal = prepared(name), Watched(kill_at=point)
        with pytest.raises(Killed):
            run(name, world, journal)
        journal.kill_at = None
        resumed = run(name, world, journal)
        assert resumed.mode is Mode.COMPLETED, (
            point,
            [(id, resumed.of(id).reason) for id in resumed.stuck],
        )
        assert world.facts() == wanted, point
        assert world.broken == [], point
        assert sum(node.promotions for node in world.nodes.values()) <= 1, point
        assert lost(name, world) == [], point
    print(f"{name}: {len(points)} kill points")


def lost(name: str, world: World) -> list[str]:
    """Acknowledged rows that the primary has not; a restore loses what came after its backup, by nature."""
    primary = [node for node in world.nodes.values() if world.takes(node)]
    assert len(primary) == 1, name
    return [] if name == "level 5" else [r for r in world.acknowledged if r not in set(primary[0].rows)]


def test_the_end_of_each_way_back_is_where_it_all_began() -> None:
    """TL-2 to TL-4: home is primary with two synchronous standbys; us-west-2 has a replica of the next generation."""
    for number in (2, 3, 4):
        world = prepared(f"back from {number}")
        assert run(f"back from {number}", world, Watched()).mode is Mode.COMPLETED
        facts = world.facts()
        assert facts["primary"] == ["db-a"]
        assert {facts["follows"][name] for name in ("db-b", "db-c")} == {"db-a"}
        assert facts["flag"] is False
        if number == 4:
            assert facts["replica"] == f"{REPLICA}-g2"
            assert facts["replicas"]["us-west-2"] == {"trustlayer-api": 0, "trustlayer-frontend": 0}


def test_an_api_that_hangs_is_rolled_out_anew_and_the_database_is_left_alone() -> None:
    """TL-2, the API alone: rollout restart and scale; a healthy primary is neither fenced nor replaced."""
    world, journal = World(), Watched()
    east = world.clusters[EAST]
    east.env["trustlayer-api"] = {"DATABASE_URL": world.nodes["db-a"].dsn}
    east.hung.add("trustlayer-api")
    state = run("level 2", world, journal)
    assert state.mode is Mode.COMPLETED, state.stuck
    assert east.restarts == ["trustlayer-api"]
    assert [node.promotions for node in world.nodes.values()] == [0, 0, 0, 0]
    assert world.nodes["db-a"].wants == ("db-a", "db-b", "db-c")


def test_an_api_that_was_pointed_at_a_new_primary_is_not_restarted_again() -> None:
    """TL-2, the database: the change of DATABASE_URL is the rollout."""
    world = prepared("level 2")
    assert run("level 2", world, Watched()).mode is Mode.COMPLETED
    assert world.clusters[EAST].restarts == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("level 2", "of 30:00 (MTTR)"),
        ("level 4", "of 60:00 (RTO)"),
        ("back from 2", "(the planned way back)"),
    ],
)
def test_what_a_run_took_is_said_against_what_the_plan_allows(name: str, said: str) -> None:
    """TL-2, TL-4: MTTR for the lower levels, RTO for the upper ones."""
    state = run(name, prepared(name), Watched())
    assert verdict(state).startswith(f"{state.runbook.title}: completed after 0:")
    assert said in verdict(state)
