"""The runbook machine, case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recovery.runbook import events as ev
from recovery.runbook.events import Result, from_json, to_json
from recovery.runbook.roles import Role
from recovery.runbook.state import Ask, Do, Mode, Phase, outstanding
from recovery.runbook.steps import Approval, Budget, Effect, Runbook, Step, all_of, one_of
from tests.recovery.runbook.world import PEOPLE, Run, World, person, yes

IC, CTO, TL = Role.INCIDENT_COMMANDER, Role.CTO, Role.TECH_LEAD


def step(id: str, *needs: str, **more: Any) -> Step:
    fields: dict[str, Any] = {"do": Effect(f"do.{id}"), "manual": ("by hand",)}
    return Step(id, id, "A", Role.DEVOPS, Budget(1, 5), ("ACT-1",), needs, **{**fields, **more})


def book(*steps: Step) -> Runbook:
    return Runbook("b", "B", steps, steps[-1].id, (60, 120), {"A": (1, 2)})


def started(*steps: Step) -> Run:
    run = Run(book(*steps))
    run.send(ev.Started(0))
    return run


def asked(run: Run) -> list[str]:
    return [one.key for one in outstanding(run.state)]


def finish(run: Run, result: Result = Result.OK, at: float = 1, **evidence: Any) -> None:
    """End what is asked for first."""
    first = outstanding(run.state)[0]
    run.send(ev.Finished(first.key, result, at, evidence))


def phase(run: Run, id: str) -> Phase:
    return run.state.of(id).phase


FULL = step(
    "a", check=Effect("c"), guard=Effect("g"), verify=Effect("v"), approval=Approval(one_of(IC), "go?")
)


def test_a_step_is_checked_approved_guarded_done_and_verified_in_this_order() -> None:
    """A do is never asked for before its approval, and its guard is looked at right before it."""
    run = started(FULL)
    seen = []
    for result in (Result.TODO, None, Result.OK, Result.OK, Result.OK):
        seen.append(asked(run)[0].split("/")[2])
        if result is None:
            run.send(yes(outstanding(run.state)[0], 1))  # type: ignore[arg-type]  # it is an Ask here
        else:
            finish(run, result)
    assert seen == ["check", "approval", "guard", "do", "verify"]
    assert run.state.mode is Mode.COMPLETED


def test_what_is_done_already_is_not_done_again_but_proven() -> None:
    """Effects are checked first; a proof is never left out."""
    run = started(FULL)
    finish(run, Result.OK)
    assert asked(run) == ["r1/a/verify/1.1"]


def test_independent_steps_run_at_the_same_time() -> None:
    """The gateway update and the TTL start while the final sync runs."""
    run = started(step("a"), step("b"), step("c", "a", "b"))
    assert asked(run) == ["r1/a/do/1.1", "r1/b/do/1.1"]
    finish(run)
    assert asked(run) == ["r1/b/do/1.1"]
    finish(run)
    assert asked(run) == ["r1/c/do/1.1"]


@pytest.mark.parametrize("result", [Result.FAILED, Result.UNKNOWN, Result.UNREACHABLE, Result.TODO])
def test_a_failed_attempt_starts_again_at_the_check_until_attempts_are_used_up(result: Result) -> None:
    """Unknown is no success: it is looked at again before anything is repeated."""
    run = started(step("a", check=Effect("c"), retries=1))
    finish(run, Result.TODO)
    finish(run, result)
    assert asked(run) == ["r1/a/check/1.2"]
    finish(run, Result.TODO)
    finish(run, result, error="no quota")
    assert phase(run, "a") is Phase.FAILED
    assert "no quota" in run.state.of("a").reason
    assert run.state.stuck == ("a",)
    run.send(ev.Retried("a", person(TL), 9))
    assert asked(run) == ["r1/a/check/2.1"]


def test_a_failure_holds_up_only_what_needs_it() -> None:
    """Other branches go on while a person decides."""
    run = started(step("a", retries=0), step("b"), step("c", "a"), step("d", "b"))
    finish(run, Result.FAILED)
    finish(run)
    assert asked(run) == ["r1/d/do/1.1"]
    assert phase(run, "c") is Phase.WAITING


def test_a_best_effort_step_that_fails_holds_nothing_up() -> None:
    """A channel that is down never stops a failover."""
    run = started(step("a", best_effort=True, retries=0), step("b", "a"))
    finish(run, Result.FAILED)
    assert phase(run, "a") is Phase.MISSED
    assert asked(run) == ["r1/b/do/1.1"]


def test_what_the_unreachable_primary_was_not_given_is_owed() -> None:
    """With AWS wholly unreachable its steps are left, said, and their obligations kept."""
    run = started(step("a", owed="freeze the bucket"), step("b", "a"))
    finish(run, Result.UNREACHABLE)
    assert run.state.obligations == {"a": "freeze the bucket"}
    assert asked(run) == ["r1/b/do/1.1"]


def test_a_lost_answer_times_out_and_a_late_one_changes_nothing() -> None:
    """The old key is dead; the next check sees what really happened."""
    run = started(step("a", check=Effect("c"), timeout=10))
    finish(run, Result.TODO, at=1)
    run.send(ev.Ticked(11))
    assert asked(run) == ["r1/a/do/1.1"]
    run.send(ev.Ticked(11.1))
    assert asked(run) == ["r1/a/check/1.2"]
    run.send(ev.Finished("r1/a/do/1.1", Result.OK, 12))
    assert asked(run) == ["r1/a/check/1.2"]


def test_a_clock_set_back_does_not_stretch_a_limit_for_ever() -> None:
    """Clocks that jump."""
    run = started(step("a", timeout=10))
    run.send(ev.Ticked(-5000))
    run.send(ev.Ticked(-4989))
    assert asked(run) == ["r1/a/do/1.2"]


TWO = step("a", approval=Approval(all_of(TL, CTO), "back?"))


def answer(run: Run, role: Role, identity: str, **more: Any) -> None:
    fields: dict[str, Any] = {"yes": True, "shown": "back?", "at": 1.0, "key": asked(run)[0]}
    run.send(ev.Answered(role=role, identity=identity, **{**fields, **more}))


def test_two_roles_need_two_identities() -> None:
    """BACK-1: Tech Lead with CTO; one person with both roles is not two."""
    run = Run(book(TWO), {**PEOPLE, "both@demay": frozenset({TL, CTO})})
    run.send(ev.Started(0))
    answer(run, TL, "both@demay")
    answer(run, CTO, "both@demay")
    assert phase(run, "a") is Phase.APPROVAL
    assert "two roles need two identities" in run.said[-1]
    answer(run, CTO, person(CTO))
    assert asked(run) == ["r1/a/do/1.1"]


def test_an_approval_counts_only_from_someone_of_a_role_that_is_asked_for_the_question_at_hand() -> None:
    """Strangers, other roles, and answers to other questions change nothing but are said."""
    run = started(TWO)
    answer(run, TL, "stranger@demay")
    answer(run, TL, person(CTO))
    answer(run, Role.SRE, person(Role.SRE))
    answer(run, TL, person(TL), key="r1/a/approval/7")
    assert run.state.of("a").given == ()
    assert len(run.said) == 4


def test_either_of_two_roles_is_enough_where_the_plan_says_or() -> None:
    """ACT-1: by Tech Lead or CTO."""
    run = started(step("a", approval=Approval(one_of(TL, CTO), "declare?")))
    [ask] = outstanding(run.state)
    assert isinstance(ask, Ask)
    assert ask.missing == {TL, CTO}
    answer(run, CTO, person(CTO))
    assert asked(run) == ["r1/a/do/1.1"]


def test_a_no_stands_until_a_person_asks_again_and_then_old_answers_are_void() -> None:
    """Refused approvals."""
    run = started(TWO)
    answer(run, TL, person(TL))
    answer(run, CTO, person(CTO), yes=False)
    assert phase(run, "a") is Phase.REFUSED
    run.send(ev.Retried("a", person(TL), 5))
    [ask] = outstanding(run.state)
    assert isinstance(ask, Ask)
    assert (ask.key, ask.missing) == ("r1/a/approval/2", {TL, CTO})


def test_break_glass_is_possible_loud_and_recorded() -> None:
    """An approver who cannot be reached; a reason is a must, and a stranger cannot."""
    run = started(TWO)
    key = asked(run)[0]
    run.send(ev.BrokeGlass(key, CTO, person(TL), " ", 1))
    run.send(ev.BrokeGlass(key, CTO, "stranger@demay", "unreachable", 1))
    run.send(ev.BrokeGlass(key, Role.SRE, person(TL), "unreachable", 1))
    assert run.state.of("a").given == ()
    answer(run, TL, person(TL))
    run.send(ev.BrokeGlass(key, CTO, person(TL), "no answer on three channels for 10 min", 2))
    assert asked(run) == ["r1/a/do/1.1"]
    assert run.said[-1].startswith("BREAK-GLASS: tech_lead@demay goes on with a without the CTO")
    assert run.state.of("a").given[1].glass == "no answer on three channels for 10 min"


def proof(equal: int) -> dict[str, Any]:
    return {"flows": [{"name": "uploads", "equal": equal, "compared": 100, "population": 100}]}


DECIDE = (
    step("compare"),
    step("decide", "compare", do=None, approval=Approval((), "Go on?", rule="compare", reopens=("compare",))),
)


@pytest.mark.parametrize(("equal", "role"), [(100, IC), (95, IC), (94, IC), (90, IC), (89, CTO), (0, CTO)])
def test_the_figure_decides_who_decides(equal: int, role: Role) -> None:
    """ACT-2's rule, with the figure in the sentence."""
    run = started(*DECIDE)
    finish(run, **proof(equal))
    [ask] = outstanding(run.state)
    assert isinstance(ask, Ask)
    assert ask.missing == {role}
    assert f"{equal}.00 % of uploads confirmed" in ask.sentence
    assert ask.sentence.endswith("Go on?")
    answer(run, role, person(role))
    assert run.state.mode is Mode.COMPLETED


