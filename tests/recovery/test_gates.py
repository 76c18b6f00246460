"""What gates conclude: unknown never passes, an empty pool is not healthy, evidence of traffic outweighs silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.errors import BadInput, Stopped
from recovery.gates import (
    DRAINED,
    SERVING,
    UNKNOWN,
    NameSeen,
    Throughput,
    check_throughput,
    drain_verdict,
    health_verdict,
    parse_throughput,
    pool_servers,
    return_verdict,
    throughput_floor,
)
from recovery.model import Json
from recovery.traffic import Gateway, RecordView

GW = "203.0.113.10"


def health(api: list[str], site: list[str], **more: Json) -> dict[str, Json]:
    def pool(name: str, states: list[str], octet: int) -> dict[str, Json]:
        servers = [{"address": f"10.{octet}.0.{i}", "health": s} for i, s in enumerate(states)]
        return {
            "backendAddressPool": {"id": f"/subscriptions/s/x/backendAddressPools/{name}"},
            "backendHttpSettingsCollection": [{"servers": servers}],
        }

    return {"backendAddressPools": [pool("api", api, 1), pool("site", site, 2)], **more}


@pytest.mark.parametrize(
    ("api", "site", "verdict"),
    [
        (["Healthy", "Healthy"], ["Healthy"], "healthy"),
        (["Healthy", "Healthy"], ["Healthy", "Unhealthy"], "healthy"),
        ([], ["Healthy"], "unhealthy"),
        (["Healthy"], ["Healthy"], "unhealthy"),
        (["Healthy", "Healthy", "Healthy"], ["Healthy"], "unhealthy"),
        (["Healthy", "Unhealthy"], ["Healthy"], "unhealthy"),
        (["Healthy", "Draining"], ["Healthy"], "unhealthy"),
        (["Healthy", "Healthy"], [], "unhealthy"),
        (["Healthy", "Healthy"], ["Unhealthy"], "unhealthy"),
        (["Healthy", "Unknown"], ["Healthy"], "unknown"),
        (["Unknown", "Unhealthy"], ["Healthy"], "unhealthy"),
    ],
)
def test_healthy_means_exactly_n_healthy_servers_and_a_healthy_site(
    api: list[str], site: list[str], verdict: str
) -> None:
    """ACT-3, VAL-1."""
    assert health_verdict(health(api, site), "api", "SITE", 2).observed == verdict


def test_a_pool_that_the_gateway_does_not_mention_is_unknown() -> None:
    """ACT-3: an answer without the pool is no evidence about the pool."""
    seen = health_verdict({"backendAddressPools": []}, "api", "site", 2)
    assert seen.observed == UNKNOWN
    assert "api" in seen.detail


def test_a_server_counts_with_the_worst_health_of_its_settings() -> None:
    body = health(["Healthy"], ["Healthy"])
    settings = body["backendAddressPools"][0]["backendHttpSettingsCollection"]
    settings.append({"servers": [{"address": "10.1.0.0", "health": "Unhealthy"}]})
    assert pool_servers(body, "api") == [("10.1.0.0", "Unhealthy")]


@given(
    st.lists(st.sampled_from(["Healthy", "Unhealthy", "Unknown", "Partial"]), max_size=5), st.integers(0, 4)
)
def test_nothing_but_all_healthy_is_healthy(states: list[str], instances: int) -> None:
    verdict = health_verdict(health(states, ["Healthy"]), "api", "site", instances).observed
    assert (verdict == "healthy") == (instances > 0 and states == ["Healthy"] * instances)


def test_throughput_of_an_autoscale_container_is_its_maximum() -> None:
    """Azure/arm-template-whatif#174: `throughput` stands beside `autoscaleSettings`."""
    resource = {"throughput": 400, "autoscaleSettings": {"maxThroughput": 4000}, "minimumThroughput": "1000"}
    now = parse_throughput({"properties": {"resource": resource}})
    assert (now.throughput, now.kind, now.floor) == (4000, "autoscale", 1000)


def test_an_answer_without_throughput_is_not_zero() -> None:
    with pytest.raises(ValueError, match="no throughput"):
        parse_throughput({"properties": {"resource": {}}})


@pytest.mark.parametrize(
    ("kind", "gb", "highest", "floor"),
    [("manual", 0, 0, 400), ("manual", 100, 0, 1000), ("manual", 0, 100_000, 1000), ("autoscale", 0, 0, 1000),
     ("autoscale", 0, 50_000, 5000), ("autoscale", 20, 0, 2000)],
)  # fmt: skip
def test_the_documented_floor(kind: str, gb: float, highest: int, floor: int) -> None:
    assert throughput_floor(kind, gb, highest) == floor


