"""What a person reads when the program refuses: three parts, and no traceback in front of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from clouds.pulumi_cli import failure
from components.guard import GuardError, check
from components.refused import RefusedSettingsError
from components.schema import SettingsError
from recovery.exit_codes import ExitCode
from tests.components.bad_settings import MANY, MANY_WORDS, write
from tests.components.recording import ROOT


def refused_settings() -> SettingsError:
    """What `from_pulumi` raises; made as it makes it."""
    return RefusedSettingsError(
        ["Pulumi.standby.yaml: standby:dns.domain is missing", "Pulumi.standby.yaml: b is wrong"]
    )


def guard_error() -> GuardError:
    with pytest.raises(GuardError) as caught:
        check(None, "1-a", "active")
    return caught.value


def test_the_programs_refusals_end_pulumi_without_a_traceback() -> None:
    """pulumi.RunError is what the language host prints by its words alone; anything else gets its stack printed."""
    assert isinstance(refused_settings(), pulumi.RunError)
    assert isinstance(guard_error(), pulumi.RunError)


@pytest.mark.parametrize(
    ("error", "code"),
    [(refused_settings(), ExitCode.USAGE), (guard_error(), ExitCode.STOPPED)],
    ids=["settings", "guard"],
)
def test_the_pulumi_engine_tells_a_wrong_value_from_a_stop_by_the_words_alone(
    error: SettingsError | GuardError, code: ExitCode
) -> None:
    """`dr` reads the CLI's output: what the language host prints is the error's own text."""
    found = failure(("preview", "-s", "standby"), f"    error: {error}\n")
    assert found.exit_code == code
    assert (found.summary, found.detail, found.fix) == (error.summary, error.detail, error.fix)


def project(folder: Path, edits: Mapping[str, Any]) -> Path:
    """The program with its rooms, and a stack file edited."""
    write(folder, edits)
    shutil.copy(ROOT / "Pulumi.active.yaml", folder)
    shutil.copy(ROOT / "__main__.py", folder)
    for room in ("components", "clouds", "recovery", ".venv"):
        (folder / room).symlink_to(ROOT / room)
    return folder


@pytest.mark.pulumi_cli
@pytest.mark.skipif(shutil.which("pulumi") is None, reason="the Pulumi CLI is not on PATH")
@pytest.mark.parametrize(
    ("stack", "edits", "words"),
    [
        ("standby", MANY, (*MANY_WORDS, "fix: edit Pulumi.standby.yaml, then: dr preview -s standby")),
        ("active", {}, ("stack active was never handed over", "fix: dr handover standby active")),
    ],
)
def test_the_bare_command_says_what_is_wrong_once_and_shows_no_code(
    tmp_path: Path, stack: str, edits: Mapping[str, Any], words: tuple[str, ...]
) -> None:
    """One clear three-part error from `pulumi preview` itself, with nothing planned in front of it."""
    root = project(tmp_path / "project", edits)
    (tmp_path / "state").mkdir()
    environ = {
        **os.environ, "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}", "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        "PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_HOME": str(tmp_path / "home"),
    }  # fmt: skip

    def cli(*args: str) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *args, "--non-interactive", "--color=never"]
        return subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - our own command, no shell

    assert cli("stack", "init", stack).returncode == 0
    done = cli("preview", "-s", stack)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Traceback" not in said, said
    assert "unhandled exception" not in said, said
    for part in (*words, "why it matters: "):
        assert said.count(part) == 1, (part, said)
    assert "azure-native:" not in said, said
