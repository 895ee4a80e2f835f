"""What a module needs of the network. The core knows only this; adapters bring real sockets.

A `Net` is handed callbacks; it calls them between two `Module.advance` calls, never from inside
one of its own methods, so the core is never re-entered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

ResolveDone = Callable[[list[str]], None]  # with the addresses; none if the name does not exist


class LinkEvents(Protocol):
    """The owner of a link: told what happens to it."""

    def link_up(self, local_port: int) -> None:
        """The transport is connected."""
        ...

    def link_failed(self, reason: str) -> None:
        """It could not be connected."""
        ...

    def link_received(self, data: bytes) -> None:
        """Bytes (TCP) or one datagram (UDP) arrived."""
        ...

    def link_closed(self, reason: str) -> None:
        """The peer closed it ("" ) or it broke."""
        ...


class Link(Protocol):
    """One TCP connection or UDP association."""

    def send(self, data: bytes) -> None:
        """Queue bytes, or one datagram, for the peer."""
        ...

    def unsent(self) -> int:
        """Bytes queued and not yet taken by the network."""
        ...

    def pause(self, paused: bool) -> None:
        """Stop or resume reading, so that the peer is held back."""
        ...

    def close(self) -> None:
        """Send what is queued, then close. No event follows."""
        ...

    def abort(self) -> None:
        """Close at once (RST). No event follows."""
        ...


class Listener(Protocol):
    """A TCP port that the module listens on."""

    def close(self) -> None:
        """Listen no more; connections that were accepted stay."""
        ...


class DatagramPort(Protocol):
    """A UDP port of the module that anybody may send to."""

    def send(self, data: bytes, address: str, port: int) -> None:
        """Send one datagram to an address."""
        ...

    def close(self) -> None:
        """Give the port back."""
        ...


class Accept(Protocol):
    """Called with a new link and who is at its other end; returns its owner, None to refuse it."""

    def __call__(self, link: Link, address: str, port: int) -> LinkEvents | None: ...


class Arrived(Protocol):
    """Called with a datagram and who sent it."""

    def __call__(self, data: bytes, address: str, port: int) -> None: ...


class Net(Protocol):
    """Names and connections."""

    def resolve(self, host: str, done: ResolveDone) -> None:
        """Look a name up."""
        ...

    def connect(
        self, kind: str, address: str, port: int, events: LinkEvents, local_port: int = 0
    ) -> Link:
        """Start a "tcp" or "udp" link, from this local port or any; `events` hears how it goes."""
        ...

    def listen(self, port: int, accept: Accept, done: Callable[[str], None]) -> Listener:
        """Listen on a TCP port; `done` is told "", or why it cannot be."""
        ...

    def bind(self, port: int, arrived: Arrived, done: Callable[[str], None]) -> DatagramPort:
        """Take a UDP port; `done` is told "", or why it cannot be."""
        ...
