"""Carries a runbook out: what the pure machine asks for is done here, and written down before and after."""
