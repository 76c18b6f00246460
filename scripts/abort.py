"""`dr abort`: stop the run and undo what it did, the last first; refused once something irreversible was begun."""

from __future__ import annotations

from collections.abc import Sequence

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from scripts.approve import As, Reason, Run
from scripts.command import run


def abort(reason: Reason = "", identity: As = "", run_: Run = "") -> int:
    """Stop and undo, the last first. After the cutover there is no abort: the way back is `dr rollback`.

    \b
    Example:
      dr abort --reason 'AWS is back' --as ic@demay.com && dr resume
    """
    from clouds.program import project_root
    from scripts.speaking import current, say

    if not reason.strip():
        raise BadInput(
            "an abort needs a reason", "it stands in the report", "dr abort --reason 'AWS is back'"
        )
    root = project_root()
    begun, asked = current(root, run_)
    print(say(root, begun, asked, "abort", identity=identity, reason=reason))
    return int(ExitCode.CLEAN)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(abort, argv, "abort")
