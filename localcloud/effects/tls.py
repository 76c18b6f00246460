"""TLS in front of the edge: port 443 of each public address, with the certificate that the gateway's listener names.

A connection is decrypted here and handed to the edge's own port byte for byte. Without an HTTPS listener, or with a
certificate that the gateway cannot read, the handshake is refused, as a gateway refuses it. `Issuer` is the certificate
authority of this cloud, whose root its clients trust (`ca_file` in endpoints.json), made by trustme.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from localcloud.control import Control
from localcloud.effects.edge import POOL, Edge
from localcloud.effects.gateways import Gateways


class Held(Protocol):
    """A certificate as a vault holds it. cer: DER; key: PEM."""

    cer: bytes
    key: bytes


Secret = Callable[[str], Held | None]
"""Key Vault's answer to the gateway: the newest enabled version behind a secret's id."""


class Issuer:
    """The certificate authority of this cloud; its key never leaves the process."""

    def __init__(self, state: Path) -> None:
        import trustme

        self._ca = trustme.CA(organization_name="local cloud")
        self.roots = state / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.roots))

    def issue(self, names: list[str], days: float) -> tuple[bytes, bytes]:
        """(chain, key), both PEM, for these names, valid for so many days from now."""
        until = datetime.now(UTC) + timedelta(days=days)
        made = self._ca.issue_cert(*names, not_after=until)
        chain = b"".join(one.bytes() for one in made.cert_chain_pems)
        return chain, made.private_key_pem.bytes()

    async def control(self, request: web.Request) -> web.StreamResponse:
        """POST ``{"names": [...], "days": 90}``: a certificate as any authority would issue it. For tests and renewals."""
        given: dict[str, Any] = await request.json()
        chain, key = self.issue([str(n) for n in given["names"]], float(given.get("days", 90)))
        return web.json_response({"certificate": chain.decode(), "key": key.decode()})


class TlsEdge:
    """One loopback port for each public address. ports: address -> port."""

    def __init__(self, control: Control, gateways: Gateways, edge: Edge, secret: Secret) -> None:
        self._control, self._gateways, self._edge, self._secret = control, gateways, edge, secret
        self.ports: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []
        self._made: dict[bytes, ssl.SSLContext] = {}

    async def start(self) -> None:
        """Bind a free port for each address. The edge has been started."""
        for address in POOL:
            base = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            base.sni_callback = self._chooser(address)
            server = await asyncio.start_server(
                self._carrier(address), "127.0.0.1", 0, ssl=base, ssl_handshake_timeout=5
            )
            self._servers.append(server)
            self.ports[address] = int(server.sockets[0].getsockname()[1])

    def _chooser(self, address: str) -> Callable[[Any, str | None, ssl.SSLContext], int | None]:
        def choose(connection: Any, host: str | None, _base: ssl.SSLContext) -> int | None:
            held = self._certificate(address)
            if held is None:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            connection.context = self._context(held)
            return None

        return choose

    def _certificate(self, address: str) -> Held | None:
        """What the first HTTPS listener of the gateway there names and can read now."""
        gateway = self._gateways.on(address)
        for secret_id in gateway.table.certificates() if gateway is not None else ():
            held = self._secret(secret_id)
            if held is not None:
                return held
        return None

    def _context(self, held: Held) -> ssl.SSLContext:
        pem = ssl.DER_cert_to_PEM_cert(held.cer).encode() + held.key
        if pem not in self._made:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # the module takes files alone
                file.write(pem)
                file.flush()
                context.load_cert_chain(file.name)
            self._made[pem] = context
        return self._made[pem]

    def _carrier(self, address: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                inner, outer = await asyncio.open_connection("127.0.0.1", self._edge.ports[address])
            except OSError:
                writer.close()
                return
            await asyncio.gather(_pump(reader, outer), _pump(inner, writer))

        return carry

    async def stop(self) -> None:
        """Close the ports."""
        for server in self._servers:
            server.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    with contextlib.suppress(OSError, ssl.SSLError):
        sink.close()
