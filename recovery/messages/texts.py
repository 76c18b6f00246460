"""Messages from templates, in English and Portuguese: internal ones exact, external ones plain (COMM-1 to COMM-3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from recovery.errors import BadInput
from recovery.journal.mask import masked
from recovery.model import Json

LANGUAGES = ("pt", "en")
TEMPLATES: Mapping[str, str] = {
    "declaration": "internal",
    "status": "internal",
    "rollback-begins": "internal",
    "stabilised": "internal",
    "external-first": "external",
    "external-update": "external",
    "external-normal": "external",
}
"""Template -> audience."""

UPDATE_MINUTES = 15
"""Minutes between two status updates, named in each of them (COMM-1; TL-7: users every 15 min)."""


@dataclass(frozen=True)
class Facts:
    """What a message may say. Times are UTC, ``HH:MM``. done, waiting: titles of steps."""

    run: str
    runbook: str
    scenario: str
    reason: str
    started: str
    now: str
    next_update: str
    estimate: str
    drill: bool = False
    decision: str = ""
    done: tuple[str, ...] = ()
    under_way: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    rto: str = ""
    repeat: bool = False


@dataclass(frozen=True)
class Message:
    """A text for an audience in one language. subject: one line."""

    template: str
    language: str
    audience: str
    subject: str
    body: str


def render(template: str, language: str, facts: Facts) -> Message:
    """One message, masked. Raises BadInput for a template or a language that there is not."""
    if template not in TEMPLATES or language not in LANGUAGES:
        raise BadInput(
            f"there is no message {template!r} in {language!r}",
            "nothing was sent",
            f"dr announce {next(iter(TEMPLATES))} --preview    (known: {', '.join(TEMPLATES)}; {', '.join(LANGUAGES)})",
        )
    values: dict[str, Json] = {name: masked(value) for name, value in facts.__dict__.items()}
    text = _environment().get_template(f"{language}/{template}.txt.j2").render(values).strip()
    subject, _, body = text.partition("\n")
    marks = {"pt": ("[EXERCÍCIO] ", "[possível repetição] "), "en": ("[DRILL] ", "[possible repeat] ")}[
        language
    ]
    subject = (marks[0] if facts.drill else "") + (marks[1] if facts.repeat else "") + subject
    return Message(template, language, TEMPLATES[template], subject, body.strip() + "\n")


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("recovery.messages"), autoescape=False, undefined=StrictUndefined,  # noqa: S701 (plain text, no markup)
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
