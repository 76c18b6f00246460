"""How long `dr --help` takes, against the same interpreter doing nothing and against importing typer alone."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

RUNS = 11
TARGET = 0.3  # seconds


def seconds(code: str) -> float:
    """Wall-clock time of one fresh interpreter."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # noqa: S603 (our own interpreter)
    return time.perf_counter() - began


def main(argv: Sequence[str] = ()) -> int:
    """Interleaved, so that a busy moment of the machine meets all of them."""
    codes = {
        "python -c pass": "pass",
        "import typer": "import typer",
        "dr --help": "from scripts.cli import main; main(['--help'])",
    }
    times: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(RUNS):
        for name, code in codes.items():
            times[name].append(seconds(code))
    base = statistics.median(times["python -c pass"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:<16} {middle * 1000:7.1f} ms  {middle / base:5.2f}x of an empty interpreter")
    print(f"target for dr --help: {TARGET * 1000:.0f} ms")
    return int(statistics.median(times["dr --help"]) > TARGET)


if __name__ == "__main__":
    sys.exit(main())