def test_an_unmade_comparison_goes_to_the_cto() -> None:
    """AWS unreachable: nothing is known, so nothing is assumed."""
    run = started(replace(DECIDE[0], owed="compare later"), DECIDE[1])
    finish(run, Result.UNREACHABLE)
    [ask] = outstanding(run.state)
    assert isinstance(ask, Ask)
    assert ask.missing == {CTO}
    answer(run, IC, person(IC))
    assert phase(run, "decide") is Phase.APPROVAL


def test_a_refused_figure_is_made_again_before_the_question_is() -> None:
    """ACT-2: the CTO decides to try again."""
    run = started(*DECIDE)
    finish(run, **proof(10))
    answer(run, CTO, person(CTO), yes=False)
    run.send(ev.Retried("decide", person(TL), 3))
    assert asked(run) == ["r1/compare/do/2.1"]
    finish(run, **proof(99))
    [ask] = outstanding(run.state)
    assert isinstance(ask, Ask)
    assert ask.missing == {IC}


def test_a_pause_begins_nothing_new_and_loses_nothing() -> None:
    """What is under way ends and is taken in."""
    run = started(step("a"), step("b", "a"))
    run.send(ev.Paused(person(IC), "wait for the vendor", 1))
    finish(run)
    assert asked(run) == []
    assert phase(run, "a") is Phase.DONE
    run.send(ev.Resumed(person(IC), 2))
    assert asked(run) == ["r1/b/do/1.1"]


