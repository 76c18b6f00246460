"""Gates against real HTTP: they look, wait within their limit, log what they saw, and refuse with the figures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from clouds import gates
from clouds.gates.world import World, within
from recovery.errors import BadInput, Failed, Stopped
from tests.clouds.gates.conftest import Clock, Service

SUB = "/subscriptions/s/resourceGroups/rg/providers"
GATEWAY = f"{SUB}/Microsoft.Network/applicationGateways/gw"
PUBLIC_IP = f"{SUB}/Microsoft.Network/publicIPAddresses/gw-ip"
ZONE = f"{SUB}/Microsoft.Network/dnsZones/demay.com"
SCALE_SET = f"{SUB}/Microsoft.Compute/virtualMachineScaleSets/api"
CONTAINER = f"{SUB}/Microsoft.DocumentDB/databaseAccounts/a/sqlDatabases/d/containers/c"
SETTINGS = f"{CONTAINER}/throughputSettings/default"

HEALTH = {"want": "healthy", "gatewayId": GATEWAY, "apiPool": "api", "sitePool": "site", "instances": 2,
          "timeoutSeconds": 60}  # fmt: skip
RETURN = {"want": "clear", "zoneId": ZONE, "records": [{"name": "@", "type": "A"}, {"name": "api", "type": "CNAME"}],
          "primaryAddresses": ["192.0.2.10"], "primaryHosts": [{"host": "api.demay.com", "path": "/health"}],
          "gatewayPublicIpId": PUBLIC_IP, "consecutive": 3, "timeoutSeconds": 60}  # fmt: skip
DRAIN = {"want": "drained", "gatewayId": GATEWAY, "gatewayPublicIpId": PUBLIC_IP, "scaleSetId": SCALE_SET,
         "names": ["api.demay.com"], "quietSeconds": 60, "timeoutSeconds": 60}  # fmt: skip


def pools(*api: str) -> dict[str, Any]:
    def pool(name: str, states: tuple[str, ...]) -> dict[str, Any]:
        servers = [{"address": f"10.0.0.{i}", "health": s} for i, s in enumerate(states)]
        return {"backendAddressPool": {"id": f"{GATEWAY}/backendAddressPools/{name}"},
                "backendHttpSettingsCollection": [{"servers": servers}]}  # fmt: skip

    return {"backendAddressPools": [pool("api", api), pool("site", ("Healthy",))]}


def throughput(now: int, floor: str = "400", instant: str = "10000") -> dict[str, Any]:
    resource = {"throughput": now, "minimumThroughput": floor, "instantMaximumThroughput": instant}
    return {"id": SETTINGS, "name": "default", "properties": {"resource": resource}}


def put_records(service: Service, apex: str, api: str) -> None:
    service.on("GET", f"{ZONE}/A/@", 200, {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": apex}]}})
    service.on("GET", f"{ZONE}/CNAME/api", 200, {"properties": {"TTL": 60, "CNAMERecord": {"cname": api}}})
    fqdn = {"fqdn": "gw.azure.example"}
    service.on(
        "GET",
        PUBLIC_IP,
        200,
        {"id": PUBLIC_IP, "properties": {"ipAddress": "203.0.113.10", "dnsSettings": fqdn}},
    )


# HealthGate


def test_health_gate_waits_until_the_servers_are_healthy(
    service: Service, world: World, clock: Clock, events: Callable[[], list[str]]
) -> None:
    """ACT-3: its own log shows that it waited."""
    service.on("POST", f"{GATEWAY}/backendhealth", 200, pools())
    clock.later.append(
        (12, lambda: service.on("POST", f"{GATEWAY}/backendhealth", 200, pools("Healthy", "Healthy")))
    )
    seen = gates.apply("HealthGate", HEALTH, world)
    assert seen["observed"] == "healthy"
    assert clock.time >= 12
    assert events().count("waiting") >= 2
    assert events()[-1] == "passed"


def test_health_gate_refuses_with_the_figures_of_each_server(
    service: Service, world: World, events: Callable[[], list[str]]
) -> None:
    """ACT-3: health lost between the two parts of a failover must stop the second part."""
    service.on("POST", f"{GATEWAY}/backendhealth", 200, pools("Healthy", "Unhealthy"))
    with pytest.raises(Stopped, match=r"1 healthy of 2 \(10.0.0.0 Healthy, 10.0.0.1 Unhealthy\)") as refusal:
        gates.apply("HealthGate", HEALTH, world)
    assert "records were not moved" in refusal.value.detail
    assert events()[-1] == "refused"


def test_a_refused_health_question_is_unknown_and_never_healthy(service: Service, world: World) -> None:
    service.on(
        "POST", f"{GATEWAY}/backendhealth", 403, {"error": {"code": "AuthorizationFailed", "message": "no"}}
    )
    seen = gates.read("HealthGate", HEALTH, world)
    assert seen["observed"] == "unknown"
    assert "AuthorizationFailed" in seen["detail"]
    assert gates.differs("HealthGate", seen, HEALTH)


@pytest.mark.parametrize("kind", ["HealthGate", "ReturnGate", "DrainGate"])
def test_a_gate_that_wants_nothing_never_differs_and_never_waits(
    service: Service, world: World, clock: Clock, kind: str
) -> None:
    props = {"want": "any"}
    assert not gates.differs(kind, {"observed": "unhealthy"}, props)
    gates.apply(kind, props, world)
    assert clock.time == 0


def test_read_says_unknown_for_a_kind_that_does_not_exist_and_apply_refuses_it(world: World) -> None:
    assert gates.read("NoSuchGate", {}, world)["observed"] == "unknown"
    with pytest.raises(BadInput, match="NoSuchGate"):
        gates.apply("NoSuchGate", {}, world)


def test_what_answers_late_is_looked_at_again_with_more_patience(service: Service, world: World) -> None:
    """Seen under load: a throttled or late answer made `preview --expect-no-changes` report a change."""
    answers = iter([503, 503, 200])  # the client's own attempts of the first look, and the second look

    def answer(_body: bytes) -> tuple[int, Any]:
        status = next(answers, 200)
        return status, pools("Healthy", "Healthy") if status == 200 else {"error": {"code": "Busy"}}

    service.answers["POST", f"{GATEWAY}/backendhealth".lower()] = answer
    assert gates.read("HealthGate", HEALTH, world)["observed"] == "healthy"


def test_what_never_answers_stays_unknown_with_its_reason(service: Service, world: World) -> None:
    """Patience is bounded, and its end is no success."""
    service.on("POST", f"{GATEWAY}/backendhealth", 503, {"error": {"code": "Busy", "message": "x"}})
    seen = gates.read("HealthGate", HEALTH, world)
    assert seen["observed"] == "unknown"
    assert "Busy" in seen["detail"]
    asked = len(service.calls("POST", "backendhealth"))
    assert asked == 2 * len(gates.STRETCHES), "the client's two attempts in each look, and no more"
    assert gates.differs("HealthGate", seen, HEALTH)


def test_a_look_that_hangs_ends_with_its_limit() -> None:
    """A probe must not hold up a preview (architecture: short timeout, never raises)."""
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        within(0.05, lambda: time.sleep(2))


# CosmosThroughput

THROUGHPUT = {"containerId": CONTAINER, "throughput": 4000, "throughputKind": "manual"}


def accept(service: Service) -> None:
    def put(body: bytes) -> tuple[int, Any]:
        service.on("GET", SETTINGS, 200, throughput(json.loads(body)["properties"]["resource"]["throughput"]))
        return 200, {"properties": {}}

    service.answers["PUT", SETTINGS.lower()] = put


def test_throughput_is_set_and_read_back(service: Service, world: World) -> None:
    """ACT-3: 400 -> 4000 RU/s."""
    service.on("GET", SETTINGS, 200, throughput(400))
    accept(service)
    old = gates.read("CosmosThroughput", THROUGHPUT, world)
    assert old["observed"] == 400
    assert gates.differs("CosmosThroughput", old, THROUGHPUT)
    new = gates.apply("CosmosThroughput", THROUGHPUT, world)
    assert new["observed"] == 4000
    assert not gates.differs("CosmosThroughput", new, THROUGHPUT)


def test_throughput_already_there_is_not_written_again(service: Service, world: World) -> None:
    """At most 5 throughput changes a minute are allowed, so an interrupted run repeats none."""
    service.on("GET", SETTINGS, 200, throughput(4000))
    gates.apply("CosmosThroughput", THROUGHPUT, world)
    assert service.calls("PUT") == []


@pytest.mark.parametrize(
    ("want", "limits", "words"),
    [(400, {"floor": "1000"}, "floor of 1000"), (20_000, {}, "instant maximum of 10000")],
)
def test_throughput_outside_the_limits_is_refused_before_anything_is_written(
    service: Service, world: World, want: int, limits: dict[str, str], words: str
) -> None:
    """BACK-5, ACT-3."""
    service.on("GET", SETTINGS, 200, throughput(4000, **limits))
    with pytest.raises(Stopped, match=words):
        gates.apply("CosmosThroughput", {**THROUGHPUT, "throughput": want}, world)
    assert service.calls("PUT") == []


def test_throughput_that_never_arrives_is_not_called_done(service: Service, world: World) -> None:
    service.on("GET", SETTINGS, 200, throughput(400))
    service.on("PUT", SETTINGS, 200, {"properties": {}})
    with pytest.raises(Stopped, match="the container says 400"):
        gates.apply("CosmosThroughput", THROUGHPUT, world)


def test_a_refused_throughput_change_is_a_failure_with_the_services_words(
    service: Service, world: World
) -> None:
    service.on("GET", SETTINGS, 200, throughput(400))
    service.on("PUT", SETTINGS, 403, {"error": {"code": "AuthorizationFailed", "message": "not yours"}})
    with pytest.raises(Failed, match="not yours"):
        gates.apply("CosmosThroughput", THROUGHPUT, world)


@pytest.mark.parametrize("observed", ["unknown", None, "", 400])
def test_a_throughput_that_is_unknown_or_other_differs(observed: object) -> None:
    assert gates.differs("CosmosThroughput", {"observed": observed}, THROUGHPUT)
    assert gates.differs("CosmosThroughput", {}, THROUGHPUT), "an old checkpoint without the property"


# ReturnGate


def test_return_gate_passes_at_once_when_traffic_is_not_on_azure(
    service: Service, world: World, clock: Clock
) -> None:
    """BACK-3: nothing is probed, and no credentials of the primary's cloud are needed."""
    put_records(service, "192.0.2.10", "api.primary.example")
    assert gates.read("ReturnGate", RETURN, world)["observed"] == "clear"
    gates.apply("ReturnGate", RETURN, world)
    assert service.calls("GET", "/health") == []
    assert clock.time == 0


