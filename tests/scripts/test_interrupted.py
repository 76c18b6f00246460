"""A rehearsal stopped in the middle, for real: everything it started has ended, and the report says what happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.localcloud,
    pytest.mark.skipif(
        not Path("/proc/self/environ").exists(), reason="no /proc: running processes cannot be looked up"
    ),
]


def started_with(word: str) -> list[str]:
    """Commands of the running processes whose environment holds `word`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            here = word.encode() in (folder / "environ").read_bytes()
            ended = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if here and not ended and int(folder.name) != os.getpid():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("line", "number"),
    [("rehearsing with", signal.SIGTERM), ("1/", signal.SIGINT)],
    ids=["while the local cloud starts", "in a step"],
)
def test_a_stopped_rehearsal_leaves_a_report_and_nothing_running(
    line: str, number: signal.Signals, tmp_path: Path
) -> None:
    """After `make rehearse` nothing it started is left running, also after Ctrl-C."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    out = tmp_path / "out"
    process = subprocess.Popen(  # noqa: S603 (our own interpreter and command)
        [sys.executable, "-m", "scripts.cli", "rehearse", "--engine", "direct", "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), "NO_COLOR": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for said in process.stderr:
        if said.startswith(line):
            break
    time.sleep(0.5)
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=120)
    assert process.returncode == 4
    assert stdout.startswith("Stopped by a person")
    report = json.loads((out / "report.json").read_text())
    assert report["verdict"]["exitCode"] == 4
    assert report["left_running"] == []
    assert "Stopped by a person" in (out / "report.html").read_text()
    assert started_with(str(temporary)) == []
    assert list(temporary.iterdir()) == [], "the state is thrown away"
