"""The time of a run, worked out: the page's table is the arithmetic's, and the day's run fits (SYNC-1 to SYNC-3)."""

from __future__ import annotations

import re

from recovery.sync.estimate import LIMIT, MEASURED, Rates, Size, steps, total
from tests.test_architecture import ROOT

DAY = Size(200_000, 4_000, 2_000_000_000, 1_000_000, 20_000, 3_000)
FIRST = Size(200_000, 200_000, 100_000_000_000, 1_000_000, 1_000_000, 3_000)
COLUMNS = [(DAY, Rates()), (FIRST, Rates()), (FIRST, Rates(units=4_000))]


def test_the_table_in_the_documentation_is_what_the_arithmetic_says() -> None:
    """The SLA worked out for a stated size of site, with the assumptions."""
    text = (ROOT / "docs" / "data.md").read_text()
    for row in zip(*(steps(site, rates) for site, rates in COLUMNS), strict=True):
        cells = " | ".join(f"{seconds:,.0f} s" for _, seconds in row)
        assert f"| {row[0][0]} | {cells} |" in text
    minutes = re.findall(r"\*\*(\d+) min\*\*", text)
    assert minutes == [f"{total(site, rates) / 60:.0f}" for site, rates in COLUMNS]


def test_a_days_run_fits_and_the_first_one_needs_a_higher_dial() -> None:
    """SYNC-1 to SYNC-3: complete in under two hours."""
    assert total(DAY, Rates()) < LIMIT / 4
    assert total(FIRST, Rates()) > LIMIT > total(FIRST, Rates(units=4_000))


def test_every_rate_says_where_it_comes_from() -> None:
    """A figure without its source is a guess that looks like a measurement."""
    assert set(MEASURED) == set(Rates.__dataclass_fields__)
