"""`dr pause`: nothing new is begun; what is under way ends. `dr resume` goes on."""

from __future__ import annotations

from collections.abc import Sequence

from recovery.exit_codes import ExitCode
from scripts.approve import As, Reason, Run
from scripts.command import run


def pause(reason: Reason = "", identity: As = "", run_: Run = "") -> int:
    """Hold the run: what is under way ends, nothing new is begun.

    \b
    Example:
      dr pause --reason 'AWS says it is coming back' --as ic@demay.com
    """
    from clouds.program import project_root
    from scripts.speaking import current, say

    root = project_root()
    begun, asked = current(root, run_)
    print(say(root, begun, asked, "pause", identity=identity, reason=reason))
    return int(ExitCode.CLEAN)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(pause, argv, "pause")
