"""Start and stop the local site from outside its process, and make things happen to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from clouds.stack_files import FALLBACK
from localcloud.trustlayer.binaries import missing
from recovery.errors import Failed
from recovery.model import Json

START_SECONDS = 300.0


@dataclass
class LocalSite:
    """A running local site. file: its description, which DR_TRUSTLAYER names."""

    state: Path
    process: subprocess.Popen[bytes]

    @property
    def file(self) -> Path:
        """The site's file."""
        return self.state / "site.json"

    @property
    def body(self) -> dict[str, Json]:
        """What it says."""
        return dict(json.loads(self.file.read_text()))

    @property
    def environment(self) -> dict[str, str]:
        """What `dr` and `pulumi` need to meet this site: its file, the served providers, a backend of its own."""
        backend = self.state / "pulumi"
        backend.mkdir(exist_ok=True)
        return {
            "DR_TRUSTLAYER": str(self.file), "DR_HOME": str(self.state / "home"), "DR_GATE_LOG": str(self.state / "gates.log"),
            "PULUMI_DEBUG_PROVIDERS": str(self.body["attach"]), "PULUMI_BACKEND_URL": f"file://{backend}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "local-only", "PULUMI_SKIP_UPDATE_CHECK": "true", FALLBACK: "true",
        }  # fmt: skip

    def happen(self, what: str, **more: Json) -> None:
        """A fault, or its mending (`localcloud.trustlayer.world`)."""
        self._door("POST", what, json.dumps(more).encode())

    def status(self) -> dict[str, Json]:
        """What the site knows of itself."""
        return dict(json.loads(self._door("GET", "status", None)))

    def _door(self, method: str, what: str, data: bytes | None) -> bytes:
        url, headers = f"{self.body['edge']}/_site/{what}", {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  loopback
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return bytes(answer.read())

    def stop(self) -> None:
        """End it; returns when nothing of it is left."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> LocalSite:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(state: Path, scale: float = 60.0, percentile: str = "median", stacks: bool = False) -> LocalSite:
    """Start it in a folder of its own and wait until it is ready. Raises Failed when it cannot run here.

    stacks: us-west-2 and the global parts are left for the real Pulumi CLI to build (`LocalSite.environment`)."""
    if why := missing():
        raise Failed(why, "the rehearsal runs on a real control plane and a real database", "make cluster")
    state.mkdir(parents=True, exist_ok=True)
    log = state / "server.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", "localcloud.trustlayer.server", "--state", str(state), "--scale", f"{scale:g}", "--percentile", percentile,
             "--parent-pid", str(os.getpid()), *(["--stacks"] if stacks else [])],
            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, cwd=Path(__file__).parent.parent.parent,
        )  # fmt: skip
    site, deadline = LocalSite(state, process), time.monotonic() + START_SECONDS
    while not site.file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            site.stop()
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(
                f"the local site did not start:\n{tail}", "nothing can be rehearsed without it", f"less {log}"
            )
        time.sleep(0.1)
    return site
