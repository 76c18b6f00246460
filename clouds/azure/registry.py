"""The registry: the tool's image built inside Azure from a context that is sent there, and found again by digest.

ACR Tasks' quick build: an upload URL, a run, its outcome (learn.microsoft.com/azure/container-registry/
container-registry-tasks-overview). No Docker is needed on the machine that asks.
"""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clouds.azure.arm import Arm, ArmError
from recovery.errors import Failed
from recovery.image import REPOSITORY, tag, wanted

VERSION = "2019-06-01-preview"
_OVER = {"Succeeded", "Failed", "Canceled", "Error", "Timeout"}
BUILD_LIMIT = 3600.0
"""Seconds of one build; plugins and wheels take minutes."""


@dataclass(frozen=True)
class Context:
    """What is sent: file name -> bytes. tag: of the image that it makes."""

    files: Mapping[str, bytes]
    tag: str

    @classmethod
    def of(cls, root: Path, subscription: str) -> Context:
        """The project's own files."""
        names = [p.relative_to(root).as_posix() for p in _files(root)]
        files = {name: (root / name).read_bytes() for name in wanted(names)}
        return cls(files, tag(files, subscription))

    def packed(self) -> bytes:
        """The same as a compressed tar, without owners and times."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, data in sorted(self.files.items()):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return buffer.getvalue()


def _files(root: Path) -> list[Path]:
    from recovery.image import FOLDERS

    found = [p for p in root.iterdir() if p.is_file()]
    for folder in FOLDERS:
        found += [p for p in (root / folder).rglob("*") if p.is_file()]
    return found


class Registry:
    """One registry. id: its ARM id."""

    def __init__(self, arm: Arm, id: str, say: Callable[[str], None] = lambda text: None) -> None:
        self._arm, self._id, self._say = arm, id, say
        self._name = id.rpartition("/")[2].lower()

    def find(self, wanted_tag: str) -> str | None:
        """The image of that tag by digest (``HOST/standby@sha256:...``), None when no run has made it."""
        return next((self._by_digest(i) for i in self._images() if i.get("tag") == wanted_tag), None)

    def newest(self) -> str | None:
        """The image that was built last, None when none ever was."""
        return next((self._by_digest(i) for i in self._images()), None)

    def _images(self) -> list[dict[str, Any]]:
        """What runs have made, the newest first (as the service lists them)."""
        try:
            runs = self._arm.list(f"{self._id}/runs", VERSION)
        except ArmError as error:
            if error.missing:
                return []
            raise
        made = [
            r.get("properties") or {}
            for r in runs
            if (r.get("properties") or {}).get("status") == "Succeeded"
        ]
        return [i for run in made for i in run.get("outputImages") or [] if i.get("repository") == REPOSITORY]

    def build(self, context: Context, subscription: str) -> str:
        """Build, wait, and return the image by digest. Raises Failed with where the log is."""
        place = self._arm.post(f"{self._id}/listBuildSourceUploadUrl", None, VERSION)
        _upload(str(place["uploadUrl"]), context.packed())
        run = self._arm.post(
            f"{self._id}/scheduleRun",
            {
                "type": "DockerBuildRequest", "sourceLocation": place["relativePath"], "dockerFilePath": "Dockerfile",
                "imageNames": [f"{REPOSITORY}:{context.tag}"], "isPushEnabled": True, "timeout": int(BUILD_LIMIT),
                "platform": {"os": "Linux", "architecture": "amd64"},
                "arguments": [{"name": "SUBSCRIPTION", "value": subscription, "isSecret": False}],
            },
            VERSION,
        )  # fmt: skip
        run_id = str((run.get("properties") or {}).get("runId") or run.get("name"))
        body = self._follow(f"{self._id}/runs/{run_id}")
        properties = body.get("properties") or {}
        images = [i for i in properties.get("outputImages") or [] if i.get("tag") == context.tag]
        if properties.get("status") != "Succeeded" or not images:
            said = properties.get("runErrorMessage") or properties.get("status")
            raise Failed(
                f"the build {run_id} of the tool's image did not succeed: {said}",
                "neither the sync job nor dr in-azure has anything to run",
                f"az acr task logs --registry {self._name} --run-id {run_id}    (then: dr init)",
            )
        return self._by_digest(images[0])

    def _follow(self, run: str) -> dict[str, Any]:
        scale = self._arm.endpoints.scale
        deadline, told = time.monotonic() + BUILD_LIMIT / scale, ""
        while True:
            body = self._arm.get(run, VERSION)
            status = str((body.get("properties") or {}).get("status"))
            if status in _OVER:
                return body
            if status != told:
                self._say(f"the image's build is {status.lower()}")
                told = status
            if time.monotonic() > deadline:
                raise Failed(
                    f"the image's build is still {status} after {BUILD_LIMIT:.0f} s",
                    "what needs the image waits for it", "dr init    (it looks again)", retry=True,
                )  # fmt: skip
            time.sleep(max(0.02, 10 / scale))

    def _by_digest(self, image: Mapping[str, Any]) -> str:
        host = image.get("registry") or f"{self._name}.azurecr.io"
        return f"{host}/{REPOSITORY}@{image['digest']}"


def _upload(url: str, data: bytes) -> None:
    import httpx

    try:
        done = httpx.put(url, content=data, headers={"x-ms-blob-type": "BlockBlob"}, timeout=300)
    except httpx.HTTPError as error:
        raise Failed(
            f"the image's sources could not be sent: {error}", "Azure builds the image from them",
            "dr init    (again; nothing was built)", retry=True,
        ) from error  # fmt: skip
    if done.status_code >= 300:
        raise Failed(
            f"the image's sources were refused ({done.status_code})", "Azure builds the image from them", "dr init    (again)"
        )  # fmt: skip
