"""`dr runbook`: what people read is what the machine runs."""

from __future__ import annotations

import pytest

from clouds.runbook.runs import BOOKS
from scripts.cli import main
from scripts.runbook import pages, stale
from tests.test_architecture import ROOT


def test_the_runbooks_in_docs_are_those_of_the_code() -> None:
    """Generated from the data; `dr runbook write` writes them anew."""
    assert stale(ROOT / "docs" / "runbooks") == []


def test_every_step_that_does_something_says_how_to_do_it_by_hand() -> None:
    """Someone may have to do it without the tool."""
    for name, text in pages().items():
        for step in BOOKS[name.removesuffix(".md")].steps:
            if step.do is not None:
                assert all(command in text for command in step.manual)
                assert step.manual


@pytest.mark.parametrize("name", sorted(BOOKS))
def test_a_runbook_is_shown_in_each_format(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runbook", "show", name]) == 0
    assert capsys.readouterr().out == pages()[f"{name}.md"]
    assert main(["runbook", "show", name, "--format", "dot"]) == 0
    assert capsys.readouterr().out.startswith("digraph")


def test_a_runbook_that_there_is_not_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runbook", "show", "failback"]) == 2
    assert "failover, rollback" in capsys.readouterr().err
