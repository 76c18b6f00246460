"""One local cloud for the folder, and the small footprint built on it for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import localcloud
from tests.clouds.small_world import BUILD, World


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localcloud.LocalCloud]:
    """A local cloud that the tests of this folder share."""
    held = localcloud.start(tmp_path_factory.mktemp("cloud"), 600, with_parent=True)
    yield held
    held.stop()


@pytest.fixture
def w(cloud: localcloud.LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A built standby, clean, with traffic at the primary and nothing wrong."""
    environ = {
        **cloud.environment,
        "DR_HOME": str(tmp_path / "home"),
        "DR_GATE_LOG": str(tmp_path / "gates.log"),
    }
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    cloud.control("PUT", "primary", {"state": "up"})
    made = World(environ, tmp_path)
    made.up("standby", BUILD)
    made.told.clear()
    yield made
    made.arm.close()
