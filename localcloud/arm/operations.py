"""Long-running operations: they run for a scaled duration, may fail, hang, or be superseded, and can be polled."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from localcloud.arm.ids import ArmPath

Finish = Callable[[str], Awaitable[None]]


@dataclass
class Operation:
    """One operation. verb: create, update, delete or an action's name. result: the body at its Location."""

    id: str
    path: ArmPath
    verb: str
    status: str = "InProgress"
    code: str = ""
    message: str = ""
    result: Any = None
    task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Not yet in a final state."""
        return self.status == "InProgress"

    def shown(self) -> dict[str, Any]:
        """The body at its Azure-AsyncOperation address."""
        body: dict[str, Any] = {"id": self.id, "name": self.id, "status": self.status}
        if self.status in ("Failed", "Canceled"):
            body["error"] = {"code": self.code, "message": self.message}
        return body


@dataclass
class Operations:
    """All operations since the start. stopped at the server's end."""

    by_id: dict[str, Operation] = field(default_factory=dict)

    def start(
        self, path: ArmPath, verb: str, seconds: float, finish: Finish, ending: str = "Succeeded"
    ) -> Operation:
        """Run for `seconds` real seconds, then call `finish(status)` and end in `ending` ("stuck": never)."""
        operation = Operation(str(uuid.uuid4()), path, verb)
        self.by_id[operation.id] = operation

        async def run() -> None:
            await asyncio.sleep(seconds)
            if ending == "stuck":
                return
            if ending != "Succeeded":
                operation.code, operation.message = (
                    "InternalServerError",
                    "The operation ended as it was told to.",
                )
            try:
                await finish(ending)
            except Exception as exc:  # noqa: BLE001  an effect that fails is the operation's failure, told to its poller
                operation.code, operation.message = "EffectFailed", f"{type(exc).__name__}: {exc}"
                operation.status = "Failed"
                return
            operation.status = ending

        operation.task = asyncio.get_running_loop().create_task(run())
        return operation

    @staticmethod
    def supersede(operation: Operation, by: str) -> None:
        """Cancel a running operation in favour of a newer one, as the gateway's provider does."""
        if operation.task:
            operation.task.cancel()
        operation.status, operation.code = "Canceled", "CanceledAndSupersededDueToAnotherOperation"
        operation.message = (
            f"Operation {operation.verb} ({operation.id}) was canceled and superseded by {by}."
        )

    def stop(self) -> None:
        """End all tasks."""
        for operation in self.by_id.values():
            if operation.task:
                operation.task.cancel()
