"""Capacity, gateway, DNS and primary have real effects (step 5; design, local cloud)."""

from __future__ import annotations

import contextlib

import httpx
import pytest

from clouds.dns_resolvers import ask
from tests.localcloud.azure import Azure, Body, until

GATEWAY = "Microsoft.Network/applicationGateways/agw"
SCALE_SET = "Microsoft.Compute/virtualMachineScaleSets/vmss"


def build(azure: Azure, capacity: int = 0, site: str = "127.0.0.1:9") -> tuple[str, str]:
    """Network, address, gateway, scale set; (network id, public address)."""
    vnet, address = azure.network(), azure.public_address()
    azure.put(GATEWAY, azure.gateway_body(vnet, address["id"], site))
    azure.put(SCALE_SET, azure.scale_set_body(vnet, capacity))
    return vnet, str(address["properties"]["ipAddress"])


def get(azure: Azure, address: str, host: str, path: str = "/") -> httpx.Response:
    """A request of the public to a public address."""
    where, port = azure.endpoints.dial(address, 80)
    return azure.http.get(f"http://{where}:{port}{path}", headers={"Host": host, "Authorization": ""})


def health(azure: Azure) -> dict[str, list[str]]:
    """Pool name -> health of its servers, through `backendhealth`."""
    answer = azure.send("POST", f"{GATEWAY}/backendhealth")
    assert answer.status_code == 202
    report: Body = azure.wait(answer) and azure.http.get(answer.headers["Location"]).json()
    return {
        pool["backendAddressPool"]["id"].rsplit("/", 1)[-1]: [
            s["health"] for s in pool["backendHttpSettingsCollection"][0]["servers"]
        ]
        for pool in report["backendAddressPools"]
    }


def test_capacity_starts_real_processes_that_the_gateway_finds_and_ends_them(azure: Azure) -> None:
    """ACT-3, BACK-5: 0 -> 2 -> 0, seen through backendhealth, requests and the instance list."""
    vnet, address = build(azure)
    assert get(azure, address, "api.demay.test").status_code == 502
    assert health(azure)["api"] == []

    azure.put(SCALE_SET, azure.scale_set_body(vnet, 2))
    machines = azure.list(f"{SCALE_SET}/virtualMachines")
    assert [m["properties"]["provisioningState"] for m in machines] == ["Succeeded", "Succeeded"]
    assert f"/resourceGroups/{azure.group_name.upper()}/" in machines[0]["id"]
    view = azure.send("GET", f"{SCALE_SET}/virtualMachines/{machines[0]['instanceId']}/instanceView").json()
    assert "PowerState/running" in [s["code"] for s in view["statuses"]]
    until(lambda: health(azure)["api"] == ["Healthy", "Healthy"])
    answers = [get(azure, address, "api.demay.test", "/health").json() for _ in range(6)]
    assert {a["instance"] for a in answers} == {m["instanceId"] for m in machines}
    assert {a["status"] for a in answers} == {"healthy"}
    assert get(azure, address, "demay.test").status_code == 200

    mine = [i for i in azure.cloud.control("GET", "instances") if azure.group_name in i["scaleSet"]]
    azure.put(SCALE_SET, azure.scale_set_body(vnet, 0))
    assert azure.list(f"{SCALE_SET}/virtualMachines") == []
    assert get(azure, address, "api.demay.test").status_code == 502
    for instance in mine:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{instance['port']}/health", trust_env=False)


def test_a_failing_instance_is_seen_by_the_probe_and_left_out(azure: Azure) -> None:
    """Health lost between the two parts of a split failover."""
    _, address = build(azure, 2)
    until(lambda: health(azure)["api"] == ["Healthy", "Healthy"])
    assert azure.cloud.control(
        "PUT", "instances", {"scaleSet": azure.group_name, "instance": 1, "state": "failing"}
    ) == {"obeyed": 1}
    until(lambda: sorted(health(azure)["api"]) == ["Healthy", "Unhealthy"])
    assert {get(azure, address, "api.demay.test").json()["instance"] for _ in range(4)} == {"0"}
    azure.cloud.control("PUT", "instances", {"scaleSet": azure.group_name, "state": "killed"})
    until(lambda: health(azure)["api"] == ["Unhealthy", "Unhealthy"])
    assert get(azure, address, "api.demay.test").status_code == 502


def test_the_site_is_reached_through_the_gateway_by_host(azure: Azure) -> None:
    """Facts: the site's host goes through the gateway to its endpoint as a backend."""
    primary = azure.endpoints.edge["192.0.2.10"]
    _, address = build(azure, 0, primary)
    until(lambda: health(azure)["site"] == ["Healthy"])
    answer = get(azure, address, "www.demay.test")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_an_address_without_a_gateway_gives_no_answer(azure: Azure) -> None:
    """A public address alone answers nothing."""
    address = azure.public_address()["properties"]["ipAddress"]
    with pytest.raises(httpx.TransportError):
        get(azure, address, "api.demay.test")


