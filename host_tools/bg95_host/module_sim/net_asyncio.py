"""The real network for modules on an asyncio loop: getaddrinfo, TCP and UDP sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from .net import Accept, Arrived, LinkEvents, ResolveDone

BUFFER_BYTES = 16384
Deliver = Callable[..., None]


class AsyncioNet:
    """A `Net`. Every event goes through `deliver(callback, *args)`: it brings the module's time up
    to date first, and moves the module's output afterwards.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Deliver) -> None:
        self._loop = loop
        self._deliver = deliver
        self._tasks: set[asyncio.Task[None]] = set()

    def resolve(self, host: str, done: ResolveDone) -> None:
        """Look a name up with the host's resolver."""
        self._start(self._resolve(host, done))

    async def _resolve(self, host: str, done: ResolveDone) -> None:
        try:
            found = await self._loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            addresses = [str(entry[4][0]) for entry in found]
        except (OSError, UnicodeError):
            addresses = []
        self._deliver(done, addresses)

    def connect(
        self, kind: str, address: str, port: int, events: LinkEvents, local_port: int = 0
    ) -> AsyncioLink:
        """Start a TCP or UDP link."""
        link = AsyncioLink(self._deliver, events, datagrams=kind == "udp")
        self._start(self._connect(link, address, port, local_port))
        return link

    async def _connect(self, link: AsyncioLink, address: str, port: int, local_port: int) -> None:
        try:
            if local_port:
                await self._connect_from(local_port, link, address, port)
            elif link.datagrams:
                await self._loop.create_datagram_endpoint(lambda: link, remote_addr=(address, port))
            else:
                await self._loop.create_connection(lambda: link, address, port)
        except (OSError, OverflowError, UnicodeError) as error:
            link.failed(str(error) or type(error).__name__)

    async def _connect_from(
        self, local_port: int, link: AsyncioLink, address: str, port: int
    ) -> None:
        kind = socket.SOCK_DGRAM if link.datagrams else socket.SOCK_STREAM
        bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        try:
            bound.setblocking(False)
            # A device opens from the same port again and again, TIME_WAIT or not.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(("", local_port))
            await self._loop.sock_connect(bound, (address, port))
            if link.datagrams:
                await self._loop.create_datagram_endpoint(lambda: link, sock=bound)
            else:
                await self._loop.create_connection(lambda: link, sock=bound)
        except BaseException:
            bound.close()
            raise

    def listen(self, port: int, accept: Accept, done: Callable[[str], None]) -> AsyncioListener:
        """Listen on this machine's loopback interface: a simulated module is not a public server."""
        listener = AsyncioListener()
        self._start(self._listen(listener, port, accept, done))
        return listener

    async def _listen(
        self, listener: AsyncioListener, port: int, accept: Accept, done: Callable[[str], None]
    ) -> None:
        def incoming() -> AsyncioLink:
            return AsyncioLink(self._deliver, None, False, accept)

        try:
            listener.opened(await self._loop.create_server(incoming, "127.0.0.1", port))
        except (OSError, OverflowError) as error:
            self._deliver(done, str(error))
        else:
            self._deliver(done, "")

    def bind(self, port: int, arrived: Arrived, done: Callable[[str], None]) -> AsyncioPort:
        """Take a UDP port."""
        bound = AsyncioPort(self._deliver, arrived)
        self._start(self._bind(bound, port, done))
        return bound

    async def _bind(self, bound: AsyncioPort, port: int, done: Callable[[str], None]) -> None:
        try:
            await self._loop.create_datagram_endpoint(lambda: bound, local_addr=("0.0.0.0", port))
        except (OSError, OverflowError) as error:
            self._deliver(done, str(error))
        else:
            self._deliver(done, "")

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def shut(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()


class AsyncioListener:
    """A listening TCP port (a `Listener`)."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._closed = False

    def opened(self, server: asyncio.Server) -> None:
        """The port is open; it may not be wanted any more."""
        self._server = server
        if self._closed:
            server.close()

    def close(self) -> None:
        self._closed = True
        if self._server is not None:
            self._server.close()


class AsyncioPort(asyncio.DatagramProtocol):
    """A UDP port (a `DatagramPort`). It hears this machine, and whom the module has written to:
    a network's address translation lets nobody else in.
    """

    def __init__(self, deliver: Deliver, arrived: Arrived) -> None:
        self._deliver = deliver
        self._arrived = arrived
        self._known: set[str] = set()
        self._transport: Any = None
        self._closed = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._closed:
            transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        address, port = addr[:2]
        if not self._closed and (address.startswith("127.") or address in self._known):
            self._deliver(self._arrived, data, address, port)

    def error_received(self, exc: Exception) -> None:
        """Nobody listened where a datagram went: a service does not hear of it."""

    def send(self, data: bytes, address: str, port: int) -> None:
        self._known.add(address)
        self._transport.sendto(data, (address, port))

    def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.close()


class AsyncioLink(asyncio.Protocol, asyncio.DatagramProtocol):
    """One TCP connection or UDP association (a `Link`)."""

    def __init__(
        self,
        deliver: Deliver,
        events: LinkEvents | None,
        datagrams: bool,
        accept: Accept | None = None,
    ) -> None:
        self.datagrams = datagrams
        self._deliver = deliver
        self._events = events
        self._accept = accept  # who gives an incoming connection its owner
        self._transport: Any = None

    # -- from asyncio --------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._accept is not None:
            self._deliver(self._welcome, *transport.get_extra_info("peername")[:2])
        if self._events is None:
            transport.abort()
            return
        if not self.datagrams:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The module's buffers are small (spec 3.1, 3.2); the kernel's would hide a slow peer.
            for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                connection.setsockopt(socket.SOL_SOCKET, buffer, BUFFER_BYTES)
        self._tell("link_up", transport.get_extra_info("sockname")[1])

    def _welcome(self, address: str, port: int) -> None:
        assert self._accept is not None
        self._events = self._accept(self, address, port)

    def data_received(self, data: bytes) -> None:
        self._tell("link_received", data)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._tell("link_received", data)

    def error_received(self, exc: Exception) -> None:
        """UDP: an ICMP error (port unreachable)."""
        self._over(str(exc))

    def eof_received(self) -> bool:
        self._over("")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._over(str(exc) if exc else "")

    def failed(self, reason: str) -> None:
        """The transport could not be connected."""
        events, self._events = self._events, None
        if events is not None:
            self._deliver(events.link_failed, reason)

    def _tell(self, event: str, *args: Any) -> None:
        if self._events is not None:
            self._deliver(getattr(self._events, event), *args)

    def _over(self, reason: str) -> None:
        events, self._events = self._events, None
        if events is not None:
            self._deliver(events.link_closed, reason)

    # -- from the module -----------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            if self.datagrams:
                self._transport.sendto(data)
            else:
                self._transport.write(data)

    def unsent(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def pause(self, paused: bool) -> None:
        if self._transport is None or self.datagrams or self._transport.is_closing():
            return
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def close(self) -> None:
        self._events = None
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self._events = None
        if self._transport is not None:
            self._transport.abort()
