"""One recovery at a time, on whichever machine; and a lock never keeps a site down."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from moto.server import ThreadedMotoServer

from clouds.aws.run_lock import KEY, SECONDS, RunLock
from clouds.trustlayer_site import WEST, Site
from recovery.errors import Stopped


@pytest.fixture
def site() -> Iterator[Site]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    httpx.post(f"http://{host}:{port}/moto-api/reset", trust_env=False)
    found = Site({"aws": {WEST: f"http://{host}:{port}"}, "buckets": {"flags": "trustlayer-flags"}})
    found.aws("s3", WEST).create_bucket(
        Bucket="trustlayer-flags", CreateBucketConfiguration={"LocationConstraint": WEST}
    )
    yield found
    moto.stop()


def _theirs(site: Site, until: float, host: str = "elsewhere", pid: int = 1) -> None:
    body = {"run": "theirs", "host": host, "pid": pid, "until": until}
    site.aws("s3", WEST).put_object(Bucket="trustlayer-flags", Key=KEY, Body=json.dumps(body).encode())


def _there(site: Site) -> bool:
    return bool(site.aws("s3", WEST).list_objects_v2(Bucket="trustlayer-flags").get("Contents"))


def test_a_second_recovery_is_stopped_and_told_by_whom(site: Site) -> None:
    """design.md: a finite, renewed lease; two recoveries at once would undo each other."""
    said: list[str] = []
    with RunLock(site, "mine", said.append):
        # Held by this living process.
        with pytest.raises(Stopped, match="mine is being carried out"), RunLock(site, "second", said.append):
            raise AssertionError("it was let in")
        assert _there(site)
    assert not _there(site)
    _theirs(site, until=1000 + SECONDS)
    with pytest.raises(Stopped, match="elsewhere"), RunLock(site, "mine", said.append, clock=lambda: 1000.0):
        raise AssertionError("it was let in")
    assert said == []


def test_a_lease_that_ended_is_taken_over(site: Site) -> None:
    """A killed recovery keeps nobody out for longer than its lease."""
    _theirs(site, until=999.0)
    with RunLock(site, "mine", print, clock=lambda: 1000.0) as lock:
        body = site.aws("s3", WEST).get_object(Bucket="trustlayer-flags", Key=KEY)["Body"].read()
        assert json.loads(body)["run"] == lock.run == "mine"


def test_without_s3_the_recovery_goes_on_and_says_so() -> None:
    """A lock must not be what keeps a site down."""
    nowhere, said = Site({"aws": {WEST: "http://127.0.0.1:9"}, "buckets": {"flags": "f"}}), list[str]()
    with RunLock(nowhere, "mine", said.append):
        pass
    assert len(said) == 1
    assert "without the lock" in said[0]
