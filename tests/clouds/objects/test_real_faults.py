"""Objects from a real S3 to a real Blob service through a server that breaks down as told; both ways of carrying bytes (SYNC-1, SYNC-2)."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

import localcloud
from clouds.objects import http
from clouds.objects.blob import BlobStore
from clouds.objects.carriers import Carry, Way, choose, pulled, streamed
from clouds.objects.model import Guard
from clouds.objects.mover import Progress, move
from clouds.objects.s3 import S3Store
from clouds.sync.world import UPLOADS
from recovery.errors import Failed
from recovery.sync import policies
from tests.clouds.objects.faulty import Fault, Faulty, faulty
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud
DATA = bytes(range(256)) * 80
LARGE = bytes(range(251)) * 40_000  # more than a block, streamed in one request


@dataclass
class Between:
    """A site whose both sides are reached through a server that may break down."""

    site: Site
    s3: Faulty
    azure: Faulty
    sockets: list[socket.socket] = field(default_factory=list)

    def session(self, limit: int) -> aiohttp.ClientSession:
        """A pool whose sockets are kept, so that the kernel can be asked what passed through them."""
        made = http.session(limit)
        made.connector._socket_factory = self.socket  # type: ignore[union-attr]
        return made

    def socket(self, info: Any) -> socket.socket:
        family, kind, proto, _, _ = info
        made = socket.socket(family, kind, proto)
        made.setblocking(False)
        self.sockets.append(made.dup())
        return made

    def passed(self) -> int:
        """Bytes through the sockets of this process, both ways, by the kernel's counters (tcp_info: bytes_acked, bytes_received)."""
        found = [
            struct.unpack_from("QQ", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 120)
            for s in self.sockets
        ]
        return sum(sum(one) for one in found)

    def move(self, way: Way, pull: dict[str, int] | None = None) -> tuple[Progress, Carry]:
        """One run of uploads, AWS and Azure each behind their breaking server. pull: sizes for `BlobStore.pull`."""
        return asyncio.run(self._move(way, pull or {}))

    async def _move(self, way: Way, pull: dict[str, int]) -> tuple[Progress, Carry]:
        from dataclasses import replace

        from clouds.aws.session import client, credentials

        source = S3Store(
            client("s3", "us-east-1", self.s3.url), self.site.source.uploadsBucket,
            credentials=lambda: credentials(self.s3.url), open_session=self.session,
        )  # fmt: skip
        real = self.site.world.blobs(UPLOADS)
        target = BlobStore(real._client, real._sas, open_session=self.session)
        target._url = target._url.replace(self.azure.upstream, self.azure.url)
        try:
            carry = await choose(source, target, way)
            used = carry
            if pull:

                async def small(source_: Any, target_: Any, entry: Any, guard: Guard) -> int:
                    offer = await source.offer(entry.key, entry.print.etag)
                    bare = replace(offer.source, checksums={}) if "unannounced" in pull else offer.source
                    await target.pull(
                        replace(offer, source=bare), guard, most=pull["most"], block=pull["block"]
                    )
                    return offer.source.size

                used = small
            done = await move(source, target, policies.UPLOADS, fence=lambda: None, carry=used)
        finally:
            await source.close()
            await target.close()
        return done, carry


@pytest.fixture
def between(site: Site, both: localcloud.LocalCloud) -> Iterator[Between]:
    azure = str(site.world.blobs(UPLOADS)._url).partition("/st")[0]
    with faulty(site.url) as s3, faulty(azure) as blob:
        made = Between(site, s3, blob)
        yield made
        for one in made.sockets:
            one.close()


WAYS = pytest.mark.parametrize("way", [Way.STREAM, Way.PULL])
READ = "GET|HEAD"
PASSING: dict[str, tuple[str, dict[str, Any]]] = {
    "throttled": ("s3", {"method": READ, "status": 503, "code": "SlowDown"}),
    "a 5xx of the source": ("s3", {"method": READ, "times": 2, "status": 500, "code": "InternalError"}),
    "a reset while it is read": ("s3", {"method": "GET", "cut": 100}),
    "cut off before anything": ("s3", {"method": "GET", "cut": 0}),
    "other bytes than announced": ("s3", {"method": "GET", "flip": True}),
    "an expired URL": ("s3", {"method": READ, "status": 403, "code": "AccessDenied"}),
    "an expired session": ("s3", {"method": READ, "status": 400, "code": "ExpiredToken"}),
    "Azure throttled": ("azure", {"method": "PUT", "status": 503, "code": "ServerBusy"}),
    "Azure's 5xx": ("azure", {"method": "PUT", "times": 2, "status": 500, "code": "InternalError"}),
    "damaged on the way to Azure": ("azure", {"method": "PUT", "spoil": True}),
    "an expired signature of ours": ("azure", {"method": "PUT", "status": 403, "code": "AuthenticationFailed"}),
}  # fmt: skip
KEYS = {name: f"{name.replace(' ', '-')}.jpg" for name in PASSING}


def break_down(between: Between, name: str, **more: Any) -> None:
    """This fault for the object that is named after it."""
    side, fault = PASSING[name]
    path = re.escape(quote(KEYS[name]))
    getattr(between, side).faults.append(Fault(**{"path": path, **fault, **more}))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clouds.objects.mover.PAUSE", 0.01)


