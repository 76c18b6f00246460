"""What a run's state obliges to, written into the journal once each: obligations, and the run's end.

Called after every event and after a resume, so a kill between an event and its duties loses nothing.
"""

from __future__ import annotations

from clouds.runbook.calls import Journal
from recovery.journal.chain import Kind
from recovery.journal.direction import open_obligation
from recovery.runbook.state import Mode, State


def settle(journal: Journal, state: State, drill: bool = False) -> None:
    """Write what is missing."""
    owed = state.obligations
    ended = state.mode in (Mode.COMPLETED, Mode.ABORTED)
    if not owed and not ended:
        return
    known, closed = set(), False
    for record in journal.records:
        if record.run == state.run:
            if record.kind is Kind.OBLIGATION and record.body.get("open"):
                known.add(record.body.get("id"))
            closed = closed or (record.kind is Kind.RUN and "ended" in record.body)
    if not drill:  # a drill touches nothing of the primary's, so it cannot owe it anything
        for step, what in owed.items():
            id = f"{state.run}/{step}"
            if id not in known:
                blocks = "cutback" if step.startswith(("freeze-", "sync-", "compare")) else "nothing"
                journal.append(Kind.OBLIGATION, state.run, open_obligation(id, what, blocks))
    if ended and not closed:
        journal.append(Kind.RUN, state.run, {"ended": str(state.mode), "reason": state.reason})
