"""Verdicts, severities, the baseline, and the two files that `dr drift` compares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recovery.arm.placeholders import placeholder
from recovery.drift import baseline, text
from recovery.drift.files import parse_desired, parse_live
from recovery.drift.report import Live, check
from recovery.drift.unmanaged import strangers
from recovery.errors import BadInput, Unobserved
from recovery.exit_codes import ExitCode
from recovery.model import Desired, Json, Severity, Verdict

RG = "/subscriptions/S/resourceGroups/rg-demay-dr"
VMSS = f"{RG}/providers/Microsoft.Compute/virtualMachineScaleSets/api"
PIP = f"{RG}/providers/Microsoft.Network/publicIPAddresses/gateway"
ZONE = f"{RG}/providers/Microsoft.Network/dnsZones/demay.com"
APEX = f"{ZONE}/A/@"
CONTAINER = f"{RG}/providers/Microsoft.DocumentDB/databaseAccounts/c/sqlDatabases/d/containers/i"


def scale_set(capacity: int = 0, **options: Json) -> Desired:
    inputs = {
        "resourceGroupName": "rg-demay-dr",
        "vmScaleSetName": "api",
        "sku": {"name": "B2s", "capacity": capacity},
    }
    token = "azure-native:compute:VirtualMachineScaleSet"
    return Desired(
        token, "Microsoft.Compute/virtualMachineScaleSets", VMSS, inputs, options, "components/api.py:7"
    )


def apex() -> Desired:
    inputs = {
        "resourceGroupName": "rg-demay-dr", "zoneName": "demay.com", "recordType": "A", "relativeRecordSetName": "@",
        "ttl": 60, "aRecords": [{"ipv4Address": placeholder(PIP, "properties.ipAddress")}],
    }  # fmt: skip
    return Desired("azure-native:dns:RecordSet", "Microsoft.Network/dnsZones/A", APEX, inputs)


def throughput(value: int = 400, kind: str = "manual") -> Desired:
    inputs = {"containerId": CONTAINER, "throughput": value, "throughputKind": kind}
    return Desired("pulumi-python:gates:CosmosThroughput", "", "gate:throughput", inputs)


def vmss_body(capacity: int = 0) -> dict[str, Json]:
    return {"id": VMSS.upper(), "sku": {"name": "B2s", "capacity": capacity}, "properties": {}}


def test_every_declared_resource_gets_one_verdict() -> None:
    report = check([scale_set()], Live({VMSS: vmss_body()}))
    assert (report.counts["="], report.complete, report.exit_code) == (1, True, ExitCode.CLEAN)
    [found] = check([scale_set()], Live({VMSS: vmss_body(1)})).findings
    assert (found.verdict, found.path, found.want, found.have) == (Verdict.CHANGED, "sku.capacity", 0, 1)
    assert (found.source, found.fix) == ("components/api.py:7", "dr up -s standby")
    [missing] = check([scale_set()], Live()).findings
    assert (missing.verdict, missing.severity) == (Verdict.MISSING, Severity.CRITICAL)


def test_a_denied_read_is_reported_unknown_not_missing() -> None:
    report = check([scale_set()], Live(unknown={VMSS: "denied (403) AuthorizationFailed: no"}))
    [found] = report.findings
    assert (found.verdict, report.complete, report.exit_code) == (Verdict.UNKNOWN, False, ExitCode.UNOBSERVED)
    assert "role assignment" in found.fix


def test_a_group_that_could_not_be_listed_keeps_the_report_from_being_complete() -> None:
    report = check([scale_set()], Live({VMSS: vmss_body()}, {f"{RG}/resources": "throttled (429)"}))
    assert (report.complete, report.exit_code) == (False, ExitCode.UNOBSERVED)


def test_less_capacity_than_wanted_breaks_the_activation_and_more_only_costs() -> None:
    [less] = check([scale_set(2)], Live({VMSS: vmss_body(1)})).findings
    [more] = check([scale_set(0)], Live({VMSS: vmss_body(1)})).findings
    assert (less.severity, more.severity) == (Severity.CRITICAL, Severity.MEDIUM)


def test_an_ignored_property_is_not_compared() -> None:
    assert check([scale_set(0, ignoreChanges=["sku.capacity"])], Live({VMSS: vmss_body(5)})).findings == ()


@pytest.mark.parametrize("path", ["a.b", "a", "list[0].c", "list[*].c", 'tags["x y"]', "TAGS"])
def test_ignore_changes_paths_are_read_as_pulumi_writes_them(path: str) -> None:
    inputs: dict[str, Any] = {"a": {"b": 1}, "list": [{"c": 1}], "tags": {"x y": "1"}}
    live = {"id": VMSS, "properties": {"a": {"b": 1}, "list": [{"c": 1}]}, "tags": {"x y": "1"}}
    place = path.lower().partition(".")[0].partition("[")[0]
    if place == "tags":
        live["tags"] = {}
    elif place == "list":
        live["properties"]["list"] = [{}]  # type: ignore[index]  # a dict, two lines above
    else:
        live["properties"]["a"] = {}  # type: ignore[index]
    wanted = Desired("", "Microsoft.X/y", VMSS, inputs)
    assert len(check([wanted], Live({VMSS: live})).findings) == 1
    assert check([replace(wanted, options={"ignoreChanges": [path]})], Live({VMSS: live})).findings == ()


def test_a_record_follows_the_address_that_the_cloud_gave() -> None:
    body = {"id": APEX, "properties": {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.10"}]}}
    pip = {"id": PIP, "properties": {"ipAddress": "203.0.113.10"}}
    assert check([apex()], Live({APEX: body, PIP: pip})).findings == ()
    [moved] = check(
        [apex()], Live({APEX: body, PIP: {"id": PIP, "properties": {"ipAddress": "203.0.113.11"}}})
    ).findings
    assert (moved.path, moved.want, moved.severity) == (
        "properties.ARecords[0].ipv4Address",
        "203.0.113.11",
        Severity.CRITICAL,
    )


def test_a_record_whose_address_could_not_be_read_is_unknown() -> None:
    body = {"id": APEX, "properties": {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.10"}]}}
    findings = check([apex()], Live({APEX: body}, {PIP: "denied (403)"})).findings
    assert [(f.verdict, f.id) for f in findings if f.id == APEX] == [(Verdict.UNKNOWN, APEX)]


def test_throughput_is_compared_with_the_settings_child_and_its_kind_too() -> None:
    child = f"{CONTAINER}/throughputSettings/default"
    now = {"id": child, "properties": {"resource": {"throughput": 4000}}}
    [found] = check([throughput()], Live({child: now})).findings
    assert (found.path, found.want, found.have) == ("properties.resource.throughput", 400, 4000)
    auto = {
        "id": child,
        "properties": {"resource": {"throughput": 400, "autoscaleSettings": {"maxThroughput": 4000}}},
    }
    [kind] = check([throughput()], Live({child: auto})).findings
    assert kind.path == "properties.resource.throughputKind"
    assert check([throughput(4000, "autoscale")], Live({child: auto})).findings == ()


def test_path_keys_are_no_properties_even_where_the_body_has_one_of_that_name() -> None:
    id = f"{RG}/providers/Microsoft.Web/sites/conv/config/appsettings"
    body = {"id": id, "name": "appsettings", "properties": {"A": "1"}}
    inputs = {"name": "conv", "resourceGroupName": "rg-demay-dr", "properties": {"A": "1"}}
    for token in ("azure-native:web:WebAppApplicationSettings", ""):
        wanted = Desired(token, "Microsoft.Web/sites/config", id, inputs)
        assert check([wanted], Live({id: body})).findings == ()


def test_path_keys_of_an_unheard_of_type_are_those_that_stand_in_the_id() -> None:
    id = f"{RG}/providers/Microsoft.Unheard/farms/f1/cows/daisy"
    inputs = {
        "resourceGroupName": "rg-demay-dr",
        "farmName": "f1",
        "cowName": "daisy",
        "spots": 3,
        "colour": "black",
    }
    wanted = Desired("", "Microsoft.Unheard/farms/cows", id, inputs)
    assert (
        check([wanted], Live({id: {"id": id, "properties": {"spots": 3, "colour": "Black"}}})).findings == ()
    )
    [found] = check([wanted], Live({id: {"id": id, "properties": {"spots": 3}}})).findings
    assert (found.path, found.want) == ("colour", "black")


def test_how_a_resource_was_made_is_no_property_of_what_it_is() -> None:
    account = Desired(
        "", "Microsoft.DocumentDB/databaseAccounts", "/a", {"properties": {"createMode": "Default"}}
    )
    assert check([account], Live({"/a": {"id": "/a", "properties": {}}})).findings == ()
    restored = replace(account, inputs={"properties": {"createMode": "Restore"}})
    assert len(check([restored], Live({"/a": {"id": "/a", "properties": {}}})).findings) == 1


def test_a_gate_observes_and_so_cannot_drift() -> None:
    gate = Desired("pulumi-python:gates:HealthGate", "", "gate:health", {"want": "healthy"})
    report = check([gate], Live())
    assert (report.findings, report.skipped) == ((), 1)


def test_the_package_is_compared_by_its_hash_and_unknown_where_it_could_not_be_seen() -> None:
    package = Desired("pulumi-python:gates:ConverterPackage", "", "gate:package", {"packageHash": "abc"})
    assert check([package], Live({"gate:package": {"observed": "abc"}})).findings == ()
    [other] = check([package], Live({"gate:package": {"observed": "def"}})).findings
    [unseen] = check(
        [package], Live({"gate:package": {"observed": "unknown", "detail": "no answer"}})
    ).findings
    assert (other.verdict, unseen.verdict, unseen.reason) == (Verdict.CHANGED, Verdict.UNKNOWN, "no answer")


def test_a_baseline_accepts_what_was_there_and_nothing_else() -> None:
    wanted = scale_set()
    first = check([wanted], Live({VMSS: vmss_body(1)}))
    accepted = baseline.parse(baseline.record(first.findings, "dr up").to_json())
    again = check([wanted], Live({VMSS: vmss_body(1)}), accepted)
    assert (again.findings, again.accepted, again.exit_code) == ((), 1, ExitCode.CLEAN)
    assert len(check([wanted], Live({VMSS: vmss_body(2)}), accepted).findings) == 1
    assert len(check([scale_set(3)], Live({VMSS: vmss_body(1)}), accepted).findings) == 1


def test_a_baseline_is_not_written_over_what_is_missing_or_unseen() -> None:
    with pytest.raises(BadInput, match="missing"):
        baseline.record(check([scale_set()], Live()).findings, "dr up")
    with pytest.raises(Unobserved, match="could not be observed"):
        baseline.record(check([scale_set()], Live(unknown={VMSS: "no answer"})).findings, "dr up")


def test_what_comes_with_a_managed_parent_is_nobodys_fault_and_the_rest_is_reported() -> None:
    ids = [
        f"{ZONE}/NS/@",
        f"{ZONE}/SOA/@",
        f"{ZONE}/TXT/@",
        f"{RG}/providers/Microsoft.Storage/storageAccounts/other",
    ]
    found = strangers(
        [{"id": id} for id in [*ids, f"{ids[3]}/blobServices/default", ZONE.upper()]], [ZONE, APEX]
    )
    assert [body["id"] for body in found] == ids[2:]


def test_a_file_needs_only_arm_type_id_and_inputs() -> None:
    wanted = parse_desired([{"armType": "Microsoft.X/y", "id": "/x/y", "inputs": {"a": 1}}], "d.json")
    assert (
        check(wanted, parse_live([{"id": "/X/Y", "properties": {"a": 1}}], wanted, "l.json")).counts["="] == 1
    )


def test_an_error_body_in_a_file_is_a_read_that_failed() -> None:
    wanted = parse_desired([{"id": "/x/y", "inputs": {"a": 1}}], "d.json")
    live = parse_live(
        [{"id": "/x/y", "error": {"code": "AuthorizationFailed", "message": "no"}}], wanted, "l.json"
    )
    assert check(wanted, live).counts["?"] == 1


@pytest.mark.parametrize(
    "raw", [1, ["x"], [{"id": "/x"}], [{"inputs": {}}], [{"id": "/x", "inputs": []}]], ids=repr
)
def test_a_file_that_is_no_desired_state_is_refused_by_item(raw: Json) -> None:
    with pytest.raises(BadInput, match=r"d\.json"):
        parse_desired(raw, "d.json")


def test_the_last_line_is_a_sentence_that_can_stand_alone() -> None:
    lines = list(text.lines(check([scale_set(), apex()], Live({VMSS: vmss_body(1)}))))
    assert lines[-1] == "Drift: 1 changed property, 1 missing resource; the worst is critical."
    assert any("sku.capacity" in line for line in lines)
    assert any("fix: dr up -s standby" in line for line in lines)
    clean = list(text.lines(check([scale_set()], Live({VMSS: vmss_body()}))))
    assert clean == ["Clean: 1 resource is as declared, none is missing, none was added."]
    unseen = list(text.lines(check([scale_set()], Live(unknown={VMSS: "no answer"}))))
    assert unseen[-1].startswith("Unknown: 1 could not be observed")


def test_a_file_nested_deeper_than_any_body_is_refused_before_it_is_walked() -> None:
    deep: Json = "x"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(BadInput, match="nested deeper"):
        parse_desired([{"id": "/x/y", "inputs": {"a": deep}}], "d.json")


def test_the_throughput_child_is_compared_nested_flat_and_in_any_case() -> None:
    id = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.DocumentDB/databaseAccounts/a/sqlDatabases/d/throughputSettings/default"
    arm_type = "Microsoft.DocumentDb/databaseAccounts/sqlDatabases/throughputSettings"
    live = {"id": id, "properties": {"resource": {"throughput": 400}}}
    for inputs in ({"resource": {"throughput": 500}}, {"properties": {"resource": {"throughput": 500}}}):
        wanted = parse_desired([{"armType": arm_type, "id": id, "inputs": inputs}], "d.json")
        [found] = check(wanted, parse_live([live], wanted, "l.json")).findings
        assert (found.path, found.want, found.have) == ("properties.resource.throughput", 500, 400)
