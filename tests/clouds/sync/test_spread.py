"""Staged exports brought file by file from anywhere: on Spark in local mode where it is installed, else one after the other (SYNC-3)."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from clouds.sync import metadata, spread
from clouds.sync.chain import ChainBlob
from recovery.chunks import chunk_id
from recovery.errors import BadInput, Stopped
from recovery.exit_codes import ExitCode
from recovery.journal.direction import Direction
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud
ITEMS = 300


def here(
    work: Callable[[spread.Task], spread.Brought], tasks: Sequence[spread.Task]
) -> Iterable[spread.Brought]:
    """Each task in this process: what a cluster does, without one."""
    return [work(task) for task in tasks]


@pytest.fixture
def staged(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose table is exported and staged, and nothing of it imported."""
    monkeypatch.setenv("DR_ENDPOINTS", site.environ["DR_ENDPOINTS"])
    for number in range(ITEMS):
        site.item(f"{number // 3}.jpg", number % 3, "YWJj", exact={"N": "12345678901234567890.5"})
    metadata.stage(site.world, site.directions.fence(Direction.FORWARD))
    return site


def silent(_: str) -> None:
    pass


def test_what_is_brought_elsewhere_is_what_one_run_would_bring_and_its_proof_holds(staged: Site) -> None:
    """The same conversion and import; the chain knows it, and the next run proves it."""
    place = spread.place_of(staged.world)
    done = spread.run(place, here, slots=2, say=silent)
    assert (done.code, done.counts["created"], done.proofs) == (ExitCode.CLEAN, ITEMS, [])
    assert set(staged.all_documents()) == {chunk_id(f"{n // 3}.jpg", n % 3) for n in range(ITEMS)}
    with pytest.raises(BadInput, match="no export is staged"):
        spread.run(place, here, slots=2, say=silent)
    staged.item("0.jpg", 0, "bmV3")
    metadata.stage(staged.world, staged.directions.fence(Direction.FORWARD))
    later = spread.run(place, here, slots=2, say=silent)
    assert (later.code, later.counts["replaced"]) == (ExitCode.CLEAN, 1)
    proven = staged.metadata()
    assert (proven.code, proven.counts["created"], proven.counts["replaced"]) == (ExitCode.CLEAN, 0, 0)


def test_a_task_that_ends_badly_or_not_at_all_is_no_success_and_comes_again(staged: Site) -> None:
    """A run with any error never says success; nothing is marked that is not written."""

    def lost(
        work: Callable[[spread.Task], spread.Brought], tasks: Sequence[spread.Task]
    ) -> list[spread.Brought]:
        return []

    def denied(
        work: Callable[[spread.Task], spread.Brought], tasks: Sequence[spread.Task]
    ) -> list[spread.Brought]:
        return [spread.Brought(one.file, wrong=("Cosmos DB POST: 403", "x", "y")) for one in tasks]

    place = spread.place_of(staged.world)
    for broken, says in ((lost, "were not brought"), (denied, "403")):
        done = spread.run(place, broken, slots=2, say=silent)
        assert (done.code, says in done.errors[0]) == (ExitCode.FAILED, True)
        assert [(one.files, one.done) for one in ChainBlob(staged.world.journal).load().links] == [(0, False)]
    assert spread.run(place, here, slots=2, say=silent).code is ExitCode.CLEAN


def test_a_task_on_another_machine_stops_where_the_direction_was_turned(staged: Site) -> None:
    """Fencing: each task asks for itself, and a direction that came back is another epoch."""

    def turned(
        work: Callable[[spread.Task], spread.Brought], tasks: Sequence[spread.Task]
    ) -> list[spread.Brought]:
        staged.directions.turn(Direction.OFF, "a test", "cutover")
        found = [work(task) for task in tasks]
        staged.directions.turn(Direction.FORWARD, "a test", "back")
        return [*found, *(work(dataclasses.replace(task)) for task in tasks)]

    done = spread.run(spread.place_of(staged.world), turned, slots=2, say=silent)
    assert done.code is ExitCode.FAILED
    assert any("epoch 1 then, 3 now" in one for one in done.errors)
    assert staged.all_documents() == {}
    staged.fail_over()
    with pytest.raises(Stopped, match="the journal says reverse"):
        spread.run(spread.place_of(staged.world), here, slots=2, say=silent)


def test_spark_brings_a_real_export(staged: Site) -> None:
    """spark-submit scripts/spark_import.py in local mode: every item, each once, the exact number as it was."""
    pyspark = pytest.importorskip(
        "pyspark", reason="pyspark is not installed (the extra `spark`; it needs Java too)"
    )
    project = Path(__file__).parents[3]
    options = [f"--{n}={v}" for n, v in spread.place_of(staged.world).options().items()]
    done = subprocess.run(  # noqa: S603 - Spark's own program, as a person starts it
        [str(Path(pyspark.__file__).parent / "bin" / "spark-submit"), "--master", "local[2]", "--conf", "spark.ui.enabled=false",
         str(project / "scripts" / "spark_import.py"), *options],
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join([str(project), *sys.path])},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.CLEAN, done.stderr[-3000:]
    assert f"{ITEMS} created" in done.stdout
    documents = staged.all_documents()
    assert set(documents) == {chunk_id(f"{n // 3}.jpg", n % 3) for n in range(ITEMS)}
    assert documents[chunk_id("0.jpg", 0)]["exact"] == {"$n": "12345678901234567890.5"}
    assert staged.metadata().code is ExitCode.CLEAN