def test_return_gate_wants_the_primary_to_answer_so_many_times_running(
    service: Service, world: World, clock: Clock, events: Callable[[], list[str]]
) -> None:
    """BACK-3: one good answer among bad ones is none."""
    put_records(service, "203.0.113.10", "gw.azure.example")
    replies = iter([200, 200, 503, 200, 200, 200, 500])
    service.answers["GET", "/health"] = lambda _: (next(replies), {})
    assert gates.differs("ReturnGate", gates.read("ReturnGate", RETURN, world), RETURN)
    gates.apply("ReturnGate", RETURN, world)
    assert len(service.calls("GET", "/health")) == 6
    assert events().count("waiting") == 5


def test_return_gate_refuses_and_names_rollback_when_the_primary_is_dead(
    service: Service, world: World
) -> None:
    """The primary dead while traffic is on Azure: nothing changes."""
    put_records(service, "203.0.113.10", "gw.azure.example")
    service.on("GET", "/health", 503)
    with pytest.raises(Stopped, match="503") as refusal:
        gates.apply("ReturnGate", RETURN, world)
    assert "dr rollback" in refusal.value.fix
    assert service.calls("PUT") == []


def test_return_gate_refuses_when_it_cannot_see_the_records(service: Service, world: World) -> None:
    put_records(service, "192.0.2.10", "api.primary.example")
    service.on("GET", f"{ZONE}/CNAME/api", 403, {"error": {"code": "AuthorizationFailed", "message": "no"}})
    with pytest.raises(Stopped, match="cannot be seen"):
        gates.apply("ReturnGate", RETURN, world)


