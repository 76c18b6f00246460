"""How long a run takes for a site of a given size, from measured rates and named assumptions (SYNC-1 to SYNC-3: under 2 h).

Plain arithmetic, so that anybody can put their own figures in: `docs/data.md` prints it for the README's site, and a
test holds that page to this file.
"""

from __future__ import annotations

from dataclasses import dataclass

LIMIT = 2 * 3600
"""Seconds: the plan's own."""


@dataclass(frozen=True)
class Size:
    """A site. objects, bytes: in both buckets. changed_*: since the last run. items: of item_bytes each."""

    objects: int
    changed_objects: int
    changed_bytes: int
    items: int
    changed_items: int
    item_bytes: int


@dataclass(frozen=True)
class Rates:
    """page_seconds: one page of a listing (S3: 1,000 keys, Azure: 5,000). objects, bytes: a second. export_seconds: an
    incremental export from the asking to the manifest. units: RU/s of the container."""

    page_seconds: float = 0.25
    objects: float = 160.0
    bytes: float = 50e6
    export_seconds: float = 900.0
    units: float = 400.0


MEASURED: dict[str, str] = {
    "page_seconds": "assumed: a LIST of 1,000 keys between two clouds",
    "objects": "assumed: 32 requests at a time of 100 ms, two an object; measured here 260 to 570 a second (2,000 x 20 KB, streamed)",
    "bytes": "assumed: what Azure pulls from another cloud; measured here 100 to 130 MB/s (20 x 20 MB, streamed)",
    "export_seconds": "assumed: AWS names no figure; minutes are usual for an incremental export",
    "units": "the standby's dial (400); 95 % of them are taken, a write costs 5.5 RU for 1 KB and grows with the size",
}


def write_units(size: int) -> float:
    """RU of one write (the local cloud's door charges the same: localcloud/data/cosmos_rules.py)."""
    kilobytes = max(1, -(-size // 1024))
    return 5.5 * (1 + (kilobytes - 1) * 9 / 99)


def steps(site: Size, rates: Rates, share: float = 0.10) -> list[tuple[str, float]]:
    """(step, seconds) of a daily run, one after the other as `dr sync all` goes."""
    pages = site.objects / 1000 + site.objects / 5000
    units = rates.units * 0.95
    read = site.items * share * site.item_bytes / 1024 * 9 / 99 * 1.3
    scan = site.items * 150 / 1024 * 9 / 99 * 2  # id, _ts and the sync's note of every document
    return [
        ("list both sides and march", pages * rates.page_seconds),
        ("carry what changed", max(site.changed_objects / rates.objects, site.changed_bytes / rates.bytes)),
        ("prove: list both sides again", pages * rates.page_seconds),
        ("export, wait, stage", rates.export_seconds),
        ("convert and import", site.changed_items * write_units(site.item_bytes) / units),
        (f"prove: count all, read {share:.0%}", (read + scan) / units),
    ]


def total(site: Size, rates: Rates) -> float:
    """Seconds of the whole run."""
    return sum(seconds for _, seconds in steps(site, rates))
