"""Who may not answer is told who they are, who may, and what to type; a stuck run is told how it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from clouds.runbook.people import People
from recovery.errors import BadInput
from recovery.runbook.roles import Role
from scripts.speaking import say
from scripts.status import duty_lines

ASKED = {
    "asks": [{"step": "cutover", "key": "k1", "sentence": "Route 100 %.", "missing": ["Incident Commander"]}]
}


def people(folder: Path, *with_key: str) -> People:
    for who in with_key:
        (folder / f"{who}.key").touch()
    roles = {"ana": frozenset({Role.INCIDENT_COMMANDER}), "rui": frozenset({Role.SRE, Role.DEVOPS})}
    return People(roles, {}, folder)


@pytest.mark.parametrize(
    ("identity", "with_key", "words"),
    [
        ("rui", ("rui",), "rui is DevOps Engineer, SRE"),
        ("eve", ("rui",), "eve is nobody whom the settings name"),
        ("", ("rui",), "with a key on this machine: rui (DevOps Engineer, SRE)"),
        ("", (), "with a key on this machine: nobody"),
    ],
)
def test_a_person_who_may_not_answer_reads_who_may(
    tmp_path: Path, identity: str, with_key: tuple[str, ...], words: str
) -> None:
    """ACT-1: an approval by the wrong role counts for nothing, and at night nobody has time to look roles up."""
    with pytest.raises(BadInput) as refused:
        say(
            tmp_path,
            None,
            ASKED,
            "yes",
            step="cutover",
            identity=identity,
            people=people(tmp_path, *with_key),
            places=[],
        )  # type: ignore[arg-type]  # it does not come that far
    assert f"cutover is for the Incident Commander to answer; {words}" in refused.value.summary
    assert refused.value.fix == "dr approve cutover --as ana    (who may: ana)"


def test_a_stuck_run_is_told_to_be_tried_again_and_not_to_go_on_by_itself() -> None:
    """`dr resume` alone tries nothing again that has failed."""
    kept = {
        "journal": "whole", "runbook": {"run": "failover-1", "ended": "", "drill": False}, "asked": [],
        "stuck": ["health", "ttl"], "owed": [], "deadlines": [],
    }  # fmt: skip
    assert "(mend, then: dr resume --retry health --retry ttl)" in duty_lines(kept)[0]
    assert "(dr resume)" in duty_lines({**kept, "stuck": []})[0]
