"""Cosmos DB's rules, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.data import cosmos_rules as rules
from localcloud.data import cosmos_sql
from localcloud.data.topology import Topology, arm_type, parts

COSMOS = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.DocumentDB/databaseAccounts/Acc"


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 500)), max_size=60), st.integers(400, 4000))
def test_a_container_never_serves_more_than_its_budget_and_one_request_beyond(
    requests: list[tuple[float, float]], rate: int
) -> None:
    """429 (substatus 3200): over any run, charges stay below RU/s times elapsed, one second's burst and one debt."""
    clock, served, largest = 0.0, 0.0, 0.0
    budget = rules.Budget(lambda: rate, lambda: clock)
    for pause, charge in requests:
        clock += pause
        wait = budget.refusal()
        if wait is None:
            budget.spend(charge)
            served += charge
            largest = max(largest, charge)
        else:
            clock += wait / 1000
            assert budget.refusal() is None, "after the advised wait a request must get in"
    assert served <= rate * (clock + 1) + largest + 1e-6


@pytest.mark.parametrize(
    ("query", "want"),
    [
        ("SELECT * FROM c", 'SELECT * FROM c WHERE c["imageId"] = @__partition '),
        (
            "SELECT c.id FROM c WHERE c.a = 1 OR c.b = 'x WHERE y' ORDER BY c.a",
            "SELECT c.id FROM c WHERE c[\"imageId\"] = @__partition AND (c.a = 1 OR c.b = 'x WHERE y') ORDER BY c.a",
        ),
        (
            "select value k.id from root as k",
            'select value k.id from root as k WHERE k["imageId"] = @__partition ',
        ),
        (
            "SELECT c.id, (SELECT VALUE 1 FROM x WHERE true) AS n FROM c",
            'SELECT c.id, (SELECT VALUE 1 FROM x WHERE true) AS n FROM c WHERE c["imageId"] = @__partition ',
        ),
    ],
)
def test_a_query_is_limited_to_its_partition_by_a_condition(query: str, want: str) -> None:
    """The server behind the door ignores the partition key of a query."""
    assert cosmos_sql.restrict(query, "/imageId") == want


@pytest.mark.parametrize("query", ["SELECT 1", "SELECT * FROM t IN c.tags"])
def test_a_query_that_is_not_understood_is_refused_rather_than_widened(query: str) -> None:
    """Returning other partitions' documents would be a wrong answer without a sign of it."""
    with pytest.raises(cosmos_sql.RestrictionError):
        cosmos_sql.restrict(query, "/imageId")


@pytest.mark.parametrize(
    ("bodies", "want"),
    [
        ({}, 400),
        ({"/sqlDatabases/db/containers/C": {"options": {"throughput": 500}}}, 500),
        ({"/sqlDatabases/db/throughputSettings/default": {"resource": {"throughput": 600}}}, 600),
        (
            {
                "/sqlDatabases/db/containers/C": {"options": {"throughput": 500}},
                "/sqlDatabases/db/containers/C/throughputSettings/default": {
                    "resource": {"throughput": 4000}
                },
            },
            4000,
        ),
        (
            {
                "/sqlDatabases/db/containers/C/throughputSettings/default": {
                    "resource": {"autoscaleSettings": {"maxThroughput": 1000}, "throughput": 100}
                }
            },
            1000,
        ),
        ({"": {"capabilities": [{"name": "EnableServerless"}]}}, 5000),
    ],
)
def test_the_budget_is_what_arm_says(bodies: dict[str, dict[str, object]], want: int) -> None:
    """Dial CosmosThroughput: throughputSettings win over creation options, a container's over its database's."""
    topology = Topology()
    for suffix, properties in bodies.items():
        topology.see(COSMOS + suffix, {"properties": properties})
    assert topology.throughput("acc", "db", "C") == want


def test_an_id_is_read_whatever_its_case() -> None:
    """ARM ids compare without case; the store re-cases them."""
    container = f"{COSMOS}/sqlDatabases/db/containers/C"
    assert arm_type(container.upper()) == "microsoft.documentdb/databaseaccounts/sqldatabases/containers"
    assert parts(container)["containers"] == "C"
