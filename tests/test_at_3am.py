"""The page for the night names only commands and options that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import cli

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "at-3am.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"dr [a-z][^`&|]*", PAGE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_has_its_verb_and_its_options(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """ACT-1: who follows the page at night meets no usage error."""
    verb = command.split()[1]
    assert verb in cli.VERBS, f"the page names `dr {verb}`, which is no verb"
    words = command.split()
    sub = [words[2]] if verb == "runbook" else []
    assert cli.main([verb, *sub, "--help"]) == 0
    said = capsys.readouterr().out
    for option in re.findall(r"--[a-z-]+", command):
        assert option in said, f"`dr {verb}` has no {option}"
