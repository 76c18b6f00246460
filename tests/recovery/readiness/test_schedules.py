"""The ready-made schedules: they parse, come at 03:00 UTC every day, and call verbs that there are (SYNC-5, READY-8)."""

from __future__ import annotations

import configparser
import importlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.cli import VERBS

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "schedules"


def unit(name: str) -> configparser.RawConfigParser:
    found = configparser.RawConfigParser(strict=True)
    found.optionxform = str  # type: ignore[method-assign,assignment]  # systemd's keys have case
    found.read_string((FOLDER / name).read_text().replace("\\\n", ""))
    return found


def workflow() -> dict[Any, Any]:
    yaml = importlib.import_module("yaml")
    found: dict[Any, Any] = yaml.safe_load((FOLDER / "github-actions.yml").read_text())
    return found


def test_both_come_every_day_at_three_utc_and_the_tool_tests_the_day() -> None:
    assert unit("standby-daily.timer")["Timer"]["OnCalendar"] == "*-*-* 03:00:00 UTC"
    assert workflow()[True]["schedule"] == [{"cron": "0 3 * * *"}]  # YAML 1.1 reads `on` as a truth
    for text in ((FOLDER / "github-actions.yml").read_text(), (FOLDER / "standby-daily.service").read_text()):
        assert "dr ready --if-first-monday" in text
        assert "dr watchdog beat" in text


def test_the_heartbeat_comes_after_everything_and_whatever_failed_before() -> None:
    steps = workflow()["jobs"]["daily"]["steps"]
    beat = next(one for one in steps if one.get("name") == "heartbeat")
    assert beat["if"] == "always()"
    assert not any("dr " in str(one.get("run")) for one in steps[steps.index(beat) + 1 :])


def test_no_key_stands_in_a_schedule_and_the_workflow_signs_in_by_federation() -> None:
    assert workflow()["permissions"] == {"contents": "read", "id-token": "write"}
    for path in FOLDER.iterdir():
        assert not re.search(
            r"secrets\.|password|client-secret|AccountKey", path.read_text(), re.IGNORECASE
        ), path.name


def test_every_verb_that_a_schedule_calls_exists() -> None:
    for path in FOLDER.iterdir():
        for verb in re.findall(r"\.venv/bin/dr (\w[\w-]*)", path.read_text()):
            assert verb in VERBS, f"{path.name}: dr {verb}"


def test_a_step_that_fails_keeps_nothing_from_the_next_and_is_the_units_exit_code(tmp_path: Path) -> None:
    """The unit's own shell line, carried out with a stand-in for dr."""
    fake = tmp_path / ".venv" / "bin" / "dr"
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\necho "$1" >> said\ncase "$1" in ready) exit 3;; watchdog) exit 1;; esac\n')
    fake.chmod(0o755)
    line = unit("standby-daily.service")["Service"]["ExecStart"]
    body = re.fullmatch(r"/bin/sh -c '(.*)'", line)
    assert body is not None
    script = body[1].replace("$$", "$").replace("%%", "%")
    done = subprocess.run(  # noqa: S603 (our own file)
        ["/bin/sh", "-c", script],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "STANDBY_SYNC": "here"},
        check=False,
    )
    assert done.returncode == 3
    said = (tmp_path / "said").read_text().split()
    assert [s for s in said if s != "cert"] == ["sync", "ready", "watchdog"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in FOLDER.glob("standby-daily.*"):
        shutil.copy(path, tmp_path)
    command = ["systemd-analyze", "verify", "standby-daily.timer", "standby-daily.service"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    # Where the machine has no such folder or user, that is said too; what may not stand there is a fault of ours.
    ours = [
        line
        for line in done.stderr.splitlines()
        if "Unknown" in line or "Failed to parse" in line or "Invalid" in line
    ]
    assert ours == []
