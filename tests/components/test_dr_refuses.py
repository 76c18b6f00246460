"""Wrong settings through the command itself, in a copy of the project's folder (exit 2, nothing changed)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from clouds.pulumi_cli import failure
from components.schema import SettingsError
from components.settings import from_files
from recovery.exit_codes import ExitCode
from tests.components.bad_settings import MANY, MANY_WORDS, write
from tests.components.recording import ROOT, SUBSCRIPTION


def project(folder: Path, edits: Mapping[str, Any]) -> Path:
    """The program and both stack files; `standby` edited."""
    write(folder, edits)
    for name in ("Pulumi.active.yaml", "__main__.py"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "components", folder / "components", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def files(root: Path) -> dict[str, str]:
    """Every file and what is in it; compiled code apart."""
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in root.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }


def dr(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """The command in that folder, without any cloud."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "DR_", "ARM_"))}
    env = {
        **own, "ARM_SUBSCRIPTION_ID": SUBSCRIPTION, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1", "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9",
    }  # fmt: skip
    command = [sys.executable, "-m", "scripts.cli", *args]
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - ours


@pytest.mark.parametrize(
    ("args", "edits", "words"),
    [
        (("desired", "-s", "standby", "--format", "json"), MANY, MANY_WORDS),
        (("preview", "-s", "standby", "--engine", "direct"), {"dns.ttl": 301}, ("between 1 and 300",)),
        (("drift", "-s", "standby"), {"api.instances": -1}, ("api.instances must be between",)),
        (("up", "-s", "standby", "--engine", "direct", "--yes"), {"dns.ttl": "x"}, ("whole number",)),
    ],
    ids=["desired", "preview", "drift", "up"],
)  # fmt: skip
def test_wrong_settings_end_every_verb_with_exit_2_and_one_error_and_change_nothing(
    tmp_path: Path, args: tuple[str, ...], edits: Mapping[str, Any], words: tuple[str, ...]
) -> None:
    root = project(tmp_path / "project", edits)
    before = files(root)
    done = dr(root, *args)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for part in (*words, "nothing was changed", "why it matters: ", "fix: edit Pulumi.standby.yaml"):
        assert done.stderr.count(part) == 1, (part, done.stderr)
    assert files(root) == before


def test_the_programs_guard_stops_a_verb_with_its_own_three_parts(tmp_path: Path) -> None:
    """The guard is a stop (exit 4), not a wrong value: what fixes it is a hand-over."""
    root = project(tmp_path / "project", {})
    main = root / "__main__.py"
    text = main.read_text()
    other = text.replace(
        "pulumi.export(name, value)", 'pulumi.export(name, "1-older" if name == "footprint" else value)'
    )
    assert other != text
    main.write_text(other)
    done = dr(root, "desired", "-s", "active")
    assert done.returncode == 4, done.stderr
    assert "was handed over from an older footprint" in done.stderr
    assert "fix: dr handover standby active" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("indent", ["", "    "], ids=["as raised", "as the engine prints it"])
def test_wrong_settings_come_whole_out_of_pulumis_own_output(tmp_path: Path, indent: str) -> None:
    """The pulumi engine learns of them from a traceback inside a diagnostic: every problem must survive it."""
    with pytest.raises(SettingsError) as caught:
        from_files(write(tmp_path, MANY), "standby")
    traceback = f"Traceback (most recent call last):\n  File x, line 1\ncomponents.schema.SettingsError: {caught.value}"
    said = "error: Program failed with an unhandled exception:\n" + textwrap.indent(traceback, indent)
    error = failure(("preview", "-s", "standby"), said)
    assert error.exit_code == ExitCode.USAGE
    assert str(error) == str(caught.value)


def test_what_the_cli_refuses_before_the_program_runs_is_bad_input_too() -> None:
    """Pulumi holds the stack file against the types that Pulumi.yaml declares."""
    words = "Stack 'standby' with configuration key 'standby:dns' must be of type 'object'"
    error = failure(("preview", "-s", "standby"), f"error: validating stack config: {words}\n")
    assert (error.exit_code, words in error.summary) == (ExitCode.USAGE, True)
    assert "nothing was changed" in error.summary
