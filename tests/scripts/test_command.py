"""One typer command as `main(argv) -> exit code`."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer

from recovery.errors import Stopped
from scripts import cli
from scripts.command import run


def verb(ending: Annotated[str, typer.Option(help="how it ends")] = "3") -> int:
    """Ends as told."""
    if ending == "ctrl-c":
        raise KeyboardInterrupt
    if ending == "stopped":
        raise Stopped("a", "b", "c")
    return int(ending)


def test_the_commands_own_code_comes_back() -> None:
    assert run(verb, ["--ending", "3"], "verb") == 3
    assert run(verb, ["--ending", "0"], "verb") == 0


def test_a_misspelt_option_is_a_usage_error_that_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(verb, ["--endign", "3"], "verb") == 2
    assert "--endign" in capsys.readouterr().err


def test_help_is_no_error_and_shows_the_command_as_it_is_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(verb, ["--help"], "verb") == 0
    assert "Usage: dr verb [OPTIONS]" in capsys.readouterr().out


def test_ctrl_c_and_our_own_errors_pass_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(verb, ["--ending", "ctrl-c"], "verb")
    with pytest.raises(Stopped):
        run(verb, ["--ending", "stopped"], "verb")


def test_a_misspelt_verb_gets_a_hint_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["drfit"]) == 2
    assert "Did you mean `dr drift`?" in capsys.readouterr().err


def test_an_error_of_ours_is_shown_in_three_parts_with_its_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is started for a wrong option."""
    assert cli.main(["rehearse", "--engine", "steam"]) == 2
    said = capsys.readouterr().err
    assert "'steam'" in said
    assert "why it matters:" in said
    assert "fix: dr rehearse --engine" in said


@pytest.mark.parametrize(
    "argv",
    [
        ["rehearse", "--scale", "0"],
        ["rehearse", "--format", "xml"],
        ["local", "up", "--scale", "-1"],
        ["local"],
        ["local", "sideways"],
    ],
)
def test_bad_input_is_refused_before_anything_starts(argv: list[str]) -> None:
    assert cli.main(argv) == 2


@pytest.mark.parametrize(
    ("status", "code", "words"), [(403, 4, "dr doctor"), (0, 5, "same command again"), (409, 1, "dr drift")]
)
def test_what_azure_refuses_is_told_in_three_parts_and_not_as_a_traceback(
    status: int, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Denied, unanswered and refused end in three different codes."""
    import types

    from clouds.azure.arm import ArmError

    def refusing(argv: object) -> int:
        raise ArmError(status, "Code", "no")

    monkeypatch.setattr(cli.importlib, "import_module", lambda name: types.SimpleNamespace(main=refusing))
    assert cli.main(["status"]) == code
    said = capsys.readouterr().err
    assert words in said and "why it matters" in said and "Traceback" not in said
