"""What `dr status` says of the data, and which words a refused sync gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recovery.journal.direction import Direction, Standing
from recovery.sync.refusals import refusal
from recovery.sync.standing import data_age, described

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def record(**more: object) -> dict[str, object]:
    cut = (NOW - timedelta(seconds=41)).isoformat()
    return {
        "direction": "forward", "started": cut, "exitCode": 0, "errors": [],
        "proofs": [{"holds": True, "cut": cut}], **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"unknown": "403"}, "not known (403)"),
        ({"direction": "off", "epoch": 0, "runs": {}}, "never synced"),
        ({"direction": "reverse", "epoch": 3, "runs": {"site": record()}}, "reverse, epoch 3"),
        ({"direction": "forward", "epoch": 1, "runs": {"site": record()}}, "proven; the copy is 41 s behind"),
        ({"direction": "forward", "epoch": 1, "runs": {"site": record(proofs=[])}}, "NOT proven"),
        (
            {"direction": "forward", "epoch": 1, "runs": {"site": record(exitCode=1, errors=["k: 503"])}},
            "k: 503",
        ),
        (
            {
                "direction": "forward",
                "epoch": 1,
                "runs": {"watch": record(counts={"items": 7, "objects": 2}, data_age_seconds=1.5)},
            },
            "7 items, 2 objects, worst lag 1.5 s",
        ),
        (
            {"direction": "off", "epoch": 2, "owed": [{"what": "the freeze", "since": "03:00"}]},
            "owed since 03:00: the freeze",
        ),
    ],
)
def test_the_standing_of_the_data_is_said_and_what_is_not_proven_is_not_called_so(
    found: dict[str, object], words: str
) -> None:
    """Build: every run's record is read by dr status."""
    assert words in "\n".join(described(found, NOW))


def test_a_copy_whose_proof_does_not_hold_has_no_age() -> None:
    """Unknown is a verdict: an unproven copy is not so many seconds old."""
    assert data_age(record(proofs=[{"holds": False, "cut": NOW.isoformat()}]), NOW) is None


@pytest.mark.parametrize(
    ("wanted", "now", "fix"),
    [
        (Direction.FORWARD, Standing(), "dr sync direction forward --why"),
        (Direction.REVERSE, Standing(), "dr sync direction"),
        (Direction.FORWARD, Standing(Direction.REVERSE, 3), "dr rollback"),
        (Direction.REVERSE, Standing(Direction.FORWARD, 1), "dr failover"),
        (Direction.FORWARD, Standing(Direction.OFF, 2), "dr status"),
        (Direction.FORWARD, Standing(Direction.FORWARD, 3), "dr sync direction"),
        (Direction.FORWARD, Standing(Direction.FORWARD, 3, fault="two writers"), "--settle"),
    ],
)
def test_each_refusal_names_the_command_that_fits_where_one_stands(
    wanted: Direction, now: Standing, fix: str
) -> None:
    """A refused sync is no puzzle: never-synced, mid-contingency and half-done switches have their own ways on."""
    what, why, how = refusal(wanted, now, Standing(Direction.FORWARD, 1), "the journal says so")
    assert what
    assert why
    assert fix in how
