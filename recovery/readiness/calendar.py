"""When the scheduled checks are due. Cron cannot say "first Monday" (its two day fields are joined by OR), so the tool does."""

from __future__ import annotations

from datetime import date, timedelta

OVERDUE_DAYS = 38
"""Two first Mondays are at most 35 days apart; three more are for a holiday and a retry."""


def is_first_monday(day: date) -> bool:
    """The plan's day for the monthly validation (image-app plan, 3.2.2)."""
    return day.weekday() == 0 and day.day <= 7


def next_first_monday(after: date) -> date:
    """The first one strictly after a day."""
    day = after + timedelta(days=1)
    while not is_first_monday(day):
        day += timedelta(days=1)
    return day


def overdue(last: date | None, today: date) -> bool:
    """Has the monthly check not happened for too long? Never happened is overdue."""
    return last is None or (today - last).days > OVERDUE_DAYS
