"""QIOPEN's "UDP SERVICE": one local port, datagrams from and to anybody (spec 2.6.10)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from .connection import State
from .net import DatagramPort
from .sockets import PUSH, Socket

if TYPE_CHECKING:
    from .core import Module


class Datagram(NamedTuple):
    """One datagram, and who sent it."""

    data: bytes
    address: str
    port: int


class UdpService(Socket):
    """A client ID that receives and sends single datagrams."""

    def __init__(self, module: Module, client_id: int, pdp_id: int, port: int, mode: int) -> None:
        super().__init__(module, client_id, pdp_id, module.address(pdp_id), 0, mode)
        self.kind = "UDP SERVICE"
        self.local_port = port
        self._waiting: deque[Datagram] = deque()
        self._bound: DatagramPort | None = None

    def open(self) -> None:
        """Take the port; `opened` tells how it went."""
        self._bound = self._m.net.bind(self.local_port, self._on_the_way, self._taken)

    def _taken(self, reason: str) -> None:
        if self.state is not State.OPENING:
            return
        if reason:
            self._bound = None
            self._fail(557, reason)
        else:
            self._succeed()

    def _on_the_way(self, data: bytes, address: str, port: int) -> None:
        delay = self._m.faults.network_delay()
        self._after_delay(delay, lambda: self._arrived(data, address, port))

    def _arrived(self, data: bytes, address: str, port: int) -> None:
        """A datagram; what finds no room is lost, as UDP allows."""
        if self.state is not State.CONNECTED or not data:
            return
        if len(self.received) + len(data) > self._m.traits.receive_buffer:
            self._m.trace("net", text=f"{self.label}: a datagram is dropped, the buffer is full")
            return
        self._m.payload("in", len(data))
        self.bytes_total += len(data)
        if self.mode == PUSH:
            self.bytes_read += len(data)
            text = f'{self.prefix}: "recv",{self.client_id},{len(data)},"{address}",{port}'
            self._m.urc(text, self.shown(data), self.joint)
        else:
            self.received += data
            self._waiting.append(Datagram(data, address, port))
            self._announce(len(data))

    def next_datagram(self) -> Datagram | None:
        """Take the oldest datagram that waits."""
        datagram = self._waiting.popleft() if self._waiting else None
        self.read(len(datagram.data) if datagram else 0)
        return datagram

    def send_to(self, data: bytes, address: str, port: int) -> bool:
        """Send one datagram; False if the service has ended."""
        if self.state is not State.CONNECTED or self._bound is None:
            return False
        self._m.payload("out", len(data))
        self.bytes_sent += len(data)
        self._bound.send(data, address, port)
        return True

    def _release(self, abort: bool) -> None:
        if self._bound is not None:
            self._bound.close()
            self._bound = None
        super()._release(abort)
