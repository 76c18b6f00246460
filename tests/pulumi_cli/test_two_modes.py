"""Two stacks over one footprint, by the bare commands."""

from __future__ import annotations

import json
from pathlib import Path

from recovery.arm.catalogue import CATALOGUE
from recovery.model import Action
from recovery.pulumi_events import parse_preview
from tests.pulumi_cli.conftest import Bench, Ended

STANDBY = {"capacity": 0, "throughput": 400, "gateway": 0, "mode": "standby"}
ACTIVE = {"capacity": 2, "throughput": 4000, "gateway": 2, "mode": "active"}


def up(bench: Bench, stack: str) -> Ended:
    done = bench.pulumi("up", "-s", stack, "--yes", "--skip-preview")
    assert done.code == 0, done.said
    return done


def assert_clean(bench: Bench, stack: str) -> None:
    done = bench.pulumi("preview", "-s", stack, "--expect-no-changes", "--diff")
    assert done.code == 0, done.said


def assert_dials(bench: Bench, wanted: dict[str, object]) -> dict[str, object]:
    found = bench.dials()
    assert {key: found[key] for key in wanted} == wanted
    return found


def test_the_two_modes_alternate_with_and_without_hand_over_and_each_time_the_right_gate_waits(
    ready: Bench,
) -> None:
    """ACT-3, ACT-4, BACK-4, BACK-5; facts.md: a gate that echoes the mode fires only on the first switch."""
    assert_clean(ready, "standby")
    at_rest = assert_dials(ready, STANDBY)

    over = ready.dr("handover", "standby", "active")
    assert over.code == 0, over.said
    planned = ready.pulumi("preview", "-s", "active", "--json", "--show-sames", "--show-reads")
    assert planned.code == 0, planned.said
    actions = {step.action for step in parse_preview("active", json.loads(planned.out)).steps}
    assert actions == {Action.SAME, Action.UPDATE, Action.READ}

    for turn in ("handed over", "without hand-over", "without hand-over again"):
        mark = ready.gate_mark()
        up(ready, "active")
        active = assert_dials(ready, ACTIVE)
        assert active["apex"] != at_rest["apex"], turn
        assert active["filter"] != at_rest["filter"], turn
        assert ("HealthGate", "passed") in ready.gates(mark), turn
        if turn == "handed over":
            assert_clean(ready, "active")

        mark = ready.gate_mark()
        up(ready, "standby")
        found = ready.dials()
        assert found == at_rest, (turn, found, at_rest)
        seen = ready.gates(mark)
        assert ("ReturnGate", "passed") in seen, turn
        assert ("DrainGate", "passed") in seen, turn
    assert_clean(ready, "standby")


def test_health_lost_between_the_two_parts_of_a_split_failover_keeps_dns_where_it_is(ready: Bench) -> None:
    """facts.md "Order by mode": the gate looks again in the second part."""
    before = ready.dials()
    first = ready.dr("up", "-s", "active", "--exclude", "**-record", "--yes", "--no-hand-over")
    assert first.code == 0, first.said
    half = ready.dials()
    assert half["capacity"] == 2
    assert half["apex"] == before["apex"]
    assert half["mode"] == "standby", "the tag tells the mode of the traffic"

    assert ready.cloud.control("PUT", "instances", {"instance": -1, "state": "failing"})["obeyed"] == 2
    second = ready.dr("up", "-s", "active", "--yes", "--no-hand-over")
    assert second.code == 4, second.said
    assert "healthy" in second.said.lower()
    after = ready.dials()
    assert {n: after[n] for n in ("apex", "api", "www")} == {n: before[n] for n in ("apex", "api", "www")}


def test_with_the_primary_dead_and_traffic_on_azure_standby_changes_nothing_and_names_the_rollback(
    ready: Bench,
) -> None:
    """design.md: the bare `pulumi up -s standby` is safe also from a CI job that deploys in mid-disaster."""
    up(ready, "active")
    serving = ready.dials()
    ready.cloud.control("PUT", "primary", {"state": "down"})
    mark = ready.request_mark()
    refused = ready.pulumi("up", "-s", "standby", "--yes", "--skip-preview")
    assert refused.code != 0, refused.said
    assert "dr rollback" in refused.said
    assert ready.writes(mark) == []
    assert ready.dials() == serving


def test_what_was_changed_behind_the_back_is_previewed_and_repaired(ready: Bench) -> None:
    """`pulumi preview` as the monthly check (requirements.md, form); options.refresh starts from reality."""
    scale_set = ready.live("azure-native:compute:VirtualMachineScaleSet")
    scale_set["sku"]["capacity"] = 1
    version = CATALOGUE["azure-native:compute:VirtualMachineScaleSet"].api_version
    ready.arm.put(scale_set["id"], {k: v for k, v in scale_set.items() if k != "etag"}, version)
    drift = ready.pulumi("preview", "-s", "standby", "--expect-no-changes")
    assert drift.code == 7, drift.said
    up(ready, "standby")
    assert_clean(ready, "standby")
    assert ready.dials()["capacity"] == 0


def test_dr_up_there_and_back_hands_over_each_time_and_the_safety_gate_lets_both_pass(ready: Bench) -> None:
    """The whole of `dr up`: lock, plan, gate, up, hand-over; its last line is a verdict, its data go to stdout."""
    there = ready.dr("up", "-s", "active", "--yes", "--format", "json")
    assert there.code == 0, there.said
    document = json.loads(there.out)
    assert (Path(ready.environment["DR_HOME"]) / "baseline-active.json").exists()
    assert document["handover"]["to"] == "standby"
    assert {step["action"] for step in document["done"]["steps"]} <= {"=", "~", ">"}
    assert_dials(ready, ACTIVE)
    back = ready.dr("up", "-s", "standby", "--yes")
    assert back.code == 0, back.said
    assert "handed over to active" in back.out.splitlines()[-1]
    assert_dials(ready, STANDBY)
    again = ready.dr("preview", "-s", "standby", "--expect-no-changes")
    assert again.code == 0, again.said
