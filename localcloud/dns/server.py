"""DNS on the wire: one port for UDP and TCP, handed to an answering function."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable

from dnslib import QTYPE, RCODE, DNSError, DNSHeader, DNSRecord  # type: ignore[import-untyped]  # dnslib ships no types

from localcloud.dns.names import Answer

Answering = Callable[[str, str], Awaitable[Answer]]
_UDP_LIMIT = 1232  # DNS flag day 2020


def reply_to(packet: bytes, answer: Answer, query: DNSRecord, *, recursion: bool, limit: int | None) -> bytes:
    """The wire form of an answer; truncated where it does not fit."""
    header = DNSHeader(
        id=query.header.id, qr=1, aa=int(answer.authoritative), ra=int(recursion), rd=query.header.rd
    )
    reply = DNSRecord(header, q=query.q)
    reply.header.rcode = answer.rcode
    reply.add_answer(*answer.records)
    reply.add_auth(*answer.authority)
    data = bytes(reply.pack())
    if limit and len(data) > limit:
        data = bytes(reply.truncate().pack())
    return data


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a datagram endpoint's transport is one

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.spawn(self._answer(data, addr))

    async def _answer(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = await self._server.respond(data, _UDP_LIMIT)
        if answer and self._transport is not None:
            self._transport.sendto(answer, addr)


class Server:
    """A DNS server on loopback. recursion: whether it says that it recurses (resolvers do)."""

    def __init__(self, answering: Answering, *, recursion: bool = False) -> None:
        self._answering, self._recursion = answering, recursion
        self.port = 0
        self._udp: asyncio.BaseTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Bind the same free port for UDP and TCP."""
        loop = asyncio.get_running_loop()
        for _ in range(20):
            self._tcp = await asyncio.start_server(self._stream, "127.0.0.1", 0)
            self.port = int(self._tcp.sockets[0].getsockname()[1])
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Udp(self), ("127.0.0.1", self.port)
                )
            except OSError:  # somebody has this number for UDP: another one
                self._tcp.close()
                continue
            return
        raise OSError("no port is free for both UDP and TCP")

    def spawn(self, work: object) -> None:
        """Run a coroutine in the background."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def respond(self, packet: bytes, limit: int | None) -> bytes | None:
        """Answer one packet; None for what is no question."""
        try:
            query = DNSRecord.parse(packet)
        except (DNSError, ValueError, struct.error, IndexError):
            return None
        if not query.questions:
            return None
        kind = QTYPE.get(query.q.qtype, "")
        try:
            answer = await self._answering(str(query.q.qname), str(kind))
        except (OSError, TimeoutError):
            answer = Answer(rcode=RCODE.SERVFAIL, authoritative=False)
        return reply_to(packet, answer, query, recursion=self._recursion, limit=limit)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (size,) = struct.unpack("!H", await reader.readexactly(2))
                answer = await self.respond(await reader.readexactly(size), None)
                if answer is None:
                    break
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        writer.close()

    async def stop(self) -> None:
        """Close the port."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for task in list(self._tasks):
            task.cancel()


class _Ask(asyncio.DatagramProtocol):
    def __init__(self, done: asyncio.Future[bytes]) -> None:
        self._done = done

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self._done.done():
            self._done.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(exc)


async def ask(port: int, name: str, kind: str, timeout: float = 2.0) -> DNSRecord:
    """One question to a loopback server over UDP. Raises TimeoutError or OSError."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Ask(done), remote_addr=("127.0.0.1", port))
    try:
        transport.sendto(bytes(DNSRecord.question(name, kind).pack()))
        return DNSRecord.parse(await asyncio.wait_for(done, timeout))
    finally:
        transport.close()
