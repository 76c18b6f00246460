"""The local cloud's AWS: moto in a process of its own, with what moto leaves out and a disaster plan needs.

Added in front of moto, because the sync rests on it: exports with manifests, checksums and real incremental windows;
resource policies of a table that are obeyed; presigned URLs that expire; Content-MD5 that is checked. What remains
unmodelled: signatures are not verified, IAM is not enforced, alarms do not evaluate.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import aiohttp

from localcloud import processes
from localcloud.aws.door import STATE_PATH
from localcloud.data import children
from recovery.sync.source import Source


class Aws:
    """One moto process. It may be called as soon as this exists: connections wait until it has been seeded."""

    def __init__(self, state: Path, source: Source) -> None:
        self._log = state / "logs" / "aws.log"
        self._source = source
        self._socket = children.listen()
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def start(self) -> None:
        """Start it, without waiting for the seconds that its imports take."""
        fd = self._socket.fileno()
        command = [
            sys.executable,
            "-m",
            "localcloud.aws",
            "--fd",
            str(fd),
            "--source",
            json.dumps(asdict(self._source)),
        ]
        self._process = await processes.spawn(command, log=self._log, pass_fds=(fd,))
        self._socket.close()  # the child's alone: when it dies, callers are refused instead of kept waiting

    async def set_state(self, state: str) -> None:
        """up; down: every connection is cut without an answer; hanging: no answer for a minute, then cut."""
        async with (
            aiohttp.ClientSession() as session,
            session.put(self.url + STATE_PATH, data=state) as reply,
        ):
            reply.raise_for_status()

    async def stop(self) -> None:
        """End it; what it held is gone."""
        if self._process is not None:
            await processes.end(self._process, 1.0)
