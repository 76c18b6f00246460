"""The machine under any schedule: restarts after every event, failures, lost answers, late people, jumping clocks.

Resumes to the same end; no irreversible step without its approval or a recorded break-glass;
DNS never before health is proven; an abort leaves nothing behind.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.runbook import events as ev
from recovery.runbook.events import Result
from recovery.runbook.image_app import FAILOVER
from recovery.runbook.image_app_rollback import ROLLBACK
from recovery.runbook.roles import Role
from recovery.runbook.state import SETTLED, Ask, Do, Mode, Phase, State, outstanding
from recovery.runbook.steps import Approval, Budget, Effect, Runbook, Step
from tests.recovery.runbook.world import PEOPLE, Run, World, person, yes

BOOKS = {book.id: book for book in (FAILOVER, ROLLBACK)}


@st.composite
def books(draw: st.DrawFn) -> Runbook:
    """Any small runbook that obeys the rules of safety."""
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 6))):
        id = f"s{number}"
        needs = tuple(draw(st.sets(st.sampled_from([s.id for s in steps])))) if steps else ()
        irreversible = draw(st.booleans()) and number > 2
        roles = draw(st.lists(st.frozensets(st.sampled_from(list(Role)), min_size=1, max_size=2), max_size=2))
        if irreversible and not roles:
            roles = [frozenset({Role.CTO})]
        effects: dict[str, Any] = {
            name: Effect(f"{name}.{id}") if draw(st.booleans()) else None
            for name in ("check", "guard", "verify")
        }
        undo = None if irreversible or not draw(st.booleans()) else Effect(f"undo.{id}")
        steps.append(
            Step(
                id, id, "A", Role.SRE, Budget(1, 2), ("ACT-1",), needs, do=Effect(f"do.{id}"), undo=undo,
                approval=Approval(tuple(roles), "go?") if roles else None, irreversible=irreversible,
                skippable=not irreversible and draw(st.booleans()), retries=draw(st.integers(0, 2)),
                best_effort=not irreversible and draw(st.booleans()), manual=("x",), timeout=30,
                owed="it" if draw(st.booleans()) else "", **effects,
            )
        )  # fmt: skip
    return Runbook("any", "Any", tuple(steps), steps[-1].id, (1, 2), {"A": (0, 1)})


def check(run: Run, world: World) -> None:
    """What must be true after every event, whatever happened before."""
    state = run.state
    for one in outstanding(state):
        if not isinstance(one, Do):
            continue
        step, now = state.runbook.step(one.step), state.of(one.step)
        if one.phase is Phase.DO:
            assert all(state.of(need).phase in SETTLED for need in step.needs), f"{step.id} before its needs"
            if step.approval is not None and not step.approval.rule:
                given = {given.role for given in now.given}
                assert any(wanted <= given for wanted in step.approval.any_of), f"{step.id} without approval"
                real = [given.identity for given in now.given if not given.glass]
                assert len(real) == len(set(real)), "two roles, one identity"
            if step.moves_traffic:
                before = [state.runbook.step(id) for id in state.runbook.before(step.id)]
                assert all(state.of(s.id).phase is Phase.DONE for s in before if s.proves_health)
        if one.phase is Phase.UNDO:
            above = {s.id for s in state.runbook.steps if one.step in state.runbook.before(s.id)}
            standing = {id for id in above & world.applied if state.runbook.step(id).undo is not None}
            assert not standing & {id for id in above if state.of(id).did}, (
                f"{one.step} undone under {standing}"
            )
    if state.mode is Mode.COMPLETED:
        assert all(now.phase in SETTLED for now in state.steps.values())
    if state.mode is Mode.ABORTED:
        left = {id for id in world.applied if state.runbook.step(id).undo is not None and state.of(id).did}
        assert not left, f"aborted, and {left} still stand"
        assert not any(s.irreversible and s.id in world.applied for s in state.runbook.steps)


@st.composite
def moves(draw: st.DrawFn) -> list[tuple[str, int, Any]]:
    """What may happen next, many times: which of the things asked for, and how it goes."""
    kinds = ("effect",) * 6 + ("lost", "tick", "jump", "answer", "answer", "no", "glass", "stranger", "pause",
                               "resume", "abort", "skip", "retry", "late", "restart")  # fmt: skip
    return draw(
        st.lists(
            st.tuples(
                st.sampled_from(kinds), st.integers(0, 9), st.sampled_from(list(Result)) | st.just(Result.OK)
            ),
            max_size=60,
        )
    )


def play(book: Runbook, script: list[tuple[str, int, Any]]) -> tuple[Run, World]:
    """Play a script, checking after every event, and restarting wherever the script says."""
    run, world = Run(book), World()
    at = 0.0
    old: list[Do] = []
    run.send(ev.Started(at))
    for kind, pick, result in script:
        at += 1
        asked = outstanding(run.state)
        effects = [one for one in asked if isinstance(one, Do)]
        asks = [one for one in asked if isinstance(one, Ask)]
        step = book.steps[pick % len(book.steps)].id
        if kind in ("effect", "lost") and effects:
            one = effects[pick % len(effects)]
            old.append(one)
            # An effect may happen although its answer is bad; it never happens when the primary is unreachable.
            world.fate = lambda key, r=result, p=pick: (
                r is not Result.UNREACHABLE and (r is Result.OK or p < 5),
                r,
            )  # type: ignore[misc]
            ended = world.perform(one, at)
            if kind == "effect":
                run.send(ended)
        elif kind == "late" and old:
            run.send(ev.Finished(old[pick % len(old)].key, result, at))
        elif kind == "tick":
            at += 31
            run.send(ev.Ticked(at))
        elif kind == "jump":
            at += (pick - 5) * 1e6
            run.send(ev.Ticked(at))
        elif kind in ("answer", "no", "glass", "stranger") and asks:
            ask = asks[pick % len(asks)]
            role = sorted(ask.missing)[pick % len(ask.missing)] if ask.missing else Role.CTO
            who = "stranger@demay" if kind == "stranger" else person(role)
            if kind == "glass":
                run.send(ev.BrokeGlass(ask.key, role, person(Role.SRE), "cannot be reached", at))
            else:
                run.send(ev.Answered(ask.key, role, who, kind != "no", ask.sentence, at))
        elif kind == "pause":
            run.send(ev.Paused("i", "r", at))
        elif kind == "resume":
            run.send(ev.Resumed("i", at))
        elif kind == "abort" and pick < 3:
            run.send(ev.Aborted("i", "r", at))
        elif kind == "skip":
            run.send(ev.Skipped(step, "i", "r", at))
        elif kind == "retry":
            run.send(ev.Retried((run.state.stuck or (step,))[0], "i", at))
        elif kind == "restart":
            run.restart()
        check(run, world)
    return run, world


def calm(run: Run, world: World) -> State:
    """After the storm: everything answers, people retry what is stuck. Every run comes to an end."""
    world.fate = lambda key: (True, Result.OK)
    at = 1e9
    for _ in range(400):
        at += 1
        if run.state.mode in (Mode.COMPLETED, Mode.ABORTED):
            return run.state
        if run.state.mode is Mode.PAUSED:
            run.send(ev.Resumed("i", at))
        elif run.state.stuck:
            run.send(ev.Retried(run.state.stuck[0], "i", at))
        else:
            first = outstanding(run.state)[0]
            run.send(yes(first, at) if isinstance(first, Ask) else world.perform(first, at))
        check(run, world)
    raise AssertionError(f"no end: {run.state.mode}, {outstanding(run.state)}")


@given(books(), moves())
@settings(max_examples=200, deadline=None)
def test_no_schedule_breaks_a_rule_and_every_run_can_be_brought_to_an_end(book: Runbook, script: Any) -> None:
    """Random failures, timeouts, late or refused approvals, aborts, skips, clock jumps, restarts."""
    run, world = play(book, script)
    run.restart()
    calm(run, world)
    run.restart()


@pytest.mark.parametrize("name", BOOKS)
@given(script=moves())
@settings(max_examples=40, deadline=None)
def test_no_schedule_breaks_a_rule_of_the_real_runbooks(name: str, script: Any) -> None:
    """The same for failover and rollback, where cutover is not undone."""
    run, world = play(BOOKS[name], script)
    calm(run, world)


@pytest.mark.parametrize("name", BOOKS)
def test_a_machine_restarted_after_every_event_reaches_the_same_end(name: str) -> None:
    """Every event of an undisturbed run is a kill point, before its journal entry is folded and after."""
    one, other = World(), World()
    straight = Run(BOOKS[name])
    straight.run(one)
    killed = Run(BOOKS[name])
    killed.run(other, restarts=True)
    assert straight.state.mode is Mode.COMPLETED
    assert killed.state == straight.state
    assert killed.journal == straight.journal
    assert other.done == one.done


@pytest.mark.parametrize("name", BOOKS)
def test_an_effect_whose_answer_was_lost_in_a_kill_happens_once(name: str) -> None:
    """Killed between the effect and its record, at each effect in turn: asked for again, done once."""
    world = World()
    straight = Run(BOOKS[name])
    straight.run(world)
    points = [one.key for one in straight.asked if isinstance(one, Do)]
    for point in points:
        again = World()
        run = Run(BOOKS[name])

        def at_point(state: State, point: str = point) -> bool:
            first = outstanding(state)[0]
            return isinstance(first, Do) and first.key == point

        run.run(again, until=at_point)
        lost = outstanding(run.state)[0]
        assert isinstance(lost, Do)
        again.perform(lost, 1)  # it happened, and the process died
        run.restart()
        assert outstanding(run.state)[0] == lost
        run.run(again)
        assert run.state.mode is Mode.COMPLETED
        assert again.done == world.done
    print(f"{name}: {len(points)} kill points")


def test_dns_moves_only_after_all_it_rests_on() -> None:
    """ACT-4: after backends are healthy, data is decided on, forward sync is off, the TTL is low, and a go."""
    before = FAILOVER.before("cutover")
    assert {"health", "decide", "stop-forward", "ttl", "unmute"} <= before
    world = World()
    Run(FAILOVER).run(world)
    order = world.done
    assert order.index("cutover") > max(order.index(id) for id in ("health", "stop-forward", "scale-up"))


def test_capacity_goes_only_after_the_last_delta_is_empty_and_traffic_has_left() -> None:
    """BACK-5 and BACK-2: nothing accepted by Azure is left behind, no capacity is removed under traffic."""
    assert {"drained", "last-delta", "end-reverse", "propagation"} <= ROLLBACK.before("scale-down")
    scale_down = ROLLBACK.step("scale-down")
    assert scale_down.guard == Effect("gate.drain")
    assert "end-reverse" in ROLLBACK.before("begin-forward")


def test_health_lost_while_the_go_is_awaited_stops_the_cutover() -> None:
    """The guard looks again after the approval; DNS is not touched."""
    world = World(fate=lambda key: (True, Result.FAILED if "/cutover/guard/" in key else Result.OK))
    run = Run(FAILOVER)
    run.run(world)
    assert "cutover" not in world.applied
    assert run.state.of("cutover").phase is Phase.FAILED
    assert "cutover" in run.state.stuck


def test_with_aws_wholly_unreachable_the_failover_goes_on_and_keeps_its_obligations() -> None:
    """What needs AWS is skipped, said, and owed; the CTO decides on data that nobody could compare."""
    aws = ("freeze-uploads", "freeze-table", "sync-uploads", "sync-metadata", "compare")

    def fate(key: str) -> tuple[bool, Result]:
        gone = key.split("/")[1] in aws
        return not gone, Result.UNREACHABLE if gone else Result.OK

    world, run = World(fate=fate), Run(FAILOVER)
    run.run(world)
    assert run.state.mode is Mode.COMPLETED
    assert set(run.state.obligations) == set(aws)
    assert [given.role for given in run.state.of("decide").given] == [Role.CTO]


def test_an_abort_before_the_cutover_leaves_the_world_as_it_was() -> None:
    """Everything with an undo is undone, the last first."""
    world, run = World(), Run(FAILOVER)
    run.run(world, until=lambda s: s.of("cutover").phase is Phase.APPROVAL)
    run.send(ev.Aborted(person(Role.INCIDENT_COMMANDER), "AWS is back", 1))
    run.run(world)
    assert run.state.mode is Mode.ABORTED
    undone = [entry.removeprefix("undo ") for entry in world.done if entry.startswith("undo ")]
    assert set(undone) == {"freeze-uploads", "freeze-table", "stop-forward", "scale-up", "unmute"}
    assert undone.index("unmute") < undone.index("stop-forward") < undone.index("freeze-uploads")
    assert undone.index("unmute") < undone.index("scale-up")


def test_people_of_these_tests_have_one_role_each() -> None:
    """So that the properties above mean what they say."""
    assert all(len(roles) == 1 for roles in PEOPLE.values())
