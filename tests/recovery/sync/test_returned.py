"""What the journal must say before traffic goes back (BACK-2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recovery.sync.returned import FLOWS, missing, refusal

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
