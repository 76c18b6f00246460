"""Where the traffic points: half a switch is on Azure, and what was not read is never `elsewhere`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recovery.traffic import Gateway, RecordView, Side, record_side, targets, traffic_side

GATEWAY = Gateway(
    "203.0.113.10", "gw.brazilsouth.cloudapp.azure.com", "/subscriptions/s/publicipaddresses/gw"
)
HERE = RecordView("@", "A", ("203.0.113.10",))
THERE = RecordView("api", "CNAME", ("api.primary.example",))
UNREAD = RecordView("www", "CNAME", None, "403 AuthorizationFailed")
ABSENT = RecordView("www", "CNAME", ())

records = st.lists(st.sampled_from([HERE, THERE, UNREAD, ABSENT]), max_size=6)


def test_targets_are_read_from_every_spelling_of_a_record_set() -> None:
    """Microsoft.Network/dnsZones spells its keys differently from version to version."""
    assert targets({"properties": {"ARecords": [{"ipv4Address": "192.0.2.10"}]}}) == ("192.0.2.10",)
    assert targets({"properties": {"aRecords": [{"ipv4Address": "192.0.2.10"}]}}) == ("192.0.2.10",)
    assert targets({"properties": {"CNAMERecord": {"cname": "A.Example."}}}) == ("a.example",)
    assert targets({"properties": {"targetResource": {"id": "/Sub/X"}}}) == ("/sub/x",)
    assert targets({"properties": {"TTL": 60, "targetResource": {}}}) == ()


def test_a_record_points_at_the_gateway_by_address_name_or_alias() -> None:
    """ACT-4: apex by address, api and www by the gateway's name, an alias by resource id."""
    for target in ("203.0.113.10", "GW.brazilsouth.cloudapp.azure.com.", GATEWAY.resource_id):
        assert record_side(RecordView("x", "A", (target,)), GATEWAY) is Side.AZURE


def test_one_address_of_the_gateway_among_others_is_split_traffic() -> None:
    assert record_side(RecordView("@", "A", ("203.0.113.10", "192.0.2.10")), GATEWAY) is Side.SPLIT


def test_half_a_switch_is_split() -> None:
    assert traffic_side([HERE, THERE], GATEWAY) is Side.SPLIT


@given(records)
def test_an_unread_record_is_never_taken_for_traffic_elsewhere(seen: list[RecordView]) -> None:
    side = traffic_side(seen, GATEWAY)
    if UNREAD in seen:
        assert side is not Side.ELSEWHERE
    if not seen:
        assert side is Side.UNKNOWN
    if side is Side.AZURE:
        assert set(seen) == {HERE}
    if side is Side.ELSEWHERE:
        assert HERE not in seen


@given(records)
def test_the_order_of_the_records_does_not_matter(seen: list[RecordView]) -> None:
    assert traffic_side(seen, GATEWAY) is traffic_side(seen[::-1], GATEWAY)
