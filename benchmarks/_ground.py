"""What the drift benchmarks stand on: a project folder, a local cloud, a command with its time and memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud import LocalCloud

ROOT = Path(__file__).resolve().parents[1]
READ_SECONDS = 0.1
"""What each read of Resource Manager takes in these benchmarks."""


@dataclass(frozen=True)
class Ran:
    """One command: its exit code, output, wall-clock seconds and peak resident memory in MB (its own, not its children's)."""

    code: int
    out: str
    err: str
    seconds: float
    rss: float


def run(command: list[str], folder: Path, environ: Mapping[str, str]) -> Ran:
    """Run it to its end."""
    out, err = folder / ".bench-out", folder / ".bench-err"
    began = time.perf_counter()
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(command, cwd=folder, env=dict(environ), stdout=stdout, stderr=stderr)  # noqa: S603 (our own commands, no shell)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    return Ran(process.returncode, out.read_text(), err.read_text(), seconds, usage.ru_maxrss / 1024)


def dr(*args: str) -> list[str]:
    """The command line of `dr ARGS`."""
    return [sys.executable, "-m", "scripts.cli", *args]


def pulumi(*args: str) -> list[str]:
    """The command line of `pulumi ARGS`."""
    return ["pulumi", *args, "--non-interactive", "--color=never"]


def has_pulumi() -> bool:
    """Whether the real CLI is on PATH."""
    return shutil.which("pulumi") is not None


def environment(cloud: LocalCloud) -> dict[str, str]:
    """The local cloud's environment and nothing of a developer's own."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "DR_", "ARM_", "VIRTUAL_ENV"))}
    home = str(cloud.state.parent / "pulumi-home")
    return {**own, **cloud.environment, "NO_COLOR": "1", "PULUMI_HOME": home}


def the_program(folder: Path) -> Path:
    """A folder with this project's program, where a stack file may be written to."""
    folder.mkdir(parents=True)
    for path in (*ROOT.glob("Pulumi*.yaml"), ROOT / "__main__.py"):
        text = path.read_text()
        kept = [line for line in text.splitlines(True) if not line.startswith("encryptionsalt:")]
        (folder / path.name).write_text("".join(kept))
    return _linked(folder)


def a_large_program(folder: Path, resources: int) -> Path:
    """A folder with a program of `resources` resources, in the footprint's own kinds and shapes."""
    folder.mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text(
        "name: standby\nruntime: {name: python, options: {virtualenv: .venv}}\noptions: {refresh: always}\n"
    )
    (folder / "Pulumi.standby.yaml").write_text("config: {}\n")
    (folder / "__main__.py").write_text(f"from benchmarks._large import declare\n\ndeclare({resources})\n")
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    return _linked(folder)


def _linked(folder: Path) -> Path:
    for name in ("components", "recovery", "clouds", "scripts", "localcloud"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


def slow_reads(cloud: LocalCloud, seconds: float = READ_SECONDS) -> None:
    """Every read of Resource Manager takes this long from now on."""
    cloud.control("PUT", "latency", {"reads": seconds})
