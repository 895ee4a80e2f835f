"""The far side on real sockets: `bg95 probe --serve`, and where a probe learns its CA.

Every peer of farside.py is served as it is; only the bytes' way differs from a simulated module's memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from typing_extensions import Self

from bg95_host.errors import ToolError, said_by
from bg95_host.module_sim.manual import Peer
from bg95_host.probe.farside import FarSide

FETCH_S = 10.0
MOST_CLIENTS = 100  # UDP addresses that are remembered


class _TcpLink(asyncio.Protocol):
    """One TCP connection, as a peer sees it."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._peer.connected(self)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        self._peer.received(self, data)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        self._peer.closed(self)  # type: ignore[arg-type]

    def reply(self, data: bytes) -> None:
        """Bytes for the module."""
        self._transport.write(data)

    def hang_up(self, reason: str = "") -> None:
        """Close."""
        self._transport.close()


class _UdpLink:
    """One address that datagrams come from."""

    def __init__(self, transport: asyncio.DatagramTransport, address: Any) -> None:
        self._transport, self._address = transport, address

    def reply(self, data: bytes) -> None:
        """A datagram for the module."""
        self._transport.sendto(data, self._address)

    def hang_up(self, reason: str = "") -> None:
        """Datagrams have no end."""


class _UdpPort(asyncio.DatagramProtocol):
    """One UDP port. A ClientHello from a known address begins anew."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._links: dict[Any, _UdpLink] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if addr not in self._links:
            if len(self._links) >= MOST_CLIENTS:
                self._peer.closed(self._links.pop(next(iter(self._links))))  # type: ignore[arg-type]
            self._links[addr] = _UdpLink(self._transport, addr)
            self._peer.connected(self._links[addr])  # type: ignore[arg-type]
        self._peer.received(self._links[addr], data)  # type: ignore[arg-type]


class Server:
    """The far side for a module that calls it `host`, on all addresses. A context manager."""

    def __init__(self, host: str, base: int, address: str = "0.0.0.0") -> None:
        self._host, self._base, self._address = host, base, address
        self._loop = asyncio.new_event_loop()
        self._closers: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        except OSError as error:
            self.__exit__()
            raise ToolError(f"the far side cannot listen: {said_by(error)}") from error
        return self

    def __exit__(self, *_: object) -> None:
        for close in self._closers:
            self._loop.call_soon_threadsafe(close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _open(self) -> None:
        far = FarSide(self._host, self._base, self._loop.call_later)
        for (kind, port), peer in far.peers.items():
            if kind == "tcp":
                server = await self._loop.create_server(
                    lambda peer=peer: _TcpLink(peer), self._address, port
                )
                self._closers.append(server.close)
            else:
                transport, _ = await self._loop.create_datagram_endpoint(
                    lambda peer=peer: _UdpPort(peer), (self._address, port)
                )
                self._closers.append(transport.close)


def fetch_ca(host: str, port: int) -> bytes:
    """The far side's CA certificate as it shows it itself; ToolError where it cannot be reached from here."""
    try:
        with socket.create_connection((host, port), FETCH_S) as connection:
            connection.settimeout(None)
            tls = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), connection)
            tls.set_connect_state()
            tls.do_handshake()
            chain = tls.get_peer_cert_chain(as_cryptography=True) or []
            with contextlib.suppress(SSL.Error):
                tls.shutdown()
    except (OSError, SSL.Error) as error:
        raise ToolError(
            f"the far side {host}:{port} cannot be reached ({said_by(error)})"
        ) from error
    return chain[-1].public_bytes(serialization.Encoding.PEM)
