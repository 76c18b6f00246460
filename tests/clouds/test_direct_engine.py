"""The direct engine on the local cloud: builds, switches both ways, repairs, resumes, and refuses what it must."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import localcloud
from clouds.azure.arm import ArmError
from recovery.arm.catalogue import CATALOGUE
from recovery.engine import DIALS_ONLY, EventKind
from recovery.errors import Failed, Stopped, Unobserved
from recovery.model import REDACTED, Action
from tests.clouds.small_footprint import azure
from tests.clouds.small_world import BUILD, World

pytestmark = pytest.mark.localcloud
RECORDS = ("**-record",)


def test_a_built_standby_needs_nothing(w: World) -> None:
    assert w.engine.preview("standby").changes == ()
    assert w.up("standby") == []
    assert w.told == [], "an up without changes touches nothing"


def test_a_switch_and_the_way_back_change_the_dials_alone_and_end_clean(w: World) -> None:
    """ACT-3, ACT-4, BACK-4, BACK-5: updates only, both ways, again and again."""
    for stack, other in (("active", "standby"), ("standby", "active")) * 2:
        plan = w.engine.preview(stack)
        assert {s.action for s in plan.changes} == {Action.UPDATE}
        w.up(stack)
        assert w.engine.preview(stack).changes == ()
        assert w.engine.preview(other).changes != ()


def test_records_point_where_the_live_address_is(w: World) -> None:
    """Values that only the cloud knows are resolved from live bodies."""
    address = w.body("gw-ip")["properties"]["ipAddress"]
    w.up("active")
    assert w.body("apex-record")["properties"]["ARecords"] == [{"ipv4Address": address}]
    assert w.body("dr-name")["properties"]["ARecords"] == [{"ipv4Address": address}]
    w.up("standby")
    assert [a["ipv4Address"] for a in w.body("apex-record")["properties"]["ARecords"]] == [
        "192.0.2.10",
        "192.0.2.11",
    ]


def test_what_nobody_declared_is_sent_back_as_it_was(w: World) -> None:
    """Read, modify, write: an update of one dial must not reset the rest."""
    group = w.body("rg")
    w.put("rg", {"location": group["location"], "tags": {**group["tags"], "owner": "someone"}})
    w.up("active")
    assert w.body("rg")["tags"] == {"mode": "active", "owner": "someone"}
    w.up("standby")


def test_what_was_not_in_the_shown_plan_is_not_done(w: World) -> None:
    """docs/adr, the plan that was shown: reality moved between the question and the answer."""
    told: list[str] = []
    w.engine.preview("standby")
    w.put("rg", {**w.body("rg"), "tags": {"mode": "elsewhere"}})
    with pytest.raises(Stopped) as refusal:
        w.engine.apply("standby", on_event=lambda e: told.append(e.name))
    assert "rg" in refusal.value.summary
    assert told == []
    w.engine.preview("standby")
    done = w.engine.apply("standby", on_event=lambda e: told.append(e.name))
    assert [s.name for s in done.changes] == ["rg"]


def test_a_change_less_than_was_shown_is_somebody_elses_work(w: World) -> None:
    w.put("rg", {**w.body("rg"), "tags": {"mode": "elsewhere"}})
    assert [s.name for s in w.engine.preview("standby").changes] == ["rg"]
    w.put("rg", {**w.body("rg"), "tags": {"mode": "standby"}})
    done = w.engine.apply("standby", on_event=lambda event: None)
    assert done.changes == ()


def test_a_split_failover_leaves_the_records_for_the_second_part(w: World) -> None:
    """`--exclude '**-record'`: everything but the traffic, then the traffic alone."""
    first = w.up("active", exclude=RECORDS)
    assert not any(name.endswith("-record") for name in first)
    assert "192.0.2.10" in json.dumps(w.body("apex-record"))
    assert w.up("active") == ["apex-record", "api-record"]
    w.up("standby")


def test_a_dead_primary_changes_nothing_and_names_rollback(w: World, cloud: localcloud.LocalCloud) -> None:
    """The primary dead while traffic is on Azure: not even a tag is touched."""
    w.up("active")
    before = {n: w.body(n) for n in ("rg", "apex-record", "api-record")}
    cloud.control("PUT", "primary", {"state": "down"})
    with pytest.raises(Stopped) as refusal:
        w.up("standby")
    assert "dr rollback" in refusal.value.fix
    assert {n: w.body(n) for n in before} == before
    assert [e.name for e in w.told if e.kind is EventKind.FAILED] == ["ReturnGate"]
    cloud.control("PUT", "primary", {"state": "up"})
    w.up("standby")


def test_a_missing_resource_is_created_only_when_allowed(w: World) -> None:
    record = w.one("dr-name")
    w.arm.delete(record.id, CATALOGUE[record.type].api_version)
    with pytest.raises(Stopped, match="dr-name"):
        w.up("active")
    assert w.body("rg")["tags"]["mode"] == "standby", "refused before anything was changed"
    assert w.up("standby", BUILD) == ["dr-name"]


def test_what_points_at_a_recreated_address_follows_it(w: World) -> None:
    """A value that changes in the middle of the run is looked up anew."""
    address = w.one("gw-ip")
    before = w.body("gw-ip")["properties"]["ipAddress"]
    w.arm.delete(address.id, CATALOGUE[address.type].api_version)
    w.up("standby", BUILD)
    now = w.body("gw-ip")["properties"]["ipAddress"]
    assert w.body("dr-name")["properties"]["ARecords"] == [{"ipv4Address": now}]
    assert w.engine.preview("standby").changes == (), before


def test_an_unmanaged_resource_is_deleted_only_when_allowed(w: World) -> None:
    stranger = azure(
        "dns:RecordSet", "stray", [], zoneName="small.example", recordType="A", relativeRecordSetName="stray"
    )
    version = CATALOGUE[stranger.type].api_version
    w.arm.put(stranger.id, {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "192.0.2.99"}]}}, version)
    assert w.up("standby") == []
    assert w.up("standby", DIALS_ONLY | {Action.DELETE}) == ["stray"]
    with pytest.raises(ArmError) as gone:
        w.arm.get(stranger.id, version)
    assert gone.value.missing


def test_a_replacement_is_refused_whatever_is_allowed(w: World) -> None:
    container = w.one("container")
    resource = {"id": "chunks", "partitionKey": {"paths": ["/another"], "kind": "Hash"}}
    changed = replace(container, inputs={**container.inputs, "resource": resource})
    w.wanted["standby"] = [changed if d is container else d for d in w.wanted["standby"]]
    with pytest.raises(Stopped, match="container"):
        w.up("standby", frozenset(Action))
    assert w.body("container")["properties"]["resource"]["partitionKey"]["paths"] == ["/imageId"]


def test_a_resource_that_cannot_be_read_stops_the_plan_unless_it_is_excluded(
    w: World, cloud: localcloud.LocalCloud
) -> None:
    """403 and timeouts are unknown, never `same` and never missing."""
    cloud.control("POST", "faults", {"path": "/storageAccounts", "status": 403, "method": "GET"})
    try:
        with pytest.raises(Unobserved, match="store") as blind:
            w.engine.preview("active")
        assert "--exclude" in blind.value.fix
        plan = w.engine.preview("active", exclude=["store", "journal"])
        assert "apex-record" in [s.name for s in plan.changes]
    finally:
        cloud.control("DELETE", "faults")


def test_an_interrupted_up_is_simply_run_again(w: World, cloud: localcloud.LocalCloud) -> None:
    """The second run does what is left, and nothing twice."""
    cloud.control("POST", "faults", {"path": "/CNAME/api", "status": 409, "method": "PUT"})
    try:
        with pytest.raises(Failed, match="CNAME/api"):
            w.up("active")
    finally:
        cloud.control("DELETE", "faults")
    left = w.up("active")
    assert "api-record" in left
    assert "CosmosThroughput" not in left
    assert w.engine.preview("active").changes == ()
    w.up("standby")


def test_a_lost_lock_stops_before_the_next_change(w: World) -> None:
    def lost() -> None:
        raise Stopped("the lock was lost", "another run may have it", "dr status")

    w.engine.before_change = lost
    with pytest.raises(Stopped, match="lock was lost"):
        w.up("active")
    assert w.body("rg")["tags"]["mode"] == "standby"


def test_what_is_ignored_later_still_counts_when_it_is_created(w: World) -> None:
    """Pulumi's ignoreChanges speaks of changes: an autoscale container must be born as one, for ARM cannot make it one."""
    made = azure(
        "cosmosdb:SqlResourceSqlContainer", "scaled", [w.one("database")], accountName="cosmos-small",
        databaseName="images", containerName="scaled", resource={"id": "scaled", "partitionKey": {"paths": ["/id"]}},
        options={"autoscaleSettings": {"maxThroughput": 1000}},
    )  # fmt: skip
    made = replace(made, options={**made.options, "ignoreChanges": ["options"]})
    w.wanted["standby"] = [*w.wanted["standby"], made]
    assert w.up("standby", BUILD) == ["scaled"]
    version = CATALOGUE[made.type].api_version
    settings = w.arm.get(f"{made.id}/throughputSettings/default", version)["properties"]["resource"]
    assert settings["autoscaleSettings"]["maxThroughput"] == 1000
    assert w.engine.preview("standby").changes == ()
    w.arm.delete(made.id, version)


def test_a_secret_that_nobody_knows_is_never_written(w: World) -> None:
    new = azure(
        "dns:RecordSet", "secret", [], zoneName="small.example", recordType="TXT", relativeRecordSetName="s", ttl=60,
        txtRecords=[{"value": [REDACTED]}],
    )  # fmt: skip
    w.wanted["standby"] = [*w.wanted["standby"], new]
    with pytest.raises(Stopped, match="needs a secret"):
        w.up("standby", BUILD)


def test_each_change_is_told_with_its_beginning_and_its_end(w: World) -> None:
    changed = w.up("active")
    for name in changed:
        mine = [e for e in w.told if e.name == name]
        assert [e.kind for e in mine] == [EventKind.STARTED, EventKind.DONE]
        assert mine[1].text.endswith(" s")
    w.up("standby")
