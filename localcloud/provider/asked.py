"""Who asked: a provider process ends with the engine that started it, and so its retries end too.

This provider lives in the local cloud's process. Without this, a request of a killed engine would be tried again and
again, and arrive minutes after its stack was given up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from clouds.azure.arm import ArmError

_here = threading.local()


class Caller(Protocol):
    """A gRPC call's context."""

    def is_active(self) -> bool: ...


@contextmanager
def asked_by(caller: Caller) -> Iterator[None]:
    """What this thread does now is done for `caller`."""
    _here.caller = caller
    try:
        yield
    finally:
        _here.caller = None


def pause(seconds: float) -> None:
    """Sleep between two attempts. Raises ArmError when nobody waits for the answer any more."""
    time.sleep(seconds)
    caller: Caller | None = getattr(_here, "caller", None)
    if caller is not None and not caller.is_active():
        raise ArmError(0, "Abandoned", "the engine that asked for this has ended")
