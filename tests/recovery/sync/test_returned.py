"""What the journal must say before traffic goes back (BACK-2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recovery.sync.returned import FLOWS, carried_since, left_over, missing, not_yet, proves, refusal

CUTOVER = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def run(**changes: Any) -> dict[str, Any]:
    good = {
        "direction": "reverse", "started": (CUTOVER + timedelta(hours=5)).isoformat(), "dry_run": False, "refused": "",
        "errors": [], "proofs": [{"holds": True}],
    }  # fmt: skip
    return good | changes


def asked(**changes: Any) -> list[str]:
    return missing(CUTOVER.timestamp(), [], {"uploads": run(), "metadata": run(**changes)})


def test_nothing_is_asked_where_nobody_turned_the_direction() -> None:
    assert missing(None, ["freeze uploads"], {}) == []


def test_a_proven_reverse_run_of_each_flow_after_the_cutover_lets_traffic_go_back() -> None:
    assert asked() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"direction": "forward"},
        {"started": CUTOVER.isoformat()},
        {"started": (CUTOVER - timedelta(seconds=1)).isoformat()},
        {"started": ""},
        {"started": None},
        {"dry_run": True},
        {"refused": "the direction was turned"},
        {"errors": ["one.jpg: reset"]},
        {"proofs": []},
        {"proofs": None},
        {"proofs": [{"holds": True}, {"holds": False}]},
        {"proofs": [{"holds": "yes"}]},
        {"proofs": ["garbage"]},
    ],
)
def test_anything_less_is_no_proof(changes: dict[str, Any]) -> None:
    (said,) = asked(**changes)
    assert said.startswith("metadata: ")


def test_a_run_that_proved_itself_before_traffic_left_is_proof_enough_for_what_brought_everything_since() -> (
    None
):
    """BACK-5: AWS takes writes again, which Azure does not have to have; that a run brought everything is still asked."""
    unequal = {"uploads": run(), "metadata": run(proofs=[{"holds": False}])}
    when = CUTOVER.timestamp()
    assert missing(when, [], unequal) == ["metadata: the proof of its last run does not hold"]
    assert missing(when, [], unequal, {"metadata"}) == []
    broken = {"uploads": run(), "metadata": run(proofs=[{"holds": False}], errors=["one item: 500"])}
    assert missing(when, [], broken, {"metadata"}) == ["metadata: its last run did not bring everything"]
    assert proves(run(), when)
    assert not proves(unequal["metadata"], when)
    assert not proves(run(direction="forward"), when)
    assert not proves(None, when)


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("held", [None, "garbage", []])
def test_a_flow_without_a_record_is_named(flow: str, held: Any) -> None:
    runs = {one: run() for one in FLOWS} | {flow: held}
    assert missing(CUTOVER.timestamp(), [], runs) == [f"{flow}: no run since the cutover"]


def test_what_is_owed_to_the_primary_keeps_traffic_where_it_is_and_the_refusal_names_the_rollback() -> None:
    said = missing(CUTOVER.timestamp(), ["freeze uploads"], {one: run() for one in FLOWS})
    assert said == ["owed to AWS: freeze uploads"]
    refused = refusal(said)
    assert "freeze uploads" in refused.summary
    assert "dr rollback" in refused.fix


def test_the_older_of_the_two_runs_says_since_when_nothing_is_known() -> None:
    """BACK-5: what came after it began, the run of that flow may not have seen."""
    later = run(started=(CUTOVER + timedelta(hours=6)).isoformat())
    earlier = (CUTOVER + timedelta(hours=5)).timestamp()
    assert carried_since({"uploads": later, "metadata": run()}) == earlier
    assert carried_since({"uploads": run(), "metadata": later}) == earlier


@pytest.mark.parametrize("held", [None, "garbage", {"started": ""}, {"started": "yesterday"}, {}])
def test_a_run_that_does_not_say_when_it_began_is_no_moment(held: Any) -> None:
    assert carried_since({"uploads": run(), "metadata": held}) is None


def test_capacity_goes_only_when_nobody_has_come_since() -> None:
    """BACK-2: an unknown count is no silence."""
    assert left_over(CUTOVER.timestamp(), 0) == []
    assert left_over(CUTOVER.timestamp(), 3) == [
        "the gateway counted 3 request(s) since the last run to AWS began (03:00:00 UTC)"
    ]
    assert "cannot be told" in left_over(CUTOVER.timestamp(), None)[0]
    refused = not_yet(left_over(CUTOVER.timestamp(), 3))
    assert "3 request(s)" in refused.summary
    assert "dr sync all --reverse" in refused.fix
