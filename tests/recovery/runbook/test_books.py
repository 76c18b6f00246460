"""The runbooks as data: rules of safety, times, and what people read (ACT, VAL, BACK, COMM)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.runbook.image_app import FAILOVER
from recovery.runbook.image_app_rollback import ROLLBACK
from recovery.runbook.path import critical_path, median, plan, sequential, verdict
from recovery.runbook.render import dot, markdown
from recovery.runbook.roles import Role
from recovery.runbook.steps import Approval, Budget, Effect, Runbook, Step, all_of, one_of

BOOKS = (FAILOVER, ROLLBACK)
GO = Approval(one_of(Role.CTO), "go?")


def step(id: str, *needs: str, **more: Any) -> Step:
    fields: dict[str, Any] = {
        "do": Effect("x"),
        "manual": ("x",),
        "budget": Budget(1, 2),
        "requirements": ("ACT-1",),
    }
    return Step(id=id, title=id, role=Role.SRE, needs=needs, **{"part": "A", **fields, **more})


def book(*steps: Step, goal: str = "") -> Runbook:
    return Runbook("b", "B", steps, goal or steps[-1].id, (60, 120), {"A": (1, 2)})


MOVE: dict[str, Any] = {"moves_traffic": True, "guard": Effect("g"), "verify": Effect("v"), "approval": GO}


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([step("a"), step("a")], "a stands twice"),
        ([step("a", "z")], "a needs z, which is no step"),
        ([step("a", "b"), step("b", "a")], "a, b need each other"),
        ([step("a", irreversible=True)], "a is irreversible and nobody approves it"),
        ([step("a", irreversible=True, approval=Approval((), "go?"))], "nobody approves it"),
        ([step("a", irreversible=True, approval=GO, skippable=True)], "irreversible and yet skippable"),
        ([step("a", irreversible=True, approval=GO, undo=Effect("u"))], "irreversible and yet"),
        ([step("a", **MOVE)], "without a step before it that proves health"),
        ([step("h", proves_health=True, skippable=True), step("a", "h", **MOVE)], "proves health"),
        ([step("h", proves_health=True), step("a", "h", moves_traffic=True)], "without guard"),
        ([step("h", proves_health=True, do=None)], "without looking"),
        ([step("a", manual=())], "no manual commands"),
        ([step("a", budget=Budget(3, 2))], "median above"),
        ([step("a", requirements=())], "no requirement"),
        ([step("a", part="B")], "part B"),
        (
            [step("c"), step("a", approval=Approval((), "go?", rule="c"))],
            "decided by c, which it does not need",
        ),
        (
            [step("c"), step("o", "c"), step("a", "c", approval=Approval((), "?", rule="c", reopens=("c",)))],
            "a reopens what o was built on",
        ),
    ],
)
def test_a_dangerous_or_broken_runbook_cannot_be_built(steps: list[Step], why: str) -> None:
    """Each rule of safety, with the words."""
    with pytest.raises(ValueError, match=why):
        book(*steps)


def test_a_goal_that_is_no_step_is_refused() -> None:
    """The RTO would have no end."""
    with pytest.raises(ValueError, match="goal z"):
        book(step("a"), goal="z")


@pytest.mark.parametrize(
    "wanted", ["ACT-1", "ACT-2", "ACT-3", "ACT-4", "VAL-1", "VAL-2", "VAL-3", "COMM-1", "COMM-2", "COMM-3"]
)
def test_the_failover_covers_each_requirement(wanted: str) -> None:
    """Every id of the plan's phases 2, 3 and 5."""
    assert [step.id for step in FAILOVER.steps if wanted in step.requirements]


@pytest.mark.parametrize("wanted", ["BACK-1", "BACK-2", "BACK-3", "BACK-4", "BACK-5", "BACK-6", "COMM-2"])
def test_the_rollback_covers_each_requirement(wanted: str) -> None:
    """Every id of the plan's phase 4."""
    assert [step.id for step in ROLLBACK.steps if wanted in step.requirements]


