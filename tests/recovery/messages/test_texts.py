"""Messages in two languages: complete, plain to the outside, without secrets (COMM-1 to COMM-3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.errors import BadInput
from recovery.messages.texts import LANGUAGES, TEMPLATES, Facts, render
from recovery.model import REDACTED
from recovery.runbook.image_app import FAILOVER
from recovery.runbook.image_app_rollback import ROLLBACK

FACTS = Facts(
    run="failover-1", runbook="failover", scenario="us-east-1 is gone", reason="no answer since 02:40",
    started="02:55", now="03:07", next_update="03:22", estimate="03:09", done=("Scale up",), owed=("freeze",),
)  # fmt: skip
ALL = [(template, language) for template in TEMPLATES for language in LANGUAGES]


@pytest.mark.parametrize(("template", "language"), ALL)
def test_every_template_renders_in_every_language(template: str, language: str) -> None:
    made = render(template, language, FACTS)
    assert made.subject
    assert "\n" not in made.subject
    assert made.body.strip()
    assert "{{" not in made.subject + made.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_declaration_says_scenario_reason_start_runbook_and_next_update(language: str) -> None:
    """ACT-1, COMM-1."""
    made = render("declaration", language, FACTS)
    for fact in ("us-east-1 is gone", "no answer since 02:40", "02:55", "docs/runbooks/failover.md", "03:22"):
        assert fact in made.body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", [name for name, audience in TEMPLATES.items() if audience == "external"])
def test_external_messages_are_plain(template: str, language: str) -> None:
    """COMM-2: no technical words, no names of clouds or runs."""
    text = str(render(template, language, FACTS)).lower()
    for word in ("azure", "aws", "dns", "cosmos", "failover-1", "us-east-1", "rollback"):
        assert word not in render(template, language, FACTS).body.lower()
    assert text


def test_every_message_of_the_runbooks_has_its_template() -> None:
    used = {
        str(step.do.args["template"]): str(step.do.args["audience"])
        for book in (FAILOVER, ROLLBACK)
        for step in book.steps
        if step.do is not None and step.do.kind == "message.send"
    }
    assert {name: TEMPLATES.get(name) for name in used} == used


@given(st.sampled_from(ALL), st.text(max_size=40))
def test_a_reason_with_a_secret_in_it_is_masked(which: tuple[str, str], around: str) -> None:
    from dataclasses import replace

    secret = "https://user:hunter2@host/x"
    made = render(*which, replace(FACTS, reason=f"{around} {secret}"))
    assert "hunter2" not in made.body
    if which[0] == "declaration":
        assert REDACTED in made.body


def test_a_drill_and_a_repetition_say_so() -> None:
    from dataclasses import replace

    assert render("status", "en", replace(FACTS, drill=True, repeat=True)).subject.startswith(
        "[DRILL] [possible repeat]"
    )


def test_an_unknown_template_is_bad_input() -> None:
    with pytest.raises(BadInput):
        render("gossip", "en", FACTS)
