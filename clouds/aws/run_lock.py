"""One recovery of site trustlayer at a time, whoever's machine it runs on: a finite, renewed lease on an object in us-west-2.

Taken and renewed by S3's conditional writes. A lease that ended, or whose process on this machine is gone, is taken over.
Where us-west-2's S3 does not answer the recovery goes on without: a lock must not be what keeps a site down; it says so.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from clouds.trustlayer_site import WEST, Site
from recovery.errors import Stopped
from recovery.model import Json

KEY = "locks/recovery"
SECONDS, RENEW = 60.0, 20.0


class RunLock:
    """`with RunLock(site, run):`. clock: epoch seconds. say: what a person must know. Raises Stopped: somebody has it."""

    def __init__(
        self, site: Site, run: str, say: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self.run, self._say, self._clock = run, say, clock
        self._s3: Any = site.aws("s3", WEST)
        self._bucket = str(site.body["buckets"]["flags"])
        self._etag = ""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> RunLock:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._take()
        except (BotoCoreError, ClientError) as exc:
            self._say(
                f"going on without the lock in {WEST} ({type(exc).__name__}): see that nobody else recovers the site now"
            )
        if self._etag:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        self._end.set()
        if not self._etag:
            return
        self._thread.join(5)
        try:
            if self._etag:  # lost meanwhile: it is another's to give back
                self._s3.delete_object(Bucket=self._bucket, Key=KEY)
        except (BotoCoreError, ClientError):
            self._say(f"the lock was not given back; it ends by itself within {SECONDS:.0f} s")

    def _take(self) -> None:
        if self._put(IfNoneMatch="*"):
            return
        found = self._s3.get_object(Bucket=self._bucket, Key=KEY)
        owner: dict[str, Json] = json.loads(found["Body"].read())
        mine = owner.get("host") == socket.gethostname() and not _alive(int(owner.get("pid", 0)))
        if not (mine or float(owner.get("until", 0)) < self._clock()) or not self._put(IfMatch=found["ETag"]):
            raise Stopped(
                f"{owner.get('run')} is being carried out by process {owner.get('pid')} on {owner.get('host')}",
                "two recoveries at once would undo each other",
                f"wait for it, or end it: its lock ends {SECONDS:.0f} s after its process",
                retry=True,
            )

    def _put(self, **condition: str) -> bool:
        from botocore.exceptions import ClientError

        body = {
            "run": self.run,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "until": self._clock() + SECONDS,
        }
        try:
            done = self._s3.put_object(
                Bucket=self._bucket, Key=KEY, Body=json.dumps(body).encode(), **condition
            )
        except ClientError as exc:
            if exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (409, 412):
                return False
            raise
        self._etag = str(done["ETag"])
        return True

    def _renew(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        while not self._end.wait(RENEW):
            try:
                if not self._put(IfMatch=self._etag):
                    self._etag = ""
                    self._say("the lock was lost to another run: look at `dr assess` before you go on")
                    return
            except (BotoCoreError, ClientError):
                continue  # it lasts some looks longer than one failure


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
