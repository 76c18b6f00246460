"""One local cloud with both clouds' data parts for the folder, and a site of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

import localcloud
from tests.clouds.sync.site import Site

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localcloud.LocalCloud]:
    """A local cloud with its data plane and its AWS."""
    held = localcloud.start(tmp_path_factory.mktemp("both"), 600, with_parent=True)
    yield held
    held.stop()


@pytest.fixture
def site(both: localcloud.LocalCloud, tmp_path: Path) -> Iterator[Site]:
    """Empty buckets, table and containers, the direction forward."""
    made = Site(both, tmp_path, f"t{next(_NUMBERS)}")
    yield made
    made.close()
