"""Every write of a switch meets every fault: it is retried as the service says, or the run ends with its reason; the same
command again ends in the same state (issue "must hold in general": ARM's faults, interrupted ups)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import localcloud
from recovery.errors import DrError
from tests.clouds.small_world import World

pytestmark = pytest.mark.localcloud

RETRIED, ENDS, EITHER = "retried", "ends", "either"
"""either: not every write starts a long-running operation."""

FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("denied", {"status": 403, "code": "AuthorizationFailed", "times": 1}, ENDS),
    ("throttled, told when to come back", {"status": 429, "code": "TooManyRequests", "retry_after": 0.05, "times": 2}, RETRIED),
    ("server error", {"status": 500, "code": "InternalServerError", "times": 1}, RETRIED),
    ("server error that lasts", {"status": 500, "code": "InternalServerError"}, ENDS),
    ("no JSON", {"status": 502, "body": "<html>a proxy's page</html>", "times": 1}, RETRIED),
    ("cut before it was done", {"drop": True, "times": 1}, RETRIED),
    ("cut after it was done", {"drop": True, "after": True, "times": 1}, RETRIED),
    ("another operation under way", {"status": 409, "code": "AnotherOperationInProgress", "times": 1}, RETRIED),
    ("conflict", {"status": 409, "code": "Conflict"}, ENDS),
    ("operation that fails", {"operation": "Failed", "times": 1}, EITHER),
    ("operation that somebody cancels", {"operation": "Canceled", "times": 1}, EITHER),
]  # fmt: skip


def writes(cloud: localcloud.LocalCloud, since: int) -> list[str]:
    seen = cloud.control("GET", f"requests?since={since}&door=arm")
    return [str(r["path"]).partition("?")[0] for r in seen if r["method"] == "PUT"]


def mark(cloud: localcloud.LocalCloud) -> int:
    return max((int(r["n"]) for r in cloud.control("GET", "requests")), default=0)


def state(w: World) -> dict[str, Any]:
    names = ("rg", "apex-record", "api-record", "dr-name", "gw-ip")
    bodies = {name: w.body(name) for name in names}
    for body in bodies.values():
        body.pop("etag", None)
    return bodies


@pytest.mark.parametrize(("fault", "outcome"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_at_any_write_is_retried_or_said_and_the_same_command_again_ends_in_the_same_state(
    w: World, cloud: localcloud.LocalCloud, fault: dict[str, Any], outcome: str
) -> None:
    before = mark(cloud)
    w.up("active")
    paths = sorted(set(writes(cloud, before)))
    wanted = state(w)
    w.up("standby")
    assert len(paths) >= 4, paths
    said = ""
    for path in paths:
        cloud.control("POST", "faults", {"door": "arm", "method": "PUT", "path": path, **fault})
        try:
            w.up("active")
            ended = RETRIED
        except DrError as error:
            ended = ENDS if error.detail and error.fix else "without its parts"
            said = f"{error.summary} {error.__cause__!r}"
        finally:
            cloud.control("DELETE", "faults")
        assert ended in ((RETRIED, ENDS) if outcome == EITHER else (outcome,)), (path, said)
        w.up("active")
        assert state(w) == wanted, path
        assert w.engine.preview("active").changes == ()
        w.up("standby")


class Killed(BaseException):
    """The process ends here, without a word to anyone."""


def test_a_run_that_ends_before_any_of_its_changes_is_simply_run_again(w: World) -> None:
    """Nothing is remembered between runs: the second one sees what the first one left, wherever that was."""
    changes = w.up("active")
    wanted = state(w)
    w.up("standby")
    for number in range(len(changes)):
        left = iter(range(number))

        def end(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Killed

        w.engine.before_change = end
        with pytest.raises(Killed):
            w.up("active")
        w.engine.before_change = lambda: None
        w.up("active")
        assert state(w) == wanted, number
        assert w.engine.preview("active").changes == ()
        w.up("standby")