def test_the_right_people_approve() -> None:
    """ACT-1: Tech Lead or CTO; ACT-4: Incident Commander; BACK-1: Tech Lead with CTO; COMM-2: CTO."""

    def roles(book: Runbook, id: str) -> tuple[frozenset[Role], ...]:
        approval = book.step(id).approval
        assert approval is not None
        return approval.any_of

    assert roles(FAILOVER, "declare") == one_of(Role.TECH_LEAD, Role.CTO)
    assert roles(FAILOVER, "cutover") == one_of(Role.INCIDENT_COMMANDER)
    assert roles(ROLLBACK, "approve") == all_of(Role.TECH_LEAD, Role.CTO)
    assert roles(FAILOVER, "notice") == roles(ROLLBACK, "normal") == one_of(Role.CTO)


def test_nothing_changes_before_the_checkpoint() -> None:
    """ACT-1: a checkpoint before anything changes; only words and records come first."""
    free = [s for s in FAILOVER.steps if "checkpoint" not in FAILOVER.before(s.id) and s.id != "checkpoint"]
    kinds = {s.do.kind for s in free if s.do}
    assert kinds <= {"declaration.record", "message.send"}


def test_scale_up_and_ttl_run_while_the_final_sync_does() -> None:
    """Independent steps at the same time."""
    for id in ("scale-up", "ttl", "health"):
        assert not {"sync-uploads", "sync-metadata", "compare"} & FAILOVER.before(id)


def test_the_failover_takes_at_most_15_minutes_at_p95() -> None:
    """GOALS: image-app RTO, people apart, at p95 on the critical path; and at least twice as fast as in sequence."""
    path = critical_path(FAILOVER)
    assert path.seconds <= 15 * 60, verdict(FAILOVER)
    assert sequential(FAILOVER) >= 2 * path.seconds
    assert plan(FAILOVER) == (105 * 60, 185 * 60)
    assert "handover" not in path.steps


def test_the_rollback_stays_within_the_plan() -> None:
    """The plan's RTO is for the way out; the way back is measured against the same hours."""
    assert critical_path(ROLLBACK).seconds <= ROLLBACK.plan_seconds[0]


@pytest.mark.parametrize("one", BOOKS, ids=lambda one: one.id)
def test_the_critical_path_is_the_longest_of_all_paths(one: Runbook) -> None:
    """Second opinion by walking every path."""

    def longest(id: str) -> float:
        return one.step(id).budget.p95 + max((longest(need) for need in one.step(id).needs), default=0.0)

    path = critical_path(one)
    assert path.seconds == pytest.approx(longest(one.goal))
    assert sum(one.step(id).budget.p95 for id in path.steps) == pytest.approx(path.seconds)
    assert all(a in one.step(b).needs for a, b in zip(path.steps, path.steps[1:], strict=False))


@given(st.dictionaries(st.sampled_from([s.id for s in FAILOVER.steps]), st.floats(0, 10_000)))
@settings(deadline=None)
def test_what_was_measured_replaces_the_budget(seen: dict[str, float]) -> None:
    """Live: the same path with real durations; it never beats its own steps."""
    path = critical_path(FAILOVER, median, seen)
    assert path.seconds == pytest.approx(
        sum(seen.get(id, FAILOVER.step(id).budget.median) for id in path.steps)
    )


@pytest.mark.parametrize("one", BOOKS, ids=lambda one: one.id)
def test_a_person_can_work_from_the_markdown_alone(one: Runbook) -> None:
    """Each step with its role, budget, approval sentence and commands; nothing about machines of ours."""
    text = markdown(one)
    for each in one.steps:
        section = text.split(f"\n### {each.id}: ")[1].split("\n### ")[0]
        assert str(each.role) in section
        assert f"p95 {each.budget.p95:g} s" in section
        assert all(command in section for command in each.manual)
        if each.approval:
            assert each.approval.sentence in section
    assert markdown(one) == text


@pytest.mark.parametrize("one", BOOKS, ids=lambda one: one.id)
def test_the_graph_names_every_step_and_need(one: Runbook) -> None:
    """DOT for `dr runbook show NAME --format dot`."""
    text = dot(one)
    assert len(re.findall(r"\[label=", text)) == len(one.steps)
    assert text.count(" -> ") == sum(len(each.needs) for each in one.steps)
    assert text.count("peripheries=2") == sum(each.irreversible for each in one.steps)
    assert text.count('"') % 2 == 0


def test_every_scheduled_direction_change_goes_through_off() -> None:
    """The journal refuses forward to reverse without off between; the runbooks never ask for it."""
    turns = [s.do.args["to"] for b in BOOKS for s in b.steps if s.do and s.do.kind == "direction.turn"]
    assert turns == ["off", "reverse", "off", "forward"]
