"""The windows of a chain of incremental exports: 15 minutes to 24 hours each, chained when a run was late (SYNC-3).

Limits: DynamoDB API reference, IncrementalExportSpecification. A window may overlap the one before: every record
carries the time of its write, and no write goes over a newer one.
"""

from __future__ import annotations

LEAST = 15 * 60
MOST = 24 * 3600
REACH = 35 * 24 * 3600
"""Seconds that point-in-time recovery reaches back: an older cut needs a full export."""


def windows(since: int, until: int) -> list[tuple[int, int]]:
    """Windows (from, to), epoch seconds, that cover [since, until) without a hole; empty when there is nothing.

    Raises ValueError when point-in-time recovery does not reach back to `since`.
    """
    if until <= since:
        return []
    if until - since > REACH:
        raise ValueError(
            f"{(until - since) // 86400} days back: point-in-time recovery reaches {REACH // 86400}"
        )
    found: list[tuple[int, int]] = []
    start = since
    while start < until:
        end = min(start + MOST, until)
        found.append((min(start, end - LEAST), end))
        start = end
    return found