def test_what_a_guard_saw_before_a_pause_is_looked_at_again() -> None:
    """Health seen ten minutes ago is no health."""
    run = started(step("a", guard=Effect("g")))
    run.send(ev.Paused(person(IC), "hold", 1))
    finish(run, at=2)
    assert asked(run) == []
    run.send(ev.Resumed(person(IC), 600))
    assert asked(run) == ["r1/a/guard/1.1"]


def test_an_abort_undoes_in_reverse_order_what_this_run_did() -> None:
    """And leaves alone what was so before (b), and what has no undo (c, kept)."""
    undo = {name: Effect(f"undo.{name}") for name in "abd"}
    run = started(
        step("a", undo=undo["a"]), step("b", "a", check=Effect("c"), undo=undo["b"]), step("c", "b"),
        step("d", "c", undo=undo["d"]), step("e", "d", approval=Approval(one_of(IC), "go?")),
    )  # fmt: skip
    finish(run)
    finish(run, Result.OK)  # b was done before the run
    finish(run)
    finish(run)
    run.send(ev.Aborted(person(IC), "false alarm", 5))
    assert asked(run) == ["r1/d/undo/1.1"]
    finish(run)
    assert asked(run) == ["r1/a/undo/1.1"]
    finish(run)
    assert run.state.mode is Mode.ABORTED
    assert [phase(run, id) for id in "abcde"] == ["undone", "cancelled", "kept", "undone", "cancelled"]


def test_an_effect_under_way_at_the_abort_is_waited_for_and_then_undone() -> None:
    """It cannot be undone while it happens; a lost answer is undone too."""
    for end in (Result.OK, Result.FAILED, None):
        run = started(step("a", undo=Effect("u"), timeout=10))
        run.send(ev.Aborted(person(IC), "stop", 1))
        assert asked(run) == ["r1/a/do/1.1"]
        if end is None:
            run.send(ev.Ticked(100))
        else:
            finish(run, end)
        assert asked(run) == ["r1/a/undo/1.1"]


