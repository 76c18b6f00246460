"""The program's settings and its recordings in both modes, made once for the session."""

from __future__ import annotations

import pytest

from components.settings import Mode, Settings, from_files
from tests.components.recording import ROOT, Recording, main_program, record


@pytest.fixture(scope="session")
def site() -> Settings:
    """The settings of the stack file `standby`."""
    return from_files(ROOT, "standby")


@pytest.fixture(scope="session")
def modes() -> dict[Mode, Recording]:
    """`__main__.py` as it is, recorded with each stack file; active as handed over from standby."""
    standby = record(main_program, str(Mode.STANDBY))
    stamp = {"footprint": standby.exports["footprint"]}
    return {Mode.STANDBY: standby, Mode.ACTIVE: record(main_program, str(Mode.ACTIVE), stamp)}


@pytest.fixture(scope="session")
def standby(modes: dict[Mode, Recording]) -> Recording:
    """The program in mode standby."""
    return modes[Mode.STANDBY]


@pytest.fixture(scope="session")
def active(modes: dict[Mode, Recording]) -> Recording:
    """The program in mode active."""
    return modes[Mode.ACTIVE]


@pytest.fixture(params=list(Mode), ids=str)
def either(request: pytest.FixtureRequest, modes: dict[Mode, Recording]) -> Recording:
    """The program in each mode in turn."""
    return modes[request.param]


@pytest.fixture(params=list(Mode), ids=str)
def mode(request: pytest.FixtureRequest) -> Mode:
    """Each mode in turn."""
    found: Mode = request.param
    return found
