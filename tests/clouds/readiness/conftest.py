"""One local cloud, ready in everything, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import localcloud
from tests.clouds.readiness.standing import Standing


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """Built once; each test puts back what it breaks."""
    folder = tmp_path_factory.mktemp("ready")
    with localcloud.start(folder / "cloud", 600, with_parent=True) as cloud:
        made = Standing(cloud, folder)
        yield made
        made.close()
