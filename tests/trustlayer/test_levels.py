"""`dr assess`: the worst level that the evidence proves, and nothing on silence alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.trustlayer.levels import Database, Level, Observed, Workload, assess

DATABASES = (
    Database("db-a", "us-east-1", "us-east-1a", True, "primary", True),
    Database("db-b", "us-east-1", "us-east-1b", True, "replica", True, 0.0),
    Database("db-c", "us-east-1", "us-east-1c", True, "replica", True, 0.0),
    Database("dr", "us-west-2", "", True, "replica", True, 0.1),
)
NODES = {"us-east-1a": (2, 2), "us-east-1b": (2, 2), "us-east-1c": (2, 2)}
WELL = Observed(
    True,
    True,
    NODES,
    (Workload("api", 5, 5), Workload("frontend", 3, 3)),
    DATABASES,
    200,
    ("20261121", "20261122"),
)
SILENT = tuple(
    replace(d, reachable=False, role="", intact=None) if d.region == "us-east-1" else d for d in DATABASES
)

CASES = {
    "nothing is wrong": (WELL, Level.NONE, ""),
    "a pod is not Ready": (replace(WELL, workloads=(Workload("api", 5, 4),)), Level.COMPONENT, "dr recover --level 1"),
    "the primary is gone": (replace(WELL, databases=(replace(DATABASES[0], reachable=False, role="", intact=None), *DATABASES[1:]), healthz=503), Level.SERVICE, "dr recover --level 2"),
    "no api pod is Ready": (replace(WELL, workloads=(Workload("api", 5, 0),), healthz=503), Level.SERVICE, "dr recover --level 2"),
    "a replica is silent": (replace(WELL, databases=(DATABASES[0], replace(DATABASES[1], reachable=False, role="", intact=None), *DATABASES[2:])), Level.COMPONENT, "dr runbook show trustlayer-database-down"),
    "the replica of us-west-2 is silent": (replace(WELL, databases=(*DATABASES[:3], replace(DATABASES[3], reachable=False, role="", intact=None))), Level.COMPONENT, "dr drift -s trustlayer-standby    (level 4 promotes dr)"),
    "a zone is dark": (replace(WELL, nodes={**NODES, "us-east-1b": (0, 2)}), Level.ZONE, "dr recover --level 3 --zone us-east-1b"),
    "the region is dark": (replace(WELL, control_plane=False, region_api=False, nodes=None, workloads=None, databases=SILENT, healthz=503), Level.REGION, "dr recover --level 4"),
    "the data is gone everywhere": (replace(WELL, databases=tuple(replace(d, intact=False) for d in DATABASES), healthz=503), Level.TOTAL_LOSS, "dr recover --level 5 --date 20261122"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_harm_has_its_level_and_its_command(name: str) -> None:
    """TL-1 to TL-5."""
    seen, level, command = CASES[name]
    found = assess(seen)
    assert (found.level, found.command) == (level, command)
    assert bool(found.evidence) == bool(level)


def test_a_database_that_nobody_could_ask_is_not_a_lost_one() -> None:
    """Unknown is a verdict: a level 2 needs to know that no server takes writes."""
    seen = replace(
        WELL, databases=(replace(DATABASES[0], reachable=None, role="", intact=None), *DATABASES[1:])
    )
    found = assess(seen)
    assert found.level is Level.NONE
    assert "database db-a" in found.unknown
    assert "may be concluded" in found.sentence


def test_a_silent_cluster_alone_is_no_lost_region() -> None:
    """Level 4 is the one that cannot be taken back: every independent way has to agree."""
    assert assess(replace(WELL, control_plane=False, nodes=None, workloads=None)).level is Level.NONE


def test_data_that_one_server_still_has_is_no_total_loss() -> None:
    """TL-5 loses what came after the backup: it is not proposed while a replica has everything."""
    one_left = (*(replace(d, intact=False) for d in DATABASES[:3]), DATABASES[3])
    assert assess(replace(WELL, databases=one_left)).level is not Level.TOTAL_LOSS


def test_a_lost_region_that_was_left_already_is_waited_for() -> None:
    """TL-4: after the failover the same silence names the way back, not a second failover."""
    lost, level, _ = CASES["the region is dark"]
    west = Database("dr", "us-west-2", "", True, "primary", True, writable=True)
    seen = replace(
        lost, serving="us-west-2", databases=(*SILENT[:3], west), workloads=(Workload("api", 5, 5),)
    )
    found = assess(seen)
    assert found.level is level
    assert found.command.startswith("dr recover --back 4")
    assert not any("no primary" in why for why in found.evidence), "us-west-2 has one"


@given(st.sets(st.sampled_from(["control_plane", "region_api", "nodes", "workloads", "healthz", "backups"])))
def test_seeing_less_never_makes_a_healthy_site_sick(hidden: set[str]) -> None:
    """What could not be observed is named, and never counted as harm."""
    found = assess(replace(WELL, **dict.fromkeys(hidden)))  # type: ignore[arg-type]
    assert found.level is Level.NONE
    assert len(found.unknown) == len(hidden)


def test_two_databases_that_take_writes_are_said_before_a_lost_zone_and_a_pod() -> None:
    """design.md: two writable sides are never unknown. A silenced one is none."""
    west = replace(DATABASES[3], role="primary", lag=None)
    found = assess(replace(WELL, databases=(*DATABASES[:3], west), nodes={**NODES, "us-east-1b": (0, 2)}))
    assert found.evidence[0] == "2 databases take writes: db-a, dr"
    assert found.command.startswith("dr recover --back 4")
    quiet = replace(DATABASES[0], writable=False)
    assert assess(replace(WELL, databases=(quiet, *DATABASES[1:3], west))).level is Level.NONE
