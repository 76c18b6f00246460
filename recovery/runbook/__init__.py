"""The runbook machine: `advance(state, event) -> (state, effects)`."""
