"""A signal that stops `dr` from outside means what Ctrl-C means: a scheduler's stop is an ordinary end, with its record."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def as_ctrl_c(*numbers: signal.Signals) -> Iterator[None]:
    """Inside, each of these signals does what SIGINT does at that moment; afterwards all is as before.

    SIGINT's own handler is called, not only KeyboardInterrupt raised: while asyncio runs, it is asyncio's, which ends the
    tasks in order. What the caller ignores (nohup) stays ignored. Outside the main thread, where no handler can be set,
    nothing changes. As a container's first process it is more than good manners: the kernel drops a SIGTERM there that
    nobody handles, and the scheduler's SIGKILL would end the run without its record.
    """
    here = threading.current_thread() is threading.main_thread()
    wanted = [n for n in numbers if here and signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # a shell's background job ignores SIGINT; it is still to stop when told to
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)