@WAYS
def test_a_passing_fault_costs_a_retry_and_nothing_else(between: Between, way: Way) -> None:
    """Faults on demand, each retried; the bytes that arrive are the source's."""
    site = between.site
    for name, key in KEYS.items():
        site.upload(key, DATA + name.encode())
        break_down(between, name)
    done, carry = between.move(way)
    assert carry is {Way.STREAM: streamed, Way.PULL: pulled}[way]
    assert (done.complete, done.copied, done.errors) == (True, len(KEYS), [])
    assert site.blob_contents("uploads") == site.bucket()
    assert all(fault.times == 0 for fault in between.s3.faults + between.azure.faults), "each has struck"


@WAYS
def test_a_lasting_fault_is_an_error_and_the_run_does_not_say_success(between: Between, way: Way) -> None:
    """A run with any error never says success; the others are carried; nothing damaged is stored."""
    site = between.site
    lasting = ["throttled", "a reset while it is read", "an expired URL", "Azure throttled"]
    for key in [*(KEYS[name] for name in lasting), "whole.jpg"]:
        site.upload(key, DATA + key.encode())
    for name in lasting:
        break_down(between, name, times=999)
    done, _ = between.move(way)
    assert (done.complete, done.copied, done.error_count) == (False, 1, len(lasting))
    assert list(site.blob_contents("uploads")) == ["whole.jpg"]
    between.s3.faults.clear()
    between.azure.faults.clear()
    again, _ = between.move(way)
    assert (again.complete, again.copied) == (True, len(lasting))
    assert site.blob_contents("uploads") == site.bucket()


def test_an_object_that_is_streamed_without_being_held_arrives_whole_or_not_at_all(
    between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is hashed here above a block: the service's own check of the announced MD5 must catch it."""
    site = between.site
    names = ["a reset while it is read", "damaged on the way to Azure", "other bytes than announced"]
    for name in names:
        site.upload(KEYS[name], LARGE)
    break_down(between, names[0], cut=9_000_000)
    break_down(between, names[1])
    break_down(between, names[2])
    monkeypatch.setattr("clouds.objects.mover.TRIES", 1)
    done, _ = between.move(Way.STREAM)
    assert (done.complete, done.error_count) == (False, 3)
    assert site.blob_contents("uploads") == {}
    assert between.move(Way.STREAM)[0].complete
    assert site.blob_contents("uploads") == site.bucket()


@WAYS
def test_a_source_that_changes_while_it_is_read_arrives_in_one_version(between: Between, way: Way) -> None:
    """A source object that changes while it is read; the newer one is carried, never a mixture."""
    site = between.site
    site.upload("a.jpg", DATA)
    between.s3.faults.append(Fault(READ, "/a.jpg", before=lambda: site.upload("a.jpg", DATA[::-1])))
    done, _ = between.move(way)
    assert done.complete
    assert site.blob_contents("uploads") == {"a.jpg": DATA[::-1]}


def test_blocks_that_are_pulled_from_two_versions_never_become_a_blob(
    between: Between,
) -> None:
    """Above the limit of one request: the source changes between two blocks, and the commit does not happen."""
    site = between.site
    site.upload("a.jpg", DATA * 4)
    between.azure.faults.append(
        Fault(
            "PUT",
            "comp=block&.*a.jpg|a.jpg.*comp=block&",
            before=lambda: site.upload("a.jpg", DATA[::-1] * 4),
        )
    )
    done, _ = between.move(Way.PULL, {"most": 1000, "block": 16_384})
    assert done.complete
    assert site.blob_contents("uploads") == {"a.jpg": DATA[::-1] * 4}


@pytest.mark.parametrize("pull", [{}, {"most": 1000, "block": 1_000_000}, {"most": 10**9, "block": 1, "unannounced": 1}],
                         ids=["announced", "in blocks", "no MD5 announced"])  # fmt: skip
def test_what_azure_pulls_does_not_pass_through_here(between: Between, pull: dict[str, int]) -> None:
    """GOALS: server-side, 0 bytes of the objects through the runner, by the kernel's socket counters."""
    site = between.site
    for number in range(4):
        site.upload(f"{number}.jpg", LARGE)
    done, _ = between.move(Way.PULL, pull)
    requests = 4 * 25  # at most, of head lines and headers: a few kilobytes an object
    assert done.complete
    assert between.passed() < requests * 2_000 < len(LARGE) // 20
    assert site.blob_contents("uploads") == site.bucket()
    held = site.blobs("uploads").get_blob_client("0.jpg").get_blob_properties()
    assert (held.content_settings.content_type, held.metadata["who"]) == ("image/jpeg", "a test")
    assert not done.errors
    again, _ = between.move(Way.PULL)
    assert (again.copied, again.complete) == (0, True), "the copies carry what proves them equal"


def test_what_is_streamed_does_pass_through_here(between: Between) -> None:
    """The same counters see streamed bytes twice: the zero above is no blind spot."""
    between.site.upload("a.jpg", LARGE)
    assert between.move(Way.STREAM)[0].complete
    assert between.passed() > 2 * len(LARGE)


def test_a_service_that_cannot_pull_is_streamed_to_and_keeps_no_empty_blob(between: Between) -> None:
    """Chosen by capability: a service that refuses, and unmodified Azurite, which would store nothing as if it were all."""
    site = between.site
    site.upload("a.jpg", DATA)
    between.azure.faults.append(Fault("PUT", "dr-pull-probe", times=9, status=501, code="NotImplemented"))
    assert between.move(Way.AUTO)[1] is streamed
    with pytest.raises(Failed, match="does not fetch"):
        between.move(Way.PULL)
    between.azure.faults.clear()
    assert between.move(Way.AUTO)[1] is pulled
    assert list(site.blob_contents("uploads")) == ["a.jpg"], "no probe is left behind"
