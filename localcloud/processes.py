"""Child processes that cannot outlive the server, even when it is killed with SIGKILL."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux: the signal a process gets when the thread that started it ends
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies. Elsewhere than Linux it does nothing."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call: nobody would send the signal any more
            os._exit(1)


def _leash() -> Callable[[], None]:
    parent = os.getpid()
    return lambda: die_with_parent(parent)


async def spawn(
    command: Sequence[str],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    pipe: bool = False,
    pass_fds: Sequence[int] = (),
) -> asyncio.subprocess.Process:
    """Start a child on a leash, in the server's own process group.

    log: file that takes its output (appended); None throws it away. pipe: stdout is a pipe to read from.
    pass_fds: descriptors that the child inherits under the same numbers.
    stdin is a pipe that closes with the server, which is how children notice its end where prctl is missing.
    """
    sink = log.open("ab") if log else None
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if pipe else (sink or asyncio.subprocess.DEVNULL),
            stderr=sink or asyncio.subprocess.DEVNULL,
            env=dict(env) if env is not None else None,
            preexec_fn=_leash(),
            pass_fds=pass_fds,
        )
    finally:
        if sink:
            sink.close()


async def end(process: asyncio.subprocess.Process, grace: float = 2.0) -> None:
    """SIGTERM, then SIGKILL after `grace` real seconds. Returns when the process is gone."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
