"""`dr sync`: wrong usage changes nothing and says what is right; the verdict and exit code follow the outcome."""

from __future__ import annotations

import json

import pytest

from clouds.sync.outcome import Outcome, Proof
from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from scripts import sync
from scripts.syncing.show import lines, show


def outcome(**more: object) -> Outcome:
    return Outcome("site", "forward", counts={"copied": 3}, **more)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("flows", "code", "sentence"),
    [
        ([outcome(proofs=[Proof("site", "now", 3, 3, 3, holds=True)])], ExitCode.CLEAN, "carried and proven"),
        ([outcome(proofs=[Proof("site", "now", 2, 3, 3)])], ExitCode.FINDING, "not proven"),
        ([outcome(refused="not deleting 9 objects")], ExitCode.STOPPED, "Deletions were refused"),
        ([outcome(errors=["k: 503"]), outcome()], ExitCode.FAILED, "failed"),
        ([outcome(dry_run=True)], ExitCode.CLEAN, "Nothing was changed"),
    ],
)
def test_the_verdict_sentence_stands_last_and_the_worst_flow_decides(
    flows: list[Outcome], code: ExitCode, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run with any error never says success."""
    assert show(flows, "text") == code
    assert sentence in capsys.readouterr().out.splitlines()[-1]


def test_figures_are_said_in_words_and_what_only_compares_is_not_called_carried(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Names of a run record are for programs; a sample is called one."""
    counted = {"sourceCount": 12, "targetCount": 12, "missing": 0, "extra": 0, "odd": "text"}
    proof = Proof("metadata", "now", 2, 2, 12, holds=True, notes=counted)
    said = "\n".join(lines(outcome(proofs=[proof])))
    assert "3 copied" in said
    assert "2 of 2 looked at are equal (100.0 % of a sample of 12 in the source)" in said
    assert (
        "counted: 12 in the source, 12 in the target; 0 missing there, 0 there alone\n    odd: text" in said
    )
    assert show([Outcome("site", "forward", proofs=[proof])], "text") == ExitCode.CLEAN
    assert capsys.readouterr().out.endswith("It is proven.\n")
    assert show([outcome()], "text") == ExitCode.CLEAN
    assert capsys.readouterr().out.endswith("It is carried, and not proven yet.\n")


def test_json_carries_counts_proofs_and_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """`--format json` is for programs: one document on stdout."""
    assert show([outcome(proofs=[Proof("site", "now", 95, 100, 1000)])], "json") == ExitCode.FINDING
    printed = json.loads(capsys.readouterr().out)
    assert printed["exitCode"] == 3
    assert printed["flows"][0]["proofs"][0]["percent"] == 95.0


@pytest.mark.parametrize(
    "argv",
    [["nowhere"], ["direction", "sideways", "--why", "x"], ["direction", "off"], ["site", "--max-delete", "101"], ["all", "--format", "xml"], ["freeze", "--only", "site"]],
)  # fmt: skip
def test_wrong_usage_is_refused_before_anything_is_opened(
    argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, and nothing was changed."""

    def opened() -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr("scripts.sync.opened", opened)
    monkeypatch.setattr("scripts.syncing.carry.opened", opened)
    with pytest.raises(BadInput):
        sync.main(argv)


def test_the_overview_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """`dr sync --help`."""
    assert sync.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(verb in text for verb in sync.VERBS)
