"""The embedded default: real local servers and an ARM-shaped store, on loopback, thrown away afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recovery.errors import BadInput, Failed

DEFAULT_SCALE = 60.0
START_LIMIT = 240.0  # real seconds: Node parts may be installed first, and a busy machine takes its time


@dataclass
class LocalCloud:
    """A running local cloud. state: its folder. pid: the server's. url, token: its control door."""

    state: Path
    pid: int
    url: str
    token: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoints_file(self) -> Path:
        """What DR_ENDPOINTS names."""
        return self.state / "endpoints.json"

    @property
    def env_file(self) -> Path:
        """Shell assignments; `set -a; . FILE` takes them."""
        return self.state / "env"

    @property
    def environment(self) -> dict[str, str]:
        """The same, as a mapping to add to a process's environment."""
        pairs = (line.partition("=") for line in self.env_file.read_text().splitlines() if line)
        return {key: "".join(shlex.split(value)) for key, _, value in pairs}

    def control(self, method: str, path: str, body: Any = None, timeout: float = 10.0) -> Any:
        """One call of the control API: `path` below ``/_local/``. Returns the JSON answer, None when empty.

        Raises Failed when the server answers an error or not at all.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_local/{path}", data, headers, method=method)  # noqa: S310  loopback
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            raise Failed(
                f"the local cloud refused {method} {path}: {error.code} {said}",
                "a control call was wrong",
                "dr local status",
            ) from error
        except OSError as error:
            raise Failed(
                f"the local cloud at {self.url} does not answer: {error}",
                "it may have been stopped",
                "dr local up",
            ) from error
        return json.loads(text) if text else None

    def sign_in(self, name: str) -> dict[str, str]:
        """Sign in as somebody else than the Owner: the environment of that principal (DR_OBJECT_ID names it)."""
        done = self.control("POST", "sessions", {"name": name}, timeout=60)
        return {str(k): str(v) for k, v in done["environment"].items()}

    @property
    def alive(self) -> bool:
        """Whether the server's process exists."""
        if self.process is not None:
            return self.process.poll() is None
        return _exists(self.pid)

    def stop(self, timeout: float = 20.0) -> None:
        """End the server and everything that it started; returns when nothing is left."""
        if self.alive:
            with contextlib.suppress(Failed):
                self.control("POST", "shutdown")
            deadline = time.monotonic() + timeout
            while self.alive and time.monotonic() < deadline:
                time.sleep(0.05)
        # The server leads its own group, so what a crash left behind is reached too.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(timeout)
        for name in ("server.json", "env"):
            (self.state / name).unlink(missing_ok=True)

    def __enter__(self) -> LocalCloud:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    # A zombie is dead: only its parent has not looked yet.
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def running(state: Path) -> LocalCloud | None:
    """The local cloud that runs in this folder, or None."""
    try:
        known: Mapping[str, Any] = json.loads((state / "server.json").read_text())
    except (OSError, ValueError):
        return None
    cloud = LocalCloud(state.resolve(), int(known["pid"]), str(known["url"]), str(known["token"]))
    try:
        return (
            cloud if cloud.alive and cloud.control("GET", "status", timeout=3.0)["pid"] == cloud.pid else None
        )
    except Failed:
        return None


def _throw_away(state: Path) -> None:
    """Start empty: resources live in memory, so a checkpoint or data of an earlier run would speak of nothing.

    Only what a local cloud wrote itself goes, and only where one has been.
    """
    for name in ("server.json", "env", "endpoints.json"):
        (state / name).unlink(missing_ok=True)
    for session in (*state.glob("env-*"), *state.glob("endpoints-*.json")):
        session.unlink()
    if (state / "storage.key").exists():
        for name in ("pulumi", "data", "home", "logs"):
            shutil.rmtree(state / name, ignore_errors=True)
        for name in ("gates.log", "server.log"):
            (state / name).unlink(missing_ok=True)


def start(
    state: Path,
    scale: float = DEFAULT_SCALE,
    *,
    with_parent: bool = False,
    bare: bool = False,
    enforce_roles: bool = False,
) -> LocalCloud:
    """Start a local cloud and wait until it is ready.

    state: its folder (made when absent). scale: simulated seconds a real second. with_parent: it ends when this
    process does, however that happens (rehearsals and tests; `dr local up` leaves it running). bare: the control plane and its effects alone, without the data plane
    and the served provider: storage and Cosmos DB endpoints are then names that lead nowhere. enforce_roles:
    whoever signs in (`sign_in`) may do what its role assignments allow, and nothing else. Raises BadInput
    when one runs in the folder already or the scale is no positive number, Failed when it does not come up.
    """
    if not 0 < scale <= 100_000:
        raise BadInput(
            f"the scale is {scale:g}",
            "it is simulated seconds a real second, above 0",
            "dr local up --scale 60",
        )
    if running(state) is not None:
        raise BadInput(
            f"a local cloud runs in {state} already", "two would write the same files", "dr local down"
        )
    state.mkdir(parents=True, exist_ok=True)
    state = state.resolve()
    _throw_away(state)
    log = state / "server.log"
    command = [sys.executable, "-m", "localcloud.server", "--state", str(state), "--scale", f"{scale:g}"]
    if with_parent:
        command += ["--parent-pid", str(os.getpid())]
    if bare:
        command.append("--bare")
    if enforce_roles:
        command.append("--enforce-roles")
    with log.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            cwd=Path(__file__).parent.parent,
        )
    ready = state / "server.json"
    deadline = time.monotonic() + START_LIMIT
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
            raise Failed(
                f"the local cloud did not start (exit {process.returncode}):\n{tail}",
                "nothing can be rehearsed without it",
                f"less {log}",
            )
        time.sleep(0.02)
    known = json.loads(ready.read_text())
    return LocalCloud(state, process.pid, known["url"], known["token"], process)
