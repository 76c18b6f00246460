"""docs/permissions.md, written from the data. `python -m recovery.permissions.page` writes it; a test compares."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from recovery.permissions.model import Grant, Role, Statement
from recovery.permissions.planes import PLANES
from recovery.permissions.roles import ROLES

PAGE = Path("docs") / "permissions.md"

_HEAD = """# Who may do what

Written from `recovery/permissions` by `make readme`; a test holds the page, the role definitions and the code
together. `dr init` makes the definitions and, with `--grant ROLE=OBJECT_ID`, the assignments; `dr doctor` tries them
with harmless calls. A local cloud started with `dr local up --enforce-roles` denies whatever does not stand here.

Making definitions and assignments takes Owner (or User Access Administrator) on the subscription, once. Nobody else
needs it again. Documents are let in by Cosmos DB's own plane alone: once its account stands, `dr init --grant` assigns its
built-in data contributor there, too, to operator and readiness. An assignment works a few minutes after it was made; commands wait for it and say so.

"""
_PLANES = """## Who reaches which plane from where

The same in both modes: a mode moves names and capacity, never a door.

| plane | from the Internet | from inside the network | what lets one in | when shut out |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = "".join(
        f"| {r.key} | {r.who} | {', '.join(f'`{v}`' for v in r.verbs)} | {r.scope} |\n" for r in ROLES
    )
    table = f"| role | who | `dr` commands | assigned at |\n|---|---|---|---|\n{rows}\n"
    planes = "".join(f"| {p.name} | {p.public} | {p.inside} | {p.how} | {p.shut_out} |\n" for p in PLANES)
    return _HEAD + table + "".join(map(_section, ROLES)) + _PLANES + planes


def _section(role: Role) -> str:
    notes = "".join(f"- {note}\n" for note in role.notes)
    parts = [f"## {role.key}: {role.title}\n\n{notes}\n" if notes else f"## {role.key}: {role.title}\n\n"]
    for heading, given in (
        ("Resource Manager (actions)", role.actions),
        ("Storage and Key Vault (data actions)", role.data),
        ("Documents (Cosmos DB's own data actions)", role.documents),
    ):
        if given:
            parts.append(f"### {heading}\n\n| why | action |\n|---|---|\n{_grants(given)}\n")
    if role.aws:
        parts.append(
            f"### AWS\n\n| why | actions | on |\n|---|---|---|\n{''.join(map(_statement, role.aws))}\n"
        )
    return "".join(parts)


def _grants(given: Iterable[Grant]) -> str:
    return "".join(
        f"| {why} | {'<br>'.join(f'`{action}`' for action in dict.fromkeys(g.action for g in some))} |\n"
        for why, some in groupby(given, key=lambda g: g.why)
    )


def _statement(one: Statement) -> str:
    actions = "<br>".join(f"`{action}`" for action in one.actions)
    return f"| {one.why} | {actions} | {'<br>'.join(f'`{text}`' for text in one.resources)} |\n"


def main() -> int:
    """Write the page when it differs."""
    path = Path(__file__).resolve().parents[2] / PAGE
    if not path.exists() or path.read_text(encoding="utf-8") != page():
        path.write_text(page(), encoding="utf-8")
        print(f"{PAGE}: written anew")
    return 0


if __name__ == "__main__":
    sys.exit(main())
