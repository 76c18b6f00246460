"""Ports for servers that are told theirs before they start."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from localcloud import ports
from localcloud.data.node_parts import NodeParts, ensure
from localcloud.data.plane import CosmosServer
from recovery.errors import Failed


def test_a_port_is_none_that_an_outgoing_connection_may_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REH-1: what is free now is still free when the server starts, however many connections this machine opens."""
    (range_ := tmp_path / "range").write_text("32768\t60999\n")
    monkeypatch.setattr(ports, "_EPHEMERAL", range_)
    given = [ports.free_port() for _ in range(300)]
    assert len(set(given)) == 300
    assert all(20_000 <= port < 32_768 for port in given)


def test_where_connections_may_be_given_every_port_one_is_still_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was set up for many connections (range from 1024)."""
    (range_ := tmp_path / "range").write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "_EPHEMERAL", range_)
    with socket.create_server(("127.0.0.1", ports.free_port())) as server:
        assert server.getsockname()[1] >= 1024


def test_a_server_that_failed_to_start_is_started_again_by_the_next_caller(tmp_path: Path) -> None:
    """REH-1: one bad start is not kept for the life of the local cloud (seen in CI: each of five PUTs answered 500)."""
    good = ensure()
    parts = NodeParts(good.node, tmp_path)
    (tmp_path / "node_modules").symlink_to(good.home / "node_modules")
    (tmp_path / "leave_with_parent.js").symlink_to(good.home / "leave_with_parent.js")
    (tmp_path / "cosmos.js").write_text("process.exit(3)")

    async def twice() -> tuple[str, int]:
        server = CosmosServer(parts, tmp_path / "log")
        with pytest.raises(Failed, match="exit 3") as first:
            await server.url()
        (tmp_path / "cosmos.js").unlink()
        (tmp_path / "cosmos.js").symlink_to(good.cosmos)
        try:
            async with httpx.AsyncClient() as http:
                return str(first.value), (await http.get(await server.url() + "/dbs")).status_code
        finally:
            await server.stop()

    said, status = asyncio.run(twice())
    assert "the Cosmos server did not start" in said
    assert status == 200
