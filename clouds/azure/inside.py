"""The tool's own image, run once inside the network: a container group that is started, followed, and removed.

Azure Container Instances rather than a job of Container Apps: its logs are a plain GET of Resource Manager and its exit
code is told exactly, so that whoever waits outside needs one door only, the one that is never shut.
https://learn.microsoft.com/rest/api/container-instances/container-groups
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clouds.azure.arm import Arm, ArmError
from clouds.azure.role_ready import RoleReady
from recovery.errors import Failed, Unobserved
from recovery.model import Json

VERSION = "2023-05-01"
CONTAINER = "dr"
STOPPED_CODE = 4
_LOST = 10
"""Answers in a row that may be missing while a run is followed: the network of a bad night."""


@dataclass(frozen=True)
class Order:
    """What is to be run. id: of the container group. image: by digest. identity, client: its ARM id and client id.
    command: `dr`'s arguments. environment: no secrets, they would stand in the resource."""

    id: str
    location: str
    image: str
    identity: str
    client: str
    subnet: str
    command: Sequence[str]
    environment: Mapping[str, str]

    def body(self) -> dict[str, Json]:
        """The container group: once, no public address, its image pulled by identity."""
        values = {**self.environment, "AZURE_CLIENT_ID": self.client}
        return {
            "location": self.location,
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {self.identity: {}}},
            "properties": {
                "osType": "Linux", "restartPolicy": "Never", "sku": "Standard",
                "subnetIds": [{"id": self.subnet}],
                "imageRegistryCredentials": [{"server": self.image.partition("/")[0], "identity": self.identity}],
                "containers": [{
                    "name": CONTAINER,
                    "properties": {
                        "image": self.image, "command": ["dr", *self.command],
                        "resources": {"requests": {"cpu": 1, "memoryInGB": 2}},
                        "environmentVariables": [{"name": k, "value": v} for k, v in sorted(values.items()) if v],
                    },
                }],
            },
        }  # fmt: skip


class Inside:
    """One run. out: takes its output as it comes. say: talk about the run itself."""

    def __init__(
        self,
        arm: Arm,
        out: Callable[[str], None],
        say: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._arm, self._out, self._say, self._sleep = arm, out, say, sleep
        self._shown = ""

    def start(self, order: Order) -> None:
        """Start it. A fresh identity's right to pull the image may take minutes: it is tried until it works."""
        try:
            RoleReady(self._arm.endpoints.scale, say=self._say)(
                "starting the tool's image",
                lambda: self._arm.put(order.id, order.body(), VERSION),
                "operator",
            )
        except ArmError as error:
            raise Failed(
                f"the tool's image could not be started: {error}", "the command was not run",
                "dr doctor    (or dr init: is the image there?)", retry=True,
            ) from error  # fmt: skip

    def follow(self, id: str, limit: float) -> int:
        """Stream its output until it ends; its exit code. limit: simulated seconds. Raises Unobserved when it cannot
        be followed any more (it goes on in Azure)."""
        scale, lost = self._arm.endpoints.scale, 0
        deadline, told = time.monotonic() + limit / scale, ""
        while True:
            try:
                body = self._arm.get(id, VERSION)
                self._stream(id)
                lost = 0
            except ArmError as error:
                lost += 1
                if error.missing or lost >= _LOST:
                    raise self._unseen(id, str(error)) from error
                body = {}
            state = _state(body)
            if state.get("state") == "Terminated":
                self._stream(id, wanted=True)
                return int(state.get("exitCode", 1))
            said = str(state.get("detailStatus") or state.get("state") or "")
            if said and said != told:
                self._say(f"the container is {said.lower()}")
                told = said
            if time.monotonic() > deadline:
                raise self._unseen(id, f"it has not ended after {limit:.0f} s")
            self._sleep(max(0.05, 2 / scale))

    def stop(self, id: str) -> None:
        """Ctrl-C for what runs there: SIGTERM, which `dr` takes as such; then whatever it still says."""
        self._arm.post(f"{id}/stop", None, VERSION)

    def remove(self, id: str) -> None:
        """Take the container group away."""
        try:
            self._arm.delete(id, VERSION)
        except ArmError as error:
            self._say(
                f"{id.rpartition('/')[2]} could not be removed ({error}): az container delete --ids {id}"
            )

    def _stream(self, id: str, wanted: bool = False) -> None:
        try:
            answer = self._arm.get(f"{id}/containers/{CONTAINER}/logs", VERSION)
        except ArmError:
            if wanted:
                self._say("its last output could not be read")
            return  # not there before the container has begun
        text = str(answer.get("content") or "")
        # What is kept is limited: where the beginning has been dropped, what was shown is found again by its end.
        fresh = (
            text[len(self._shown) :]
            if text.startswith(self._shown)
            else text.rpartition(self._shown[-200:])[2]
        )
        if fresh:
            self._out(fresh)
        self._shown = text

    def _unseen(self, id: str, why: str) -> Unobserved:
        name = id.rpartition("/")[2]
        return Unobserved(
            f"{name} cannot be followed any more: {why}", "it may still run inside Azure, and change things there",
            f"dr in-azure --attach {name}", retry=True,
        )  # fmt: skip


def _state(body: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = (body.get("properties") or {}).get("containers") or [{}]
    view = (containers[0].get("properties") or {}).get("instanceView") or {}
    state: Mapping[str, Any] = view.get("currentState") or {}
    return state
