"""Each requirement of the plans has a test that names it, and a command that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from recovery.requirements import ALL, Requirement
from scripts.cli import VERBS
from scripts.readme import DOCUMENT, document

ROOT = Path(__file__).resolve().parent.parent


def _docstrings(tree: ast.Module) -> Iterator[str]:
    """Those of the file and of each of its tests."""
    yield ast.get_docstring(tree) or ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield ast.get_docstring(node) or ""


@cache
def _named() -> frozenset[str]:
    """All ids in the docstrings of tests; `ACT-1..4` and `ACT-1 to ACT-4` name each of theirs."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        if path == Path(__file__):
            continue
        for text in _docstrings(ast.parse(path.read_text(encoding="utf-8"))):
            found.update(f"{kind}-{number}" for kind, number in re.findall(r"\b([A-Z]+)-(\d)\b", text))
            for kind, first, last in re.findall(r"\b([A-Z]+)-(\d)(?:\.\.| to [A-Z]+-)(\d)\b", text):
                found.update(f"{kind}-{number}" for number in range(int(first), int(last) + 1))
    return frozenset(found)


@pytest.mark.parametrize("requirement", ALL, ids=lambda requirement: requirement.id)
def test_a_test_names_the_requirement_in_its_docstring(requirement: Requirement) -> None:
    assert requirement.id in _named(), f"no test's docstring names {requirement.id}: {requirement.what}"


@pytest.mark.parametrize("requirement", ALL, ids=lambda requirement: requirement.id)
def test_the_command_that_shows_it_exists(requirement: Requirement) -> None:
    program, word = requirement.shown_by.split()[:2]
    if program == "make":
        assert re.search(rf"^{word}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    else:
        assert word in VERBS, f"{requirement.id} names `dr {word}`, which is no verb"


def test_the_table_of_requirements_is_as_the_data_say() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "docs/requirements.md is stale: make readme"