def test_a_value_below_the_floor_is_refused_with_both_figures() -> None:
    """BACK-5: one large failover can make the way back impossible."""
    with pytest.raises(Stopped, match="400 RU/s is below the container's floor of 1000"):
        check_throughput(Throughput(100_000, "manual", 1000, 200_000), 400, "manual")


def test_a_slow_scale_up_is_refused_unless_allowed() -> None:
    """ACT-3: above the instant maximum it takes 4-6 hours."""
    now = Throughput(400, "manual", 400, 10_000)
    with pytest.raises(Stopped, match="instant maximum of 10000"):
        check_throughput(now, 10_100, "manual")
    check_throughput(now, 10_100, "manual", slow_allowed=True)


def test_a_switch_between_manual_and_autoscale_is_refused_in_words() -> None:
    with pytest.raises(BadInput, match="autoscale throughput"):
        check_throughput(Throughput(1000, "autoscale"), 4000, "manual")


@given(st.integers(1, 20_000), st.integers(400, 2000), st.integers(4000, 20_000))
def test_what_is_accepted_lies_between_floor_and_instant_maximum(want: int, floor: int, instant: int) -> None:
    now = Throughput(2000, "manual", floor, instant)
    try:
        check_throughput(now, want, "manual")
    except Stopped as refusal:
        assert want < floor or want > instant
        assert str(want) in refusal.summary  # noqa: PT017 (whether it is raised is the property)
    else:
        assert floor <= want <= instant


def test_traffic_is_clear_only_when_every_record_was_read_elsewhere() -> None:
    """BACK-4: the gate of the way back."""
    gateway = Gateway(GW, "gw.azure.example", "")
    away, here = RecordView("@", "A", ("192.0.2.10",)), RecordView("api", "CNAME", ("gw.azure.example",))
    lost = RecordView("www", "CNAME", None, "timeout")
    assert return_verdict([away], gateway).observed == "clear"
    assert return_verdict([away, here], gateway).observed == "on-azure"
    assert return_verdict([away, lost], gateway).observed == UNKNOWN
    assert return_verdict([here, lost], gateway).observed in (UNKNOWN, "on-azure")
    assert return_verdict([away], None, "403").observed == UNKNOWN
    assert return_verdict([], Gateway()).observed == "clear", "no gateway yet: the first build"


NAMES = ["demay.com", "api.demay.com"]


def answers(address: str = "192.0.2.10", resolvers: int = 3) -> list[NameSeen]:
    return [NameSeen(f"r{i}", n, (address,)) for n in NAMES for i in range(resolvers)]


def test_drained_needs_three_resolvers_and_a_quiet_gateway() -> None:
    """BACK-4, BACK-5."""
    assert drain_verdict(2, GW, NAMES, answers(), 0, 60).observed == DRAINED
    assert drain_verdict(2, GW, NAMES, answers(resolvers=2), 0, 60).observed == UNKNOWN
    assert drain_verdict(2, GW, NAMES, answers(), None, 60).observed == UNKNOWN
    assert drain_verdict(2, GW, NAMES, answers(), 3, 60).observed == SERVING
    assert drain_verdict(2, None, NAMES, answers(), 0, 60).observed == UNKNOWN
    assert drain_verdict(2, GW, [], [], 0, 60).observed == UNKNOWN


def test_a_cached_answer_at_one_resolver_keeps_the_standby_serving() -> None:
    """BACK-4: each resolver keeps the old answer until its own TTL ends."""
    seen = [*answers()[:-1], NameSeen("r2", "api.demay.com", (GW,))]
    verdict = drain_verdict(2, GW, NAMES, seen, 0, 60)
    assert verdict.observed == SERVING
    assert "r2" in verdict.detail


def test_no_instances_is_drained_whatever_else_is_unknown() -> None:
    assert drain_verdict(0, None, NAMES, [], None, 60).observed == DRAINED


@given(
    st.one_of(st.none(), st.integers(1, 3)),
    st.sampled_from([GW, None]),
    st.lists(
        st.builds(
            NameSeen,
            st.sampled_from(["a", "b", "c", "d"]),
            st.sampled_from(NAMES),
            st.sampled_from([None, (), (GW,), ("192.0.2.10",)]),
        ),
        max_size=12,
    ),
    st.one_of(st.none(), st.integers(0, 2)),
)
def test_a_serving_scale_set_is_drained_only_by_full_evidence(
    capacity: int | None, gateway: str | None, seen: list[NameSeen], requests: int | None
) -> None:
    """BACK-5: unknown is not drained."""
    verdict = drain_verdict(capacity, gateway, NAMES, seen, requests, 60)
    if verdict.observed == DRAINED:
        assert gateway == GW
        assert requests == 0
        assert all(a.addresses is not None and GW not in a.addresses for a in seen)
        for name in NAMES:
            assert len({a.resolver for a in seen if a.name == name}) >= 3
