"""Transparent transmission: the port carries one connection's bytes (spec 1.4, 2.6.9, 2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .schedule import Timer

if TYPE_CHECKING:
    from .core import Module

GUARD_S = 1.0  # silence before and after `+++`, and the longest time that it may take
STEP = 256  # bytes taken from the wire at a time
RETRY_S = 0.02  # how often a full send buffer is tried again


class DataMode:
    """From CONNECT until `+++`, DTR or the end of the connection."""

    def __init__(self, module: Module, socket: Any) -> None:
        self._m = module
        self.socket = socket
        self._packet = bytearray()
        self._flush: Timer | None = None
        self._pluses = 0
        self._first_plus = 0.0
        self._last_byte = module.now
        self._escape: Timer | None = None
        self._retry: Timer | None = None

    def step(self, data: bytes) -> int:
        """How many bytes to take now; 0 while the send buffer is full (RTS would be high)."""
        return 0 if self._retry else min(len(data), STEP)

    def receive(self, data: bytes) -> None:
        """Bytes from the host; the last one arrived now."""
        if b"+" not in data and not self._pluses:
            self._packet += data
        else:
            for i, byte in enumerate(data):
                self._byte(byte, self._m.now - (len(data) - 1 - i) * self._m.rx.byte_time)
        self._last_byte = self._m.now
        self._send_full_packets()

    def _byte(self, byte: int, at: float) -> None:
        if byte == 0x2B and (at - self._last_byte >= GUARD_S or 0 < self._pluses < 3):
            if not self._pluses:
                self._first_plus = at
            self._pluses += 1
            # Pluses that are not three by then are data, see _quiet.
            self._arm(at + GUARD_S if self._pluses == 3 else self._first_plus + GUARD_S)
        else:
            self._release()
            self._packet.append(byte)
        self._last_byte = at

    def _arm(self, due: float) -> None:
        if self._escape:
            self._escape.cancel()
        self._escape = self._m.at(due, self._quiet)

    def _release(self) -> None:
        """The pluses were data after all."""
        if self._escape:
            self._escape.cancel()
            self._escape = None
        self._packet += b"+" * self._pluses
        self._pluses = 0

    def _quiet(self) -> None:
        """Silence after one to three pluses."""
        self._escape = None
        if self._pluses < 3:
            self._release()
            self._send_full_packets()
            return
        self._pluses = 0
        self._leave()

    def dtr_raised(self) -> None:
        """AT&D: 0 ignore, 1 command mode, 2 disconnect and command mode (spec 2.1)."""
        if self._m.profile.dtr_mode == 1:
            self._release()
            self._leave()
        elif self._m.profile.dtr_mode == 2:
            self._release()
            self._send(len(self._packet))
            self.socket.close(1)
            self._m.port.leave_data(self._m.traits.dtr2_result)

    def _leave(self) -> None:
        self._send(len(self._packet))
        self.socket.leave_transparent()
        self._m.port.leave_data("OK")

    # -- packets -------------------------------------------------------------------------------

    def _send_full_packets(self) -> None:
        size = self._m.tcpip.transpktsize[0]
        while len(self._packet) >= size and self._send(size):
            pass
        if self._packet and not self._flush:
            self._flush = self._m.after(self._m.tcpip.transwaittm[0] * 0.1, self._waited)

    def _waited(self) -> None:
        self._flush = None
        self._send(len(self._packet))

    def _send(self, size: int) -> bool:
        """Send the first `size` bytes; False if the send buffer is full, then it is retried."""
        if not size:
            return True
        if not self.socket.room_for(size):
            self._retry = self._m.after(RETRY_S, self._try_again)
            return False
        self._m.trace("host", len=size)
        self.socket.send(bytes(self._packet[:size]))
        del self._packet[:size]
        if self._flush:  # the wait is a packet's: what is left begins another
            self._flush.cancel()
            self._flush = None
        return True

    def _try_again(self) -> None:
        self._retry = None
        if self._send(min(len(self._packet), self._m.tcpip.transpktsize[0])):
            self._send_full_packets()

    def stop(self) -> None:
        """The port leaves data mode; nothing more is sent."""
        for timer in (self._flush, self._escape, self._retry):
            if timer:
                timer.cancel()
