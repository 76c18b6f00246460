"""A drill is the failover without its consequences: what people are asked says so, and there is always a way back (TL-8)."""

from __future__ import annotations

from dataclasses import replace

from recovery.runbook import events as ev
from recovery.runbook.drill import MARK, drilled
from recovery.runbook.events import Result
from recovery.runbook.image_app import FAILOVER
from recovery.runbook.path import critical_path
from recovery.runbook.state import Ask, Mode, Phase, outstanding
from recovery.runbook.steps import Runbook
from tests.recovery.runbook.world import PEOPLE, Run, World, person, yes

DRILL = drilled(FAILOVER)


def test_a_drill_does_what_the_failover_does_so_its_evidence_counts() -> None:
    """Same steps, order, effects, roles and budgets; nothing but the sentences and the way back differs."""
    for one, real in zip(DRILL.steps, FAILOVER.steps, strict=True):
        approval = (
            replace(one.approval, sentence=real.approval.sentence) if one.approval and real.approval else None
        )
        assert replace(one, approval=approval, irreversible=real.irreversible, undo=real.undo) == real
    assert critical_path(DRILL) == critical_path(FAILOVER)


def test_whoever_approves_in_a_drill_reads_that_it_is_one() -> None:
    """ACT-4: the consequence stands in the sentence; in a drill it is another one."""
    for step in DRILL.steps:
        if step.approval is not None:
            assert step.approval.sentence.startswith(MARK)
            assert "nothing is written to AWS" in step.approval.sentence


def broken_after_the_cutover(book: Runbook) -> tuple[Run, World]:
    """A run whose cutover is done and whose end-to-end test fails for good."""
    bad = {"end-to-end"}
    world = World(lambda key: (True, Result.FAILED if key.split("/")[1] in bad else Result.OK))
    run = Run(book, dict(PEOPLE))
    run.send(ev.Started(0))
    at = 1.0
    for _ in range(2000):
        open_ones = outstanding(run.state)
        if not open_ones:
            break
        one, at = open_ones[0], at + 1
        run.send(yes(one, at) if isinstance(one, Ask) else world.perform(one, at))
    assert run.state.of("cutover").phase is Phase.DONE
    assert run.state.of("end-to-end").phase is Phase.FAILED
    return run, world


def test_a_drill_that_got_stuck_after_its_cutover_is_aborted_and_scaled_down() -> None:
    """Else it would stay expensive, and a real failover would be refused while it has not ended."""
    run, world = broken_after_the_cutover(DRILL)
    at = 10_000.0
    run.send(ev.Aborted(next(iter(PEOPLE)), "the drill is over", at))
    for _ in range(500):
        if run.state.mode is Mode.ABORTED:
            break
        for one in outstanding(run.state):
            if not isinstance(one, Ask):
                at += 1
                run.send(world.perform(one, at))
    assert run.state.mode is Mode.ABORTED
    assert {run.state.of(id).phase for id in ("cutover", "unmute", "scale-up")} == {Phase.UNDONE}


def test_the_failover_itself_has_no_abort_after_the_cutover() -> None:
    """The way back from a cutover is the runbook rollback, and nothing shorter."""
    run, _ = broken_after_the_cutover(FAILOVER)
    run.send(ev.Aborted(person(next(iter(next(iter(PEOPLE.values()))))), "please", 10_000.0))
    assert run.state.mode is Mode.RUNNING
