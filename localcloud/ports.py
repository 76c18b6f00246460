"""Free ports of loopback, for servers that must be told theirs before they start."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

_given: set[int] = set()
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")  # Linux: where outgoing connections take theirs
_LOWEST, _TRIES = 20_000, 200


def _ephemeral() -> int:
    """The lowest port that a connection may be given by the system; macOS starts at 49152 (RFC 6335)."""
    try:
        return int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 49_152


def _free(port: int) -> int | None:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def free_port() -> int:
    """A port nobody listens at now, never the same twice in one process.

    Between this answer and the server's start any connection of this machine could be given the port as its own end,
    and the server would not start. So it is one that the system gives to none, as long as there are such.
    """
    above = _ephemeral()
    for _ in range(_TRIES if above > _LOWEST + 1_000 else 0):
        port = _LOWEST + secrets.randbelow(above - _LOWEST)
        if port not in _given and _free(port):
            _given.add(port)
            return port
    while True:
        port = _free(0) or 0
        if port and port not in _given:
            _given.add(port)
            return port
