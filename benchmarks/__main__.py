"""`make bench`: every benchmark beside this file, one after the other.

A benchmark is a module with `main(argv) -> int` that prints its own figures, as ratios within one run wherever there is
a peer, and returns 1 when a goal is missed. One whose peer is not installed is left out, with that reason.
`python -m benchmarks NAME...` runs some of them.
"""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(argv: Sequence[str]) -> int:
    """Run the named benchmarks, or all. Unknown names are usage errors."""
    known = sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("_"))
    wrong = [name for name in argv if name not in known]
    if wrong:
        print(f"there is no benchmark {wrong[0]!r} (there are: {', '.join(known)})", file=sys.stderr)
        return 2
    missed = 0
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in argv or known:
        print(f"\n== {name}")
        sys.stdout.flush()
        try:
            missed += bool(importlib.import_module(f"benchmarks.{name}").main([]))
        except ImportError as error:
            print(f"left out: {error.name or error} is not installed")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
