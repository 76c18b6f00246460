"""Live reads: few requests, the extra reads, and never a wrong verdict."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clouds.azure.live import Live, read_live
from recovery.drift.report import check
from recovery.model import Desired
from tests.clouds.azure.http_script import Answer, Cloud, cloud, error

RG = "/subscriptions/s/resourceGroups/rg"
ZONE = f"{RG}/providers/Microsoft.Network/dnsZones/demay.com"
SITE = f"{RG}/providers/Microsoft.Web/sites/conv"
CONTAINER = f"{RG}/providers/Microsoft.DocumentDB/databaseAccounts/c/sqlDatabases/d/containers/i"


def record(name: str, ip: str = "192.0.2.1") -> Desired:
    inputs = {
        "zoneName": "demay.com",
        "recordType": "A",
        "relativeRecordSetName": name,
        "ttl": 60,
        "aRecords": [{"ipv4Address": ip}],
    }
    return Desired("azure-native:dns:RecordSet", "Microsoft.Network/dnsZones/A", f"{ZONE}/A/{name}", inputs)


def record_body(name: str, ip: str = "192.0.2.1") -> dict[str, object]:
    return {"id": f"{ZONE}/A/{name}", "properties": {"TTL": 60, "ARecords": [{"ipv4Address": ip}]}}


@pytest.fixture
def az() -> Iterator[Cloud]:
    with cloud() as served:
        served.on(f"GET {RG}/resources", Answer(body={"value": []}))
        yield served


def read(az: Cloud, *wanted: Desired) -> Live:
    arm = az.arm()
    try:
        return read_live(arm, wanted)
    finally:
        arm.close()


def test_records_of_one_zone_cost_one_list(az: Cloud) -> None:
    az.on(
        f"GET {ZONE}/A", Answer(body={"value": [record_body("a"), record_body("b"), record_body("stranger")]})
    )
    wanted = [record("a"), record("b")]
    live = read(az, *wanted)
    report = check(wanted, live)
    assert [(str(f.verdict), f.id) for f in report.findings] == [("unmanaged", f"{ZONE}/A/stranger")]
    assert sorted(az.seen) == [f"GET {ZONE}/A", f"GET {RG}/resources"]


def test_what_a_list_lacks_is_missing_only_when_a_get_says_so(az: Cloud) -> None:
    az.on(f"GET {ZONE}/A", Answer(body={"value": []}))
    az.on(f"GET {ZONE}/A/a", Answer(body=record_body("a")))
    report = check([record("a"), record("b")], read(az, record("a"), record("b")))
    assert report.counts == {"=": 1, "~": 0, "missing": 1, "unmanaged": 0, "?": 0}


@pytest.mark.parametrize(
    "answer",
    [
        error(403, "AuthorizationFailed"), error(429, "TooManyRequests"), error(500, "Internal"), Answer(hang_up=True),
        Answer(200, "<html>"), Answer(200, {"no": "value"}), Answer(404, "<html>proxy</html>"),
    ],
    ids=str,
)  # fmt: skip
def test_a_read_that_fails_is_unknown_and_never_missing(az: Cloud, answer: Answer) -> None:
    az.on(f"GET {ZONE}/A", answer)
    az.on(f"GET {RG}", answer)
    group = Desired(
        "azure-native:resources:ResourceGroup", "Microsoft.Resources/resourceGroups", RG, {"location": "x"}
    )
    report = check([record("a"), group], read(az, record("a"), group))
    unseen = {f.id for f in report.findings if str(f.verdict) == "?"}
    assert f"{ZONE}/A/a" in unseen
    assert report.counts["missing"] == 0
    assert not report.complete


def test_a_group_that_is_gone_makes_its_resources_missing(az: Cloud) -> None:
    az.on(f"GET {ZONE}/A", error(404, "ResourceGroupNotFound"))
    az.on(f"GET {RG}/resources", error(404, "ResourceGroupNotFound"))
    report = check([record("a")], read(az, record("a")))
    assert report.counts["missing"] == 1
    assert report.complete


def test_a_denied_list_of_the_group_is_said_and_not_taken_for_an_empty_one(az: Cloud) -> None:
    az.on(f"GET {ZONE}/A", Answer(body={"value": [record_body("a")]}))
    az.on(f"GET {RG}/resources", error(403, "AuthorizationFailed"))
    report = check([record("a")], read(az, record("a")))
    assert (report.counts["?"], report.complete) == (1, False)


def test_site_config_and_settings_are_read_where_they_are(az: Cloud) -> None:
    inputs = {
        "name": "conv",
        "siteConfig": {"minTlsVersion": "1.2", "appSettings": [{"name": "A", "value": "1"}]},
    }
    site = Desired("azure-native:web:WebApp", "Microsoft.Web/sites", SITE, inputs)
    settings = Desired(
        "azure-native:web:WebAppApplicationSettings", "Microsoft.Web/sites/config", f"{SITE}/config/appsettings",
        {"name": "conv", "properties": {"A": "1"}},
    )  # fmt: skip
    az.on(f"GET {SITE}", Answer(body={"id": SITE, "properties": {"siteConfig": None}}))
    az.on(f"GET {SITE}/config/web", Answer(body={"properties": {"minTlsVersion": "1.2"}}))
    az.on(
        f"POST {SITE}/config/appsettings/list",
        Answer(body={"id": f"{SITE}/config/appsettings", "properties": {"A": "2"}}),
    )
    findings = check([site, settings], read(az, site, settings)).findings
    assert sorted(f.path for f in findings) == ["properties.A", "properties.siteConfig.appSettings[A].value"]


def test_throughput_is_read_from_its_own_child(az: Cloud) -> None:
    inputs = {"containerId": CONTAINER, "throughput": 400, "throughputKind": "manual"}
    wanted = Desired("pulumi-python:gates:CosmosThroughput", "", "gate:throughput", inputs)
    child = f"{CONTAINER}/throughputSettings/default"
    az.on(f"GET {child}", Answer(body={"id": child, "properties": {"resource": {"throughput": 4000}}}))
    [found] = check([wanted], read(az, wanted)).findings
    assert (found.path, found.have) == ("properties.resource.throughput", 4000)
    az.on(f"GET {child}", error(403, "AuthorizationFailed"))
    assert check([wanted], read(az, wanted)).counts["?"] == 1


def test_a_type_without_a_known_version_is_unknown(az: Cloud) -> None:
    wanted = Desired(
        "azure-native:x:Y", "Microsoft.Unheard/of", f"{RG}/providers/Microsoft.Unheard/of/it", {}
    )
    assert check([wanted], read(az, wanted)).counts["?"] == 1


GRAPH = "POST /providers/Microsoft.ResourceGraph/resources"
NSG = f"{RG}/providers/Microsoft.Network/networkSecurityGroups/stray"
ELSEWHERE = "/subscriptions/s/resourceGroups/other/providers/Microsoft.Storage/storageAccounts/ours"


def rows(*ids: str, token: str | None = None) -> Answer:
    data = [{"id": id, "type": "/".join(id.split("/")[6:8]).lower()} for id in ids]
    body: dict[str, object] = {"data": data, "count": len(data), "resultTruncated": "false"}
    return Answer(body={**body, "$skipToken": token} if token else body)


def discover(az: Cloud) -> Live:
    arm = az.arm()
    try:
        return read_live(arm, [record("a")], discover=True)
    finally:
        arm.close()


def test_what_resource_graph_names_is_unmanaged_only_when_resource_manager_knows_it(az: Cloud) -> None:
    az.on(f"GET {ZONE}/A", Answer(body={"value": [record_body("a")]}))
    az.on(GRAPH, rows(f"{ZONE}/CNAME/stray", NSG, f"{ZONE}/A/a", token="1"), rows(ELSEWHERE))
    az.on(f"GET {ZONE}/CNAME/stray", Answer(body={"id": f"{ZONE}/CNAME/stray", "properties": {}}))
    az.on(f"GET {ELSEWHERE}", Answer(body={"id": ELSEWHERE, "properties": {}}))
    found = [
        f
        for f in check([record("a")], discover(az)).findings
        if "/dnsZones/demay.com/" in f.id or f.id != ZONE
    ]
    assert sorted(f.id for f in found if str(f.verdict) == "unmanaged") == sorted(
        [f"{ZONE}/CNAME/stray", ELSEWHERE]
    )
    assert [f.id for f in found if str(f.verdict) == "?"] == []


@pytest.mark.parametrize(
    "answer",
    [error(403, "AuthorizationFailed"), error(429, "RateLimiting"), Answer(200, {"no": "data"}),
     Answer(body={"data": [], "resultTruncated": "true"})],
    ids=str,
)  # fmt: skip
def test_without_resource_graph_nothing_is_called_complete(az: Cloud, answer: Answer) -> None:
    az.on(f"GET {ZONE}/A", Answer(body={"value": [record_body("a")]}))
    az.on(GRAPH, answer)
    report = check([record("a")], discover(az))
    assert not report.complete and report.counts["~"] == report.counts["missing"] == 0
