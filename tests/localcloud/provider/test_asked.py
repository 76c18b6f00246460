"""What a killed engine asked for is not tried again behind the back of the run that follows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clouds.azure.arm import Arm, ArmError, Patience
from clouds.endpoints import Endpoints
from localcloud.provider.asked import asked_by, pause
from tests.clouds.azure.http_script import Answer, Cloud, cloud, error

ID = "/subscriptions/s/resourceGroups/rg"


class Caller:
    def __init__(self, *answers: bool) -> None:
        self.answers = iter(answers)

    def is_active(self) -> bool:
        return next(self.answers)


@pytest.fixture
def served() -> Iterator[Cloud]:
    with cloud() as held:
        held.on(
            f"PUT {ID}",
            error(500, "InternalServerError"),
            error(500, "InternalServerError"),
            Answer(200, {"id": ID}),
        )
        yield held


def arm(served: Cloud) -> Arm:
    endpoints = Endpoints(name="test", arm_url=served.url, arm_token="token", scale=1000)
    return Arm(endpoints, patience=Patience(attempts=5), sleep=pause)


def test_while_the_engine_waits_the_request_is_tried_again(served: Cloud) -> None:
    with asked_by(Caller(True, True, True)):
        assert arm(served).put(ID, {}, "2021-04-01")["id"] == ID


def test_when_the_engine_has_ended_nothing_is_tried_again(served: Cloud) -> None:
    with pytest.raises(ArmError, match="Abandoned"), asked_by(Caller(True, False)):
        arm(served).put(ID, {}, "2021-04-01")
    assert len(served.seen) == 2
    assert arm(served).put(ID, {}, "2021-04-01")["id"] == ID, (
        "the next caller in this thread is not the one that ended"
    )
