"""One bare local cloud (control plane and effects) for the session, at 3000 simulated seconds a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import localcloud
from tests.localcloud.azure import Azure

SCALE = 3000.0


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localcloud.LocalCloud]:
    """A running local cloud without data plane and provider."""
    state: Path = tmp_path_factory.mktemp("localcloud")
    with localcloud.start(state, SCALE, with_parent=True, bare=True) as started:
        yield started


@pytest.fixture
def azure(cloud: localcloud.LocalCloud) -> Iterator[Azure]:
    """A client with a resource group of its own, deleted afterwards; the controls are put back."""
    client = Azure(cloud)
    client.make_group()
    yield client
    cloud.control("DELETE", "faults")
    cloud.control("PUT", "latency", {"reads": 0, "writes": 0})
    cloud.control("PUT", "primary", {"state": "up"})
    client.drop_group()
    client.close()
