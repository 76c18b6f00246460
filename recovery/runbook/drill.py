"""The failover as a drill: the same steps, with sentences that say what is not done, and a way back from every one.

In a drill the public records stay (`cutover` moves nothing), so nothing in it is irreversible: one that got stuck is
aborted like any other run before its cutover, and what was scaled up is scaled down again.
"""

from __future__ import annotations

from dataclasses import replace

from recovery.runbook.steps import Effect, Runbook, Step

MARK = (
    "DRILL: no public record is moved, nothing is written to AWS, no message leaves the internal channels. "
    "In earnest you would agree to this: "
)
STAYS = Effect("dns.authority", {"side": "primary"})
"""What undoes a cutover that moved nothing: the records are the primary's, as they were."""


def drilled(book: Runbook) -> Runbook:
    """The runbook as it is drilled. Ids, needs, budgets and effects are the same, so its evidence counts."""
    return replace(book, title=f"DRILL of {book.title}", steps=tuple(_step(one) for one in book.steps))


def _step(step: Step) -> Step:
    if step.approval is not None:
        step = replace(step, approval=replace(step.approval, sentence=MARK + step.approval.sentence))
    return replace(step, irreversible=False, undo=STAYS) if step.irreversible else step
