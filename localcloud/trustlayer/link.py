"""A wire with a delay: the way between two regions, which can also be cut. Bytes arrive in order, `delay` later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable


class Link:
    """Listens on a port of loopback and carries each connection to `target()`. delay: one way, in real seconds."""

    def __init__(self, target: Callable[[], int], delay: float) -> None:
        self.target, self.delay = target, delay
        self.cut = False
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End, with everything that is under way."""
        if self._server is not None:
            self._server.close()
        self.break_off()

    def break_off(self) -> None:
        """Break what is connected now."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target())
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(self._pipe(reader, far_writer), self._pipe(far_reader, writer))
        finally:
            for one in (writer, far_writer):
                self._open.discard(one)
                one.transport.abort()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, chunk = await waiting.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not chunk:
                    with contextlib.suppress(OSError):
                        writer.write_eof()
                    return
                writer.write(chunk)
                await writer.drain()

        task = asyncio.create_task(deliver())
        try:
            while chunk := await reader.read(65536):
                waiting.put_nowait((loop.time() + self.delay, chunk))
        except OSError:
            pass
        waiting.put_nowait((loop.time() + self.delay, b""))
        with contextlib.suppress(OSError):
            await task
