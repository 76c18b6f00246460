"""Why a sync may not run now, in words that somebody who has never seen this understands: what, why, the command."""

from __future__ import annotations

from recovery.journal.direction import Direction, Standing

FIRST = 'dr sync direction forward --why "first sync: AWS is live"'
"""What the first sync of a new standby needs: a person says which side is the origin."""


def refusal(wanted: Direction, now: Standing, began: Standing, reason: str) -> tuple[str, str, str]:
    """(what is wrong, why it matters, the command). reason: the rule's own sentence (`may_run`)."""
    if now.fault:
        return (
            reason,
            "nobody can tell which side is live, so nothing may be written to either",
            f'dr sync direction {wanted} --settle --why "..."    (after looking at both sides)',
        )
    if not now.epoch:
        if wanted is Direction.REVERSE:
            return (
                "nothing can be brought back: this standby was never synced (no direction was ever set)",
                "a way back without a way there would overwrite the only side that has data",
                "dr sync direction",
            )
        return (
            "this standby was never synced: nobody has said yet which side is the origin of the data",
            "a sync in the wrong direction overwrites the side that is live, so the first one is a person's word; nothing was changed",
            f"{FIRST}    (once; then the same command again)",
        )
    if now.direction is wanted:  # the epoch moved on since the run began
        return (
            reason,
            f"somebody turned the direction while this run (epoch {began.epoch}) was under way; it stopped before its next batch",
            "dr sync direction    (look; then the same command again goes on where this one stopped)",
        )
    if now.direction is Direction.OFF:
        return (
            reason,
            "the data stands still: a switch is under way or was left half-done",
            "dr status    (what is under way; dr resume finishes it)",
        )
    if wanted is Direction.FORWARD:
        return (
            reason,
            "Azure is live and holds what users wrote since the cutover; nothing in Azure was changed",
            "dr rollback    (brings it all back to AWS, then turns the data home; until then every forward run stops here. "
            "Where `pulumi up` moved traffic back already: dr sync all --reverse until it carries nothing, then dr sync "
            "direction off, then forward)",
        )
    return (
        reason,
        "AWS is the origin: a reverse sync would overwrite what users write there now; nothing was changed",
        "dr failover    (turns the direction when traffic moves)",
    )
