"""`dr local` when no cloud is up, and the shape of what it prints."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import local

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=30)


@given(WORDS)
def test_a_shell_reads_back_exactly_the_value_that_was_printed(value: str) -> None:
    """docs/architecture.md: `set -a; . ./FILE` takes them."""
    script = local.assignments({"DR_VALUE": value}) + '\nprintf %s "$DR_VALUE"'
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True)  # noqa: S603 (our own script)
    assert done.stdout.decode() == value


def test_status_of_a_cloud_that_is_not_up_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert local.main(["status", "--state", str(tmp_path)]) == 3
    assert "no local cloud is up" in capsys.readouterr().out
    assert local.main(["status", "--state", str(tmp_path), "--format", "json"]) == 3
    assert json.loads(capsys.readouterr().out)["up"] is False


def test_down_without_a_cloud_is_fine_and_can_forget_the_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "endpoints.json").write_text('{"arm_url": "http://127.0.0.1:9"}')
    assert local.main(["down", "--state", str(state), "--forget"]) == 0
    assert not state.exists()
