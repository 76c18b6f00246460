"""Loopback ports and sockets for the data plane's servers, and waiting until a server answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from recovery.errors import Failed


def listen() -> socket.socket:
    """A listening loopback socket: callers may connect before anything accepts."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(256)
    sock.setblocking(False)
    return sock


async def listening(
    process: asyncio.subprocess.Process, port: int, what: str, log: Path, limit: float = 60.0
) -> None:
    """Wait until `process` answers HTTP on `port`. Raises Failed with the log's end when it does not.

    An accepted connection is no answer: a socket that was handed to a child accepts before the child runs.
    """
    try:
        async with asyncio.timeout(limit):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    try:
                        writer.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
                        if await reader.read(1):
                            return
                    finally:
                        writer.close()
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    said = log.read_text(errors="replace")[-800:] if log.is_file() else ""
    raise Failed(
        f"{what} did not start on port {port} ({'still running' if process.returncode is None else f'exit {process.returncode}'}): {said}",
        "the local cloud cannot work without it",
        "dr local up    (again; the full log is " + str(log) + ")",
        retry=True,
    )
