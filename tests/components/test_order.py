"""The order by mode, on the recorded graph, transitively (docs/architecture.md "Order by mode")."""

from __future__ import annotations

import pytest

from recovery.order import edges, excluded, ordered
from tests.components.recording import Recording

RECORDS = ("apex-record", "api-record", "www-record")
CAPACITY = ("api", "cosmos-throughput", "uploads-subscription")

ACTIVE = [
    *((dial, "health-gate") for dial in CAPACITY),
    *(("health-gate", record) for record in RECORDS),
    ("health-gate", "direction-record"),
    *(("direction-record", record) for record in RECORDS),
    ("direction-record", "mode-record"),
    *((dial, record) for dial in CAPACITY for record in RECORDS),
    *((record, "mode-record") for record in RECORDS),
    ("health-gate", "mode-record"),
    *(("health-gate", workload) for workload in ("sync-daily", "sync-watch")),
    ("converter-package", "uploads-subscription"),
]
STANDBY = [
    *(("return-gate", record) for record in RECORDS),
    *((record, "drain-gate") for record in RECORDS),
    *(("drain-gate", dial) for dial in (*CAPACITY, "gateway")),
    *((record, dial) for record in RECORDS for dial in (*CAPACITY, "gateway")),
    *(("return-gate", dial) for dial in (*CAPACITY, "gateway")),
    *((dial, "mode-record") for dial in (*CAPACITY, "gateway")),
    ("gateway", "api"),
    *(("drain-gate", workload) for workload in ("sync-daily", "sync-watch")),
    ("converter-package", "uploads-subscription"),
]


@pytest.mark.parametrize(("first", "then"), ACTIVE)
def test_in_active_capacity_comes_before_health_and_health_before_traffic(
    active: Recording, first: str, then: str
) -> None:
    """ACT-3, ACT-4."""
    assert first in active.before(then)


@pytest.mark.parametrize(("first", "then"), STANDBY)
def test_in_standby_traffic_leaves_first_and_capacity_goes_last(
    standby: Recording, first: str, then: str
) -> None:
    """BACK-3, BACK-4, BACK-5."""
    assert first in standby.before(then)


def test_in_active_nothing_waits_for_the_gateways_slow_capacity_update(active: Recording) -> None:
    """requirements.md, GOALS: the gateway's update takes 2 to 30 minutes and is waited for by nobody."""
    assert [name for name in active.resources if "gateway" in active.before(name)] == []
    assert not active.before("gateway") & {"health-gate", "return-gate", *RECORDS, *CAPACITY}


def test_a_gate_that_the_mode_does_not_use_wants_nothing_and_waits_for_nothing(
    standby: Recording, active: Recording
) -> None:
    """Others may wait for it (below): it passes at once."""
    unused = ((active, "return-gate"), (active, "drain-gate"), (standby, "health-gate"))
    for recording, gate in unused:
        assert recording.before(gate) <= {"group", "own-stack"}, gate
        assert recording.inputs(gate)["want"] == "any"


EXCLUDED = ("**-record", "**::uploads-subscription", "**::gateway")
CHEAP = (*EXCLUDED, "**::api", "**::cosmos-throughput", "**::drain-gate")
"""What a run in parts leaves for later, in active and in standby (clouds/runbook/azure_effects.py: GROUPS)."""


def test_what_may_be_excluded_comes_after_all_that_it_waited_for_in_the_other_mode(
    standby: Recording, active: Recording
) -> None:
    """Seen with the CLI 3.260: an excluded resource keeps its old dependencies, and a snapshot in which one of them comes
    after it is refused ("snapshot integrity failure ... comes after it"): the checkpoint of a failover in parts."""
    late = [
        (name, before)
        for here, other, left in ((active, standby, EXCLUDED), (standby, active, CHEAP))
        for name, one in here.resources.items()
        if excluded(one, left)
        for before in other.waits[name]
        if before in here.resources and before not in here.before(name)
    ]
    assert late == []


def test_a_gate_waits_for_no_output_of_what_it_looks_at(active: Recording, standby: Recording) -> None:
    """The gates take ARM ids made of names: an output of the gateway would make them wait for its update."""
    assert "gateway" not in active.before("health-gate")
    assert not standby.before("return-gate") & {"gateway", "api", "zone", "public-ip"}
    assert not standby.before("drain-gate") & {"gateway", "api"}


def test_the_contingency_name_waits_for_no_gate(either: Recording) -> None:
    """READY-7: it points at the gateway in both modes."""
    assert not either.before("dr-name") & {"health-gate", "return-gate", "drain-gate"}


def test_everything_waits_for_the_group(either: Recording) -> None:
    """The group waits for the guard, so nothing is registered before the guard has answered."""
    assert [n for n in either.resources if n != "group" and "group" not in either.before(n)] == []


def test_in_active_the_group_waits_for_the_guards_own_stack(active: Recording, standby: Recording) -> None:
    assert "own-stack" in active.waits["group"]
    assert "own-stack" not in standby.waits["group"]


def test_the_graph_has_no_circle_and_both_engines_see_the_same_order(either: Recording) -> None:
    """The direct engine orders by the recorded dependencies, the Pulumi engine by those of the registration."""
    wanted = list(either.resources.values())
    place = {d.options["name"]: i for i, d in enumerate(ordered(wanted))}
    assert set(place) == set(either.resources)
    late = [
        (first, then)
        for then in either.resources
        for first in either.before(then) & set(place)
        if place[first] > place[then]
    ]
    assert late == []
    by_id = {d.id.lower(): d.options["name"] for d in wanted}
    graph = {by_id[id]: {by_id[b] for b in before} for id, before in edges(wanted).items()}
    told = {name: set(either.waits[name]) & set(either.resources) for name in either.resources}
    missing = {n: told[n] - graph[n] for n in told if told[n] - graph[n]}
    assert missing == {}


def test_the_split_failover_holds_back_exactly_the_traffic_records(either: Recording) -> None:
    """ACT-4: `--exclude '**-record'` leaves the traffic where it is, and with it the mode that the group's tag tells;
    the contingency name is none of it."""
    held = {n for n, d in either.resources.items() if excluded(d, ["**-record"])}
    assert held == {*RECORDS, "mode-record", "direction-record"}