def test_return_gate_without_an_address_of_the_primary_refuses(service: Service, world: World) -> None:
    put_records(service, "203.0.113.10", "gw.azure.example")
    with pytest.raises(Stopped, match="no address"):
        gates.apply("ReturnGate", {**RETURN, "primaryAddresses": []}, world)


# DrainGate


def test_drain_gate_passes_at_once_when_nothing_serves(service: Service, world: World, clock: Clock) -> None:
    service.on("GET", SCALE_SET, 200, {"sku": {"capacity": 0}})
    assert gates.apply("DrainGate", {**DRAIN, "names": []}, world)["observed"] == "drained"
    assert clock.time == 0


def test_drain_gate_counts_the_gateways_own_requests(service: Service, world: World) -> None:
    """BACK-4."""
    put_records(service, "192.0.2.10", "api.primary.example")
    service.on("GET", SCALE_SET, 200, {"sku": {"capacity": 2}})
    series = [
        {"data": [{"timeStamp": "t", "total": 2.0}, {"timeStamp": "u"}, {"timeStamp": "v", "total": 3.0}]}
    ]
    metric = {"value": [{"name": {"value": "TotalRequests"}, "timeseries": series, "errorCode": "Success"}]}
    service.on("GET", f"{GATEWAY}/providers/Microsoft.Insights/metrics", 200, metric)
    with pytest.raises(Stopped, match=r"counted 5 request"):
        gates.apply("DrainGate", {**DRAIN, "names": []}, world)


@pytest.mark.parametrize("status", [403, 500])
def test_drain_gate_does_not_take_an_unreadable_count_for_silence(
    service: Service, world: World, status: int
) -> None:
    """BACK-5: unknown is not drained."""
    put_records(service, "192.0.2.10", "api.primary.example")
    service.on("GET", SCALE_SET, 200, {"sku": {"capacity": 2}})
    service.on(
        "GET",
        f"{GATEWAY}/providers/Microsoft.Insights/metrics",
        status,
        {"error": {"code": "X", "message": "m"}},
    )
    seen = gates.read("DrainGate", {**DRAIN, "names": []}, world)
    assert seen["observed"] == "unknown"
    assert "request count is unknown" in seen["detail"]
