"""Readiness: what each check concludes from what was seen, and what the runs together say."""
