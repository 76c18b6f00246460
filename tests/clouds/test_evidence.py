"""`dr status`: who is live is concluded from records and resolvers, and unknown is said to be unknown."""

from __future__ import annotations

import json
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import localcloud
from clouds.azure.lease import Holder, Lease, footprint_blob
from clouds.evidence import Evidence, gather
from clouds.gates.world import World as Look
from recovery.engine import DIALS_ONLY
from recovery.traffic import Live, Side, answer_side, who_is_live
from tests.clouds.small_world import World

GW, PRIMARY = "203.0.113.10", ["192.0.2.10", "192.0.2.11"]


def says(evidence: Evidence, what: str) -> str:
    return next(i.says for i in evidence.items if i.what == what)


def settled(w: World, stack: str = "standby") -> Evidence:
    """The evidence once the caches have forgotten what an earlier test left in them (a TTL is 0.1 s here)."""
    deadline = time.monotonic() + 20
    while True:
        evidence = gather(w.wanted[stack], Look.connect(hurry=3))
        if evidence.live is not Live.MOVING or time.monotonic() > deadline:
            return evidence
        time.sleep(0.1)


@pytest.mark.localcloud
def test_the_primary_is_live_on_a_fresh_standby(w: World) -> None:
    evidence = settled(w)
    assert evidence.live is Live.PRIMARY, evidence
    assert says(evidence, "mode tag") == "standby"
    assert says(evidence, "CosmosThroughput") == "400"
    assert says(evidence, "primary 192.0.2.10") == "answers"
    assert says(evidence, "resolver Google for small.example") == "primary"
    assert json.loads(json.dumps(evidence.to_json()))["live"] == "primary"


@pytest.mark.localcloud
def test_moved_records_with_old_caches_are_traffic_on_the_move(w: World) -> None:
    """ACT-4: a cache keeps the old answer until its own TTL ends."""
    settled(w)  # fills the resolvers' caches
    w.engine.up("active", allow=DIALS_ONLY, on_event=w.told.append)
    seen = gather(w.wanted["active"], Look.connect(hurry=3))
    assert seen.live in (Live.MOVING, Live.AZURE)
    assert says(seen, "record @ A") == "azure"
    assert settled(w, "active").live is Live.AZURE
    w.up("standby")


@pytest.mark.localcloud
def test_what_cannot_be_read_is_shown_as_unknown(w: World, cloud: localcloud.LocalCloud) -> None:
    settled(w)
    cloud.control("POST", "faults", {"path": "/dnsZones/", "status": 403, "method": "GET", "door": "arm"})
    try:
        evidence = gather(w.wanted["standby"], Look.connect(hurry=3))
    finally:
        cloud.control("DELETE", "faults")
    assert evidence.live is Live.UNKNOWN
    assert says(evidence, "record @ A") == "unknown"


@pytest.mark.localcloud
def test_the_locks_holder_is_named(w: World) -> None:
    look = Look.connect(hurry=3)
    blob = footprint_blob(w.arm, w.one("journal").id, look.endpoints.storage_key)
    assert blob is not None
    with Lease(blob, Holder.me("dr up -s active"), seconds=15):
        evidence = gather(w.wanted["standby"], look)
    assert "dr up -s active" in evidence.lock
    assert str(os.getpid()) in evidence.lock
    assert says(gather(w.wanted["standby"], look), "lock") == "free"


lives = st.lists(st.sampled_from(list(Live)), max_size=6)


@given(st.sampled_from(list(Side)), lives)
def test_who_is_live_is_never_guessed(records: Side, answers: list[Live]) -> None:
    verdict = who_is_live(records, answers)
    if verdict is Live.AZURE:
        assert records is Side.AZURE
        assert set(answers) <= {Live.AZURE, Live.UNKNOWN}
        assert Live.AZURE in answers
    if verdict is Live.PRIMARY:
        assert records is Side.ELSEWHERE
        assert set(answers) <= {Live.PRIMARY, Live.UNKNOWN}
    if not set(answers) - {Live.UNKNOWN} and records is not Side.SPLIT:
        assert verdict is Live.UNKNOWN


@pytest.mark.parametrize(
    ("values", "chain", "side"),
    [
        ([GW], ["gw.azure.example"], Live.AZURE),
        (PRIMARY, [], Live.PRIMARY),
        (["198.51.100.7"], ["LB.primary.example"], Live.PRIMARY),
        ([GW, PRIMARY[0]], [], Live.MOVING),
        ([], [], Live.NOWHERE),
        ([], ["lb.primary.example"], Live.NOWHERE),
        (["198.51.100.7"], [], Live.NOWHERE),
    ],
)
def test_an_answer_is_placed_by_its_addresses_and_its_names(
    values: list[str], chain: list[str], side: Live
) -> None:
    assert answer_side(values, chain, GW, [*PRIMARY, "lb.primary.example"]) is side
