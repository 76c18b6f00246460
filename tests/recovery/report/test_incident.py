"""The report of a run says what its journal says (COMM-3, BACK-6), and fills in nothing that people must."""

from __future__ import annotations

import pytest

from recovery.journal.chain import Kind
from recovery.report.incident import Incident, incident
from recovery.report.incident_page import html, markdown
from recovery.runbook.state import Mode
from tests.clouds.runbook.simulated import MemoryJournal
from tests.clouds.runbook.test_kill_points import executor, prepared


def report(book: str, aws_up: bool = True) -> Incident:
    world, journal = prepared(book), MemoryJournal()
    world.aws_up = aws_up
    state = executor(world, journal, book).go()
    assert state.mode is Mode.COMPLETED
    begun = next(r.body for r in journal.records if r.kind is Kind.RUN)
    return incident(state, journal.records, {**begun, "reason": "<b>no answer</b> | 02:40"})


@pytest.mark.parametrize(("book", "kind"), [("failover", "post-incident"), ("rollback", "post-rollback")])
def test_a_report_holds_all_that_the_plan_asks_for(book: str, kind: str) -> None:
    made = report(book)
    page, text = html(made), markdown(made)
    assert made.kind == kind
    assert made.rto is not None
    for heading in ("Root cause", "Data proofs", "Divergence", "Approvals", "Messages", "Corrective actions",
                    "Lessons", "Deadlines", "Timeline"):  # fmt: skip
        assert heading in page
        assert f"## {heading}" in text
    assert "To be filled in by the Tech Lead." in text
    assert {one["who"] for one in made.approvals} >= {"cto@demay", "incident_commander@demay"}
    assert made.deadlines
    assert made.deadlines[0]["due"][:16].replace("T", " ") in page


def test_what_came_from_people_is_escaped_in_the_page() -> None:
    page = html(report("failover"))
    assert "<b>no answer</b>" not in page
    assert "&lt;b&gt;no answer" in page


def test_the_page_is_one_file_without_script_or_address() -> None:
    """Self-contained HTML."""
    page = html(report("failover"))
    assert "<script" not in page
    assert "http" not in page
    assert "src=" not in page


def test_with_aws_gone_the_report_says_what_is_owed_and_that_the_loss_is_not_known() -> None:
    made = report("failover", aws_up=False)
    assert any("block writes on AWS (uploads)" in one for one in made.owed)
    assert "not known" in made.rpo
    assert any("owed" in action for action in made.actions)


def test_waiting_for_people_is_no_part_of_the_figure() -> None:
    made = report("failover")
    assert made.worked is not None
    assert made.rto is not None
    assert made.worked + made.people_seconds == pytest.approx(made.rto)
