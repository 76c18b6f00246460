"""A run killed with SIGKILL at any moment ends, started again, as an undisturbed one does (GOALS)."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recovery.chunks import chunk_id
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud
PROJECT = Path(__file__).parents[3]
OBJECTS, ITEMS, KILLS = (int(n) for n in os.environ.get("DR_TEST_KILLS", "80,300,3").split(","))
"""Objects, items, kills; `DR_TEST_KILLS=2000,20000,20` is the long run."""


def child(site: Site) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.clouds.sync.child", str(site.root), site.name]
    env = {**os.environ, **site.environ}
    return subprocess.Popen(command, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module


def fill(site: Site) -> None:
    def batch(start: int) -> None:
        made = [
            {
                "PutRequest": {
                    "Item": {
                        "imageId": {"S": f"{n // 3}.jpg"},
                        "chunkIndex": {"N": str(n % 3)},
                        "content": {"S": "YWJj" * 50},
                    }
                }
            }
            for n in range(start, min(start + 25, ITEMS))
        ]
        site.dynamodb.batch_write_item(RequestItems={site.source.table: made})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: site.upload(f"u/{n:05}.jpg", b"%d" % n * 50), range(OBJECTS)))
        list(pool.map(batch, range(0, ITEMS, 25)))


def test_a_run_killed_at_random_moments_ends_as_an_undisturbed_one(site: Site) -> None:
    """GOALS: kill -9 at random moments of a run, then once to the end; nothing is missing and nothing stands twice."""
    fill(site)
    dice = random.Random()  # noqa: S311 - the moments are to differ from run to run
    killed = 0
    while killed < KILLS:
        with child(site) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "running\n"
            time.sleep(dice.uniform(0.0, 1.5 + OBJECTS / 400 + ITEMS / 2000))
            if running.poll() is None:
                running.kill()
            killed += 1
    with child(site) as last:
        said, _ = last.communicate(timeout=280 + ITEMS / 10)
    assert last.returncode == 0, said
    assert site.blob_contents("uploads") == {f"u/{n:05}.jpg": b"%d" % n * 50 for n in range(OBJECTS)}
    assert set(site.all_documents()) == {chunk_id(f"{n // 3}.jpg", n % 3) for n in range(ITEMS)}