def test_the_gateway_counts_requests_and_not_probes(azure: Azure) -> None:
    """DrainGate reads TotalRequests: probes must not look like traffic."""
    _, address = build(azure, 1)
    until(lambda: health(azure)["api"] == ["Healthy"])

    def total() -> float:
        answer = azure.send(
            "GET", f"{GATEWAY}/providers/Microsoft.Insights/metrics", version="2023-10-01",
            query={"metricnames": "TotalRequests", "interval": "PT1M", "aggregation": "Total"},
        )  # fmt: skip
        (metric,) = answer.json()["value"]
        assert metric["name"]["value"] == "TotalRequests"
        return float(sum(p["total"] for s in metric["timeseries"] for p in s["data"]))

    assert total() == 0
    for _ in range(5):
        get(azure, address, "api.demay.test")
    assert total() == 5
    unknown = azure.send(
        "GET",
        f"{GATEWAY}/providers/Microsoft.Insights/metrics",
        version="2023-10-01",
        query={"metricnames": "Nonsense"},
    )
    assert unknown.status_code == 400


def record(azure: Azure, zone: str, name: str, address: str, ttl: int) -> None:
    body = {"properties": {"TTL": ttl, "ARecords": [{"ipv4Address": address}]}}
    assert azure.send("PUT", f"{zone}/A/{name}", body).status_code in (200, 201)


def test_resolvers_keep_an_answer_until_its_ttl_and_then_see_the_new_one(azure: Azure) -> None:
    """ACT-4: three resolvers answer the new address only when their own copy has run out."""
    name = f"cache-{azure.number}.test"
    zone = f"Microsoft.Network/dnsZones/{name}"
    azure.put(zone, {"location": "global"})
    record(azure, zone, "api", "192.0.2.10", 9000)
    authority = azure.endpoints.authority
    assert authority is not None
    until(lambda: ask(f"api.{name}", "A", authority).values == ("192.0.2.10",))
    azure.cloud.control("DELETE", "resolvers")
    first = [ask(f"api.{name}", "A", r) for r in azure.endpoints.resolvers]
    assert [a.values for a in first] == [("192.0.2.10",)] * 3
    assert {a.resolver for a in first} == {"Google", "Cloudflare", "OpenDNS"}
    record(azure, zone, "api", "203.0.113.10", 9000)
    until(lambda: ask(f"api.{name}", "A", authority).values == ("203.0.113.10",))
    kept = ask(f"api.{name}", "A", azure.endpoints.resolvers[0])
    assert kept.values == ("192.0.2.10",)
    assert kept.ttl is not None
    assert kept.ttl < 9000
    for resolver in azure.endpoints.resolvers:
        until(lambda r=resolver: ask(f"api.{name}", "A", r).values == ("203.0.113.10",))  # type: ignore[misc]


def test_a_missing_name_is_kept_as_missing_and_aliases_are_followed(azure: Azure) -> None:
    """RFC 2308 and RFC 1034: negative answers are cached, a CNAME leads to the gateway's own name."""
    name = f"alias-{azure.number}.test"
    zone = f"Microsoft.Network/dnsZones/{name}"
    azure.put(zone, {"location": "global"})
    google, authority = azure.endpoints.resolvers[0], azure.endpoints.authority
    assert authority is not None
    missing = ask(f"www.{name}", "A", google)
    assert (missing.values, missing.known) == ((), True)
    target = azure.public_address()["properties"]
    body = {"properties": {"TTL": 300, "CNAMERecord": {"cname": target["dnsSettings"]["fqdn"]}}}
    azure.send("PUT", f"{zone}/CNAME/www", body)
    until(lambda: ask(f"www.{name}", "CNAME", authority).values != ())
    until(lambda: ask(f"www.{name}", "A", google).values == (target["ipAddress"],))
    assert ask(f"www.{name}", "A", google).chain == (target["dnsSettings"]["fqdn"],)
    primary = ask("lb.primary.example", "A", google)
    assert set(primary.values) == {"192.0.2.10", "192.0.2.11"}
    azure.cloud.control("PUT", "world", {f"other-{azure.number}.example": ["192.0.2.11"]})
    assert ask(f"other-{azure.number}.example", "A", google).values == ("192.0.2.11",)


def test_the_primary_can_be_put_down_made_to_fail_and_put_up(azure: Azure) -> None:
    """The primary dead while traffic is on Azure."""
    assert get(azure, "192.0.2.10", "api.demay.test", "/health").json()["status"] == "healthy"
    assert "html" in get(azure, "192.0.2.11", "www.demay.test").text
    azure.cloud.control("PUT", "primary", {"state": "failing"})
    assert get(azure, "192.0.2.10", "api.demay.test", "/health").status_code == 503
    azure.cloud.control("PUT", "primary", {"state": "down", "address": "192.0.2.11"})
    with pytest.raises(httpx.TransportError):
        get(azure, "192.0.2.11", "www.demay.test")


def test_the_request_log_holds_who_answered(azure: Azure) -> None:
    """The rehearsal's report counts failed requests from this log."""
    _, address = build(azure, 0)
    with contextlib.suppress(httpx.TransportError):
        get(azure, address, "api.demay.test", f"/logged-{azure.number}")
    entries = [
        e for e in azure.cloud.control("GET", "requests?door=edge") if e["path"] == f"/logged-{azure.number}"
    ]
    assert [(e["status"], e["address"], e["host"]) for e in entries] == [(502, address, "api.demay.test")]
