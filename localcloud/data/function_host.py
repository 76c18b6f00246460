"""One function app: its package, its settings, the child process that runs its code, and what it ran."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import sys
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from localcloud import processes
from localcloud.data import packages
from localcloud.data.events import DeliveryError
from recovery.model import Json

CALL_SECONDS = 60.0
KEPT = 1000
_WORKER = Path(__file__).with_name("function_worker.py")
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


@dataclass(frozen=True)
class Execution:
    """One run of a function: what Application Insights would show as a request. duration_ms: real time."""

    id: str
    site: str
    function: str
    event_id: str
    subject: str
    started: str
    duration_ms: float
    success: bool
    error: str


@dataclass
class Deployment:
    """One push of a package. status: Kudu's numbers, 3 failed, 4 success. id: SHA-256 of the zip."""

    id: str
    status: int
    message: str
    received_time: str
    status_text: str = ""
    deployer: str = ""


class FunctionApp:
    """A site. `secrets` are the keys that stand in for its identity locally; `listing` is the real seconds between
    a deployment and its functions being listed."""

    def __init__(self, site: str, folder: Path, secrets: Mapping[str, str], listing: float) -> None:
        self.site = site
        self._folder = folder
        self._secrets = dict(secrets)
        self._listing = listing
        self._settings: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, Json]]] = {}
        self._functions: dict[str, Json] = {}
        self._listed_at = 0.0
        self._stopped = False
        self._turn = asyncio.Lock()
        self.executions: deque[Execution] = deque(maxlen=KEPT)
        self.deployment: Deployment | None = None  # the one that runs
        self.latest: Deployment | None = None  # the last one pushed, which may have failed
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def _current(self) -> Path | None:
        pointer = self._folder / "current"
        if not pointer.is_file():
            return None
        package = self._folder / pointer.read_text()
        return package if package.is_dir() else None

    @property
    def functions(self) -> dict[str, Json]:
        """name -> function.json of what is listed now."""
        if self._stopped or asyncio.get_running_loop().time() < self._listed_at:
            return {}
        return dict(self._functions)

    async def set_settings(self, settings: Mapping[str, str]) -> None:
        """Give the app its settings; a changed setting restarts it, as in Azure."""
        wanted = {str(k): str(v) for k, v in settings.items()}
        if wanted == self._settings and self._process is not None:
            return
        self._settings = wanted
        await self._restart()

    async def set_stopped(self, stopped: bool) -> None:
        """A stopped site runs and lists nothing."""
        self._stopped = stopped

    async def deploy(self, archive: Path, message: str, deployer: str = "") -> Deployment:
        """Take a package; the functions are listed some time after. message, deployer: kept with the deployment."""
        digest = await asyncio.to_thread(_digest, archive)
        self.latest = Deployment(digest, 4, message, datetime.now(UTC).isoformat(), deployer=deployer)
        target = self._folder / f"package-{digest[:16]}"
        try:
            await asyncio.to_thread(packages.unpack, archive, target)
        except packages.BadPackageError as problem:
            self.latest.status, self.latest.status_text = 3, str(problem)
            return self.latest
        self.deployment = self.latest
        (self._folder / "current").write_text(target.name)
        (self._folder / "deployment.json").write_bytes(orjson.dumps(asdict(self.deployment)))
        await self._restart()
        self._listed_at = asyncio.get_running_loop().time() + self._listing
        return self.deployment

    async def resume(self) -> None:
        """After the local cloud was started again: run the package that was there."""
        record = self._folder / "deployment.json"
        if self._current and record.is_file():
            self.deployment = self.latest = Deployment(**orjson.loads(record.read_bytes()))
            await self._restart()

    async def _restart(self) -> None:
        async with self._turn:
            await self._end()
            package = self._current
            if package is None:
                return
            environment = {k: os.environ[k] for k in _PASSED_ON if k in os.environ}
            environment |= self._secrets | self._settings
            environment |= {"PYTHONDONTWRITEBYTECODE": "1", "WEBSITE_SITE_NAME": self.site}
            self._process = await processes.spawn(
                [sys.executable, str(_WORKER), str(package)],
                log=self._folder / "host.log",
                env=environment,
                pipe=True,
            )
            first = await self._line(self._process)
            self._functions = (first or {}).get("functions") or {}
            if not self._functions and self.deployment:
                self.deployment.status_text = str(
                    (first or {}).get("error") or "the worker ended without a word"
                )
            self._reader = asyncio.create_task(self._listen(self._process))

    @staticmethod
    async def _line(process: asyncio.subprocess.Process) -> dict[str, Json] | None:
        assert process.stdout is not None  # noqa: S101 - spawned with a pipe
        line = await process.stdout.readline()
        return orjson.loads(line) if line else None

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        while (answer := await self._line(process)) is not None:
            waiting = self._waiting.pop(answer["id"], None)
            if waiting and not waiting.done():
                waiting.set_result(answer)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result({"ok": False, "ms": 0.0, "error": "the worker ended"})
        self._waiting.clear()

    async def call(self, function: str, event: Mapping[str, Json]) -> None:
        """Run a function with an Event Grid event. Raises DeliveryError when it is not there or fails."""
        names = {name.lower(): name for name in self.functions}
        name = names.get(function.lower())
        if name is None:
            raise DeliveryError("NotFound", f"{self.site} lists no function {function}")
        if self._process is None or self._process.returncode is not None:
            await self._restart()
        call_id = str(uuid.uuid4())
        started = datetime.now(UTC).isoformat()
        waiting: asyncio.Future[dict[str, Json]] = asyncio.get_running_loop().create_future()
        self._waiting[call_id] = waiting
        try:
            process = self._process
            if process is None or process.stdin is None:
                raise DeliveryError("ServiceUnavailable", f"{self.site} does not run")
            process.stdin.write(orjson.dumps({"id": call_id, "function": name, "event": event}) + b"\n")
            await process.stdin.drain()
            async with asyncio.timeout(CALL_SECONDS):
                answer = await waiting
        except (TimeoutError, ConnectionError) as problem:
            answer = {"ok": False, "ms": CALL_SECONDS * 1000, "error": f"{type(problem).__name__}: no answer"}
        finally:
            self._waiting.pop(call_id, None)
        done = Execution(
            call_id, self.site, name, str(event.get("id", "")), str(event.get("subject", "")), started,
            round(float(answer["ms"]), 3), bool(answer["ok"]), str(answer["error"]),
        )  # fmt: skip
        self._record(done)
        if not answer["ok"]:
            raise DeliveryError("InternalServerError", str(answer["error"]))

    def _record(self, execution: Execution) -> None:
        self.executions.append(execution)
        with (self._folder / "executions.jsonl").open("ab") as log:
            log.write(orjson.dumps(asdict(execution)) + b"\n")

    async def _end(self) -> None:
        process, self._process = self._process, None
        self._functions = {}
        if process:
            await processes.end(process)
        if self._reader:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result({"ok": False, "ms": 0.0, "error": "the app was restarted"})

    async def forget(self) -> None:
        """The site was deleted: its code and its history go with it."""
        await self.stop()
        self.deployment = self.latest = None
        self._settings, self._listed_at = {}, 0.0
        self.executions.clear()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)

    async def stop(self) -> None:
        """End the child."""
        async with self._turn:
            await self._end()


def _digest(archive: Path) -> str:
    with archive.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
