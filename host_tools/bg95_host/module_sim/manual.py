"""A module on a manual clock, with a network in memory: deterministic to the byte.

    host = ManualHost(SimOptions())
    host.write(b"AT\\r")
    assert host.run(0.1) == b"AT\\r\\r\\nOK\\r\\n"

Nothing sleeps: `run` moves the clock from one due event to the next. The network is made of `Peer`
objects, called in the module's time; `TlsPeer` is a real TLS server without a socket.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL

from .core import Module
from .net import Accept, Arrived, LinkEvents, ResolveDone
from .options import SimOptions
from .tls_openssl import MTU, dtls_records


class Peer:
    """A server in memory. The base class accepts and says nothing; override what is of interest."""

    def connected(self, link: MemoryLink) -> None:
        """A module connected."""

    def received(self, link: MemoryLink, data: bytes) -> None:
        """A module sent bytes, or one datagram."""

    def closed(self, link: MemoryLink) -> None:
        """The module closed the link."""


class EchoPeer(Peer):
    """Sends back what it gets, in the clear."""

    def received(self, link: MemoryLink, data: bytes) -> None:
        link.reply(data)


class TlsPeer(Peer):
    """A TLS server in memory, with a pyOpenSSL server context. Plaintext goes to `on_data`."""

    def __init__(self, context: SSL.Context, dtls: bool = False) -> None:
        self.context = context
        self.dtls = dtls
        self.sessions: dict[MemoryLink, SSL.Connection] = {}
        self.plaintext = bytearray()  # everything that modules sent

    def on_data(self, link: MemoryLink, data: bytes) -> None:
        """Plaintext arrived. Override to answer; the base class keeps it."""

    def connected(self, link: MemoryLink) -> None:
        session = SSL.Connection(self.context, None)
        if self.dtls:
            session.set_ciphertext_mtu(MTU)
        session.set_accept_state()
        self.sessions[link] = session

    def received(self, link: MemoryLink, data: bytes) -> None:
        session = self.sessions.get(link)
        if session is None:
            return
        session.bio_write(data)
        try:
            plain = session.recv(65536)
        except SSL.WantReadError:
            plain = b""
        except SSL.Error:
            self._flush(link)
            self.sessions.pop(link)
            link.hang_up()
            return
        self._flush(link)
        self.plaintext += plain
        if plain:
            self.on_data(link, plain)

    def say(self, data: bytes) -> None:
        """Send plaintext on every connection whose handshake is done."""
        for link, session in self.sessions.items():
            with contextlib.suppress(SSL.Error):
                session.sendall(data)
            self._flush(link)

    def close(self) -> None:
        """Close every connection in order: close_notify, then the transport."""
        for link, session in self.sessions.items():
            with contextlib.suppress(SSL.Error):  # the handshake is not done yet
                session.shutdown()
            self._flush(link)
            link.hang_up()
        self.sessions.clear()

    def closed(self, link: MemoryLink) -> None:
        self.sessions.pop(link, None)

    def _flush(self, link: MemoryLink) -> None:
        try:
            while True:
                data = self.sessions[link].bio_read(65536)
                for piece in dtls_records(data) if self.dtls else (data,):
                    link.reply(piece)
        except SSL.Error:
            return  # nothing more to send


class MemoryLink:
    """One connection in memory (a `Link`), seen by the module and by its peer."""

    def __init__(self, net: MemoryNet, peer: Peer, events: LinkEvents | None) -> None:
        self._net = net
        self._peer = peer
        self._events = events
        self._paused: list[tuple[str, tuple[Any, ...]]] | None = None
        self.stuck = 0  # bytes that the network pretends not to take

    # -- the module's side ---------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        self._net.later(lambda: self._peer.received(self, data))

    def unsent(self) -> int:
        return self.stuck

    def pause(self, paused: bool) -> None:
        if paused:
            self._paused = self._paused or []
        elif self._paused is not None:
            waiting, self._paused = self._paused, None
            for event, args in waiting:
                self._net.later(lambda event=event, args=args: self._tell(event, *args))

    def close(self) -> None:
        self._events = None
        self._net.later(lambda: self._peer.closed(self))

    abort = close

    def adopt(self, events: LinkEvents) -> None:
        """An incoming connection has found its owner."""
        self._events = events

    # -- the peer's side -----------------------------------------------------------------------

    def reply(self, data: bytes) -> None:
        """Send bytes to the module."""
        self._net.later(lambda: self._tell("link_received", data))

    def hang_up(self, reason: str = "") -> None:
        """Close the connection; a reason means that it broke."""
        self._net.later(lambda: self._tell("link_closed", reason))

    def _tell(self, event: str, *args: Any) -> None:
        if self._paused is not None:
            self._paused.append((event, args))
        elif self._events is not None:
            getattr(self._events, event)(*args)


class MemoryNet:
    """A `Net` without sockets: names and (address, port) pairs lead to peers."""

    def __init__(self, delay: float = 0.010) -> None:
        self.delay = delay  # seconds that every event takes
        self.names: dict[str, list[str]] = {}
        self.peers: dict[tuple[str, int], Peer] = {}
        self.links: list[MemoryLink] = []
        self.listeners: dict[int, Accept] = {}
        self.ports: dict[int, MemoryPort] = {}
        self.module: Module | None = None
        self._port = 50000

    def later(self, action: Callable[[], None]) -> None:
        """Run an event after the network's delay, in the module's time."""
        assert self.module is not None
        self.module.world_event(self.delay, action)

    def resolve(self, host: str, done: ResolveDone) -> None:
        literal = [host] if host.replace(".", "").isdigit() or ":" in host else []
        self.later(lambda: done(self.names.get(host, literal)))

    def connect(
        self, kind: str, address: str, port: int, events: LinkEvents, local_port: int = 0
    ) -> MemoryLink:
        peer = self.peers.get((address, port))
        link = MemoryLink(self, peer or Peer(), events)
        self.links.append(link)
        if peer is None:
            self.later(lambda: events.link_failed("connection refused"))
            return link
        self._port += 1
        origin = local_port or self._port

        def up() -> None:
            events.link_up(origin)
            peer.connected(link)

        self.later(up)
        return link

    def listen(self, port: int, accept: Accept, done: Callable[[str], None]) -> MemoryListener:
        reason = "address in use" if port in self.listeners else ""
        self.listeners.setdefault(port, accept)
        self.later(lambda: done(reason))
        return MemoryListener(self, port)

    def bind(self, port: int, arrived: Arrived, done: Callable[[str], None]) -> MemoryPort:
        reason = "address in use" if port in self.ports else ""
        bound = MemoryPort(self, port, arrived)
        self.ports.setdefault(port, bound)
        self.later(lambda: done(reason))
        return bound

    def call(self, port: int, peer: Peer, address: str = "192.0.2.7") -> MemoryLink:
        """A client out there connects to a port on which the module listens."""
        link = MemoryLink(self, peer, None)
        self._port += 1
        origin = self._port

        def arrive() -> None:
            events = self.listeners[port](link, address, origin) if port in self.listeners else None
            if events is None:
                peer.closed(link)
                return
            link.adopt(events)
            events.link_up(port)
            peer.connected(link)

        self.later(arrive)
        return link


class MemoryListener:
    """A listening port in memory (a `Listener`)."""

    def __init__(self, net: MemoryNet, port: int) -> None:
        self._net, self._port = net, port

    def close(self) -> None:
        self._net.listeners.pop(self._port, None)


class MemoryPort:
    """A UDP port in memory (a `DatagramPort`); `sent` is what the module sent from it."""

    def __init__(self, net: MemoryNet, port: int, arrived: Arrived) -> None:
        self._net, self._port, self._arrived = net, port, arrived
        self.sent: list[tuple[bytes, str, int]] = []

    def send(self, data: bytes, address: str, port: int) -> None:
        self.sent.append((data, address, port))

    def receive(self, data: bytes, address: str = "192.0.2.7", port: int = 5000) -> None:
        """Somebody out there sends a datagram to the port."""
        self._net.later(lambda: self._arrived(data, address, port))

    def close(self) -> None:
        self._net.ports.pop(self._port, None)


class ManualHost:
    """The host's side of a module on a manual clock."""

    def __init__(self, options: SimOptions | None = None, net: MemoryNet | None = None) -> None:
        self.net = net or MemoryNet()
        self.now = 0.0
        self.module = Module(options or SimOptions(), self.net, self.now)
        self.net.module = self.module
        self.log: list[tuple[float, bytes]] = []  # everything the module sent, with times
        self.unread = bytearray()

    def write(self, data: bytes) -> None:
        """Put bytes on the wire now."""
        self.module.feed(data, self.now)

    def set_pin(self, name: str, level: int) -> None:
        """Drive an input of the module now."""
        self.module.set_pin(name, level, self.now)

    def run(self, seconds: float) -> bytes:
        """Let time pass; returns what the module sent meanwhile (and was not read yet)."""
        self._run_until(self.now + seconds, lambda: False)
        return self.read()

    def run_quietly(self, seconds: float) -> None:
        """Let time pass; what the module sends stays unread."""
        self._run_until(self.now + seconds, lambda: False)

    def wait_until(self, done: Callable[[], bool], limit: float) -> bool:
        """Let time pass until `done`, looked at after every event; False if it never was."""
        return self._run_until(self.now + limit, done)

    def wait_for(self, end: bytes, limit: float = 200.0) -> bytes:
        """Let time pass until the module's output ends with `end`; raises TimeoutError."""
        if not self._run_until(self.now + limit, lambda: self.unread.endswith(end)):
            raise TimeoutError(f"no {end!r} within {limit} s, only {bytes(self.unread)!r}")
        return self.read()

    def command(self, line: str, end: bytes = b"OK\r\n") -> bytes:
        """Send one line and wait for the end of its answer."""
        self.write(line.encode("latin-1") + b"\r")
        return self.wait_for(end)

    def read(self) -> bytes:
        """What the module sent since the last read."""
        data = bytes(self.unread)
        self.unread.clear()
        return data

    def _run_until(self, end: float, done: Callable[[], bool]) -> bool:
        while True:
            self.module.advance(self.now)
            for item in self.module.take(self.now):
                self.log.append(item)
                self.unread += item[1]
            if done():
                return True
            due = self.module.next_due()
            if due is None or due > end:
                self.now = max(self.now, end)
                self.module.advance(self.now)
                return False
            self.now = max(self.now, due)
