"""`dr resume` for a runbook: make way (a dead run's locks), take a person's word along, go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recovery.ownership import prove_dead
from scripts import switch

if TYPE_CHECKING:
    from clouds.runbook.runs import Begun


def unfinished_run(root: Path) -> Begun | None:
    """The runbook run of this machine that has not ended."""
    from clouds import journal_place
    from clouds.runbook.runs import unfinished

    return unfinished(journal_place.read(root).records)


def make_way(root: Path, begun: Begun, dead_host: str) -> None:
    """Take Pulumi's lock from an up that a kill left behind. Raises Stopped while its process lives."""
    from clouds.run_records import runs_folder, unfinished
    from scripts.resume import cancel, owners_of
    from scripts.running import is_running

    if is_running(root):
        return  # it lives: what follows is a word to it
    for record in unfinished(runs_folder(root)):
        evidence = prove_dead(owners_of(record), dead_host)
        for line in evidence:
            switch.say(f"  dead: {line}")
        cancel(root, str(record.data["stack"]), record)
        record.end(f"taken over by {begun.id}")


def go(root: Path, begun: Begun, retry: Sequence[str], identity: str, wait: float | None, format: str) -> int:
    """Go on with the run; to one that is carried out already, only say the word."""
    from scripts.running import carry_on, is_running
    from scripts.speaking import current, say

    begun, asked = current(root, begun.id)
    for step in retry:
        switch.say(say(root, begun, asked, "retry", step=step, identity=identity))
    alive = is_running(root)
    if asked["mode"] == "paused":
        switch.say(say(root, begun, asked, "resume", identity=identity))
    if alive:
        print(f"{begun.id} is being carried out; it goes on by itself.")
        return 0
    return carry_on(root, begun, wait, format, identity)
