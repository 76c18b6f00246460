"""The Product Manager's own words for an external milestone, in place of the template's (COMM-2: the PM drafts, the CTO
approves). A draft is a signed word in the journal; the newest one of a PM for a template and language counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from recovery.journal.chain import Kind, Record
from recovery.messages.texts import LANGUAGES, TEMPLATES, Facts, Message, render
from recovery.model import Json
from recovery.people.words import Word
from recovery.runbook.roles import Role

WHAT = "draft"
MOST_CHARACTERS = 4000


def note_of(word: Word, people: Mapping[str, frozenset[Role]]) -> dict[str, Json] | str:
    """The journal's note of a draft, or why it is none. word.key: ``TEMPLATE/LANGUAGE``, word.reason: the text."""
    template, _, language = word.key.partition("/")
    if Role.PM not in people.get(word.identity, frozenset()):
        return f"{word.identity} is not {Role.PM}: external messages are drafted by the PM"
    if TEMPLATES.get(template) != "external" or language not in LANGUAGES:
        return f"{word.key!r} is no external message in {' or '.join(LANGUAGES)}"
    text = word.reason.strip()
    if not text or len(text) > MOST_CHARACTERS or "\n" not in text:
        return f"a draft has a subject line, a text, and at most {MOST_CHARACTERS} characters"
    return {"what": WHAT, "template": template, "language": language, "text": text, "by": word.identity}


def drafted(template: str, language: str, facts: Facts, records: Iterable[Record], run: str) -> Message:
    """The message as it would be sent now: a PM's draft where there is one, else the template's."""
    made = render(template, language, facts)
    found = None
    for record in records:
        body = record.body
        if (record.run, record.kind, body.get("what")) == (run, Kind.NOTE, WHAT) and (
            body.get("template"),
            body.get("language"),
        ) == (template, language):
            found = str(body["text"])
    if found is None:
        return made
    subject, _, text = found.strip().partition("\n")
    marks = made.subject[: made.subject.rfind("] ") + 2] if made.subject.startswith("[") else ""
    return replace(made, subject=marks + subject.strip(), body=text.strip() + "\n")