def test_an_undo_that_fails_is_retried_and_then_waits_for_a_person() -> None:
    """Never reported undone without proof."""
    run = started(step("a", undo=Effect("u"), retries=1), step("b", "a"))
    finish(run)
    run.send(ev.Aborted(person(IC), "stop", 1))
    finish(run)  # b's do, which was under way
    finish(run, Result.FAILED)
    assert asked(run) == ["r1/a/undo/1.2"]
    finish(run, Result.FAILED)
    assert run.state.stuck == ("a",)
    assert run.state.mode is Mode.ABORTING
    run.send(ev.Retried("a", person(TL), 9))
    finish(run)
    assert run.state.mode is Mode.ABORTED


def test_nothing_is_aborted_after_the_irreversible() -> None:
    """The way back from a cutover is the rollback, not an undo."""
    run = started(step("a", irreversible=True, approval=Approval(one_of(IC), "go?"), retries=0))
    answer(run, IC, person(IC))
    finish(run, Result.FAILED)
    run.send(ev.Aborted(person(IC), "stop", 5))
    assert run.state.mode is Mode.RUNNING
    assert "not aborted" in run.said[-1]


def test_only_what_may_be_skipped_is_skipped_and_only_with_a_reason() -> None:
    """`dr skip STEP --reason`."""
    run = started(
        step("a", approval=Approval(one_of(IC), "go?")), step("b", "a", skippable=True), step("c", "b")
    )
    for id, reason in (("a", "why not"), ("b", "  "), ("nope", "x")):
        run.send(ev.Skipped(id, person(TL), reason, 1))
    assert [phase(run, id) for id in "ab"] == ["approval", "waiting"]
    run.send(ev.Skipped("b", person(TL), "no users there", 2))
    answer(run, IC, person(IC))
    finish(run)
    assert asked(run) == ["r1/c/do/1.1"]
    assert run.state.of("b").reason == "skipped by tech_lead@demay: no users there"


def test_a_step_that_acts_cannot_be_skipped_while_it_acts() -> None:
    """Its effect may already be there."""
    run = started(step("a", skippable=True))
    run.send(ev.Skipped("a", person(TL), "slow", 1))
    assert phase(run, "a") is Phase.DO


def test_an_ended_run_takes_nothing_more() -> None:
    """Completed is completed."""
    run = started(step("a"))
    finish(run)
    before = run.state
    run.send(ev.Aborted(person(IC), "late", 9))
    assert run.state == before
    assert "the run is completed" in run.said[-1]


@pytest.mark.parametrize(
    "event",
    [
        ev.Started(1.5), ev.Finished("k", Result.UNKNOWN, 2, {"a": [1]}), ev.Answered("k", CTO, "i", False, "s", 3),
        ev.BrokeGlass("k", TL, "i", "r", 4), ev.Ticked(5), ev.Paused("i", "r", 6), ev.Resumed("i", 7),
        ev.Aborted("i", "r", 8), ev.Skipped("s", "i", "r", 9), ev.Retried("s", "i", 10),
    ],
)  # fmt: skip
def test_events_come_back_from_the_journal_as_they_were(event: ev.Event) -> None:
    """Resume folds what the journal holds."""
    assert from_json(to_json(event)) == event


@pytest.mark.parametrize("body", [{}, {"event": "Nothing"}, {"event": "Started"}, {"event": "Ticked", "at": 1, "x": 2},
                                  {"event": "Finished", "key": "k", "result": "fine", "at": 1}])  # fmt: skip
def test_what_is_no_event_is_refused(body: dict[str, Any]) -> None:
    """A journal of another version is not guessed at."""
    with pytest.raises(ValueError, match="no event"):
        from_json(body)


def test_the_world_of_these_tests_is_idempotent() -> None:
    """The helper below the properties: an effect asked for twice happens once."""
    world = World()
    do = Do("k", "a", Phase.DO, Effect("x"), 1)
    world.perform(do, 1)
    world.perform(do, 2)
    assert world.done == ["a"]


def test_why_a_step_is_tried_again_is_known_until_it_has_ended() -> None:
    """Whoever reads the second attempt's line sees what became of the first."""
    run = started(FULL)
    finish(run, Result.TODO)
    run.send(yes(outstanding(run.state)[0], 1))  # type: ignore[arg-type]  # it is an Ask here
    finish(run, Result.OK)
    finish(run, Result.FAILED, error="the CLI was killed")
    finish(run, Result.TODO)
    finish(run, Result.OK)
    assert (phase(run, "a"), run.state.of("a").attempt) == (Phase.DO, 2)
    assert "the CLI was killed" in run.state.of("a").reason
    finish(run, Result.OK)
    finish(run, Result.OK)
    assert (phase(run, "a"), run.state.of("a").reason) == (Phase.DONE, "")
