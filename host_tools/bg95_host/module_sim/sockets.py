"""The twelve client IDs and what may hang on one: a TLS, DTLS, TCP or UDP connection.

States and closing rules are in spec 1.6.6 and 3.5, receiving in 3.2, sending in 3.1. SSL and plain
sockets share the IDs (spec 1.1) and this class.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .connection import Connection, State
from .net import Link, LinkEvents, Listener

if TYPE_CHECKING:
    from .core import Module

CLIENT_IDS = 12
BUFFER, PUSH, TRANSPARENT = 0, 1, 2
OVERTAKEN_S = 0.05  # how late a recv URC is that a closed URC may overtake
OUTPUT_HIGH = 8192  # bytes waiting for the UART at which push and transparent data is held back


class Socket(Connection):
    """One connection and its client ID."""

    def __init__(
        self,
        module: Module,
        client_id: int,
        pdp_id: int,
        host: str,
        port: int,
        mode: int,
        *,
        ssl_ctx_id: int | None = None,
        protocol: str = "tcp",
    ) -> None:
        super().__init__(module, pdp_id, host, port, ssl_ctx_id=ssl_ctx_id, protocol=protocol)
        self.client_id = client_id
        self.mode = mode
        self.kind = protocol.upper()  # <service_type> as AT+QISTATE prints it
        self.server_id = client_id  # for an incoming connection, its listener
        self.received = bytearray()
        self.bytes_read = 0
        self.urc_armed = True
        self._datagrams: deque[int] = deque()  # sizes, where trait datagrams keeps them apart
        self._transparent = False  # owns the port right now

    @property
    def label(self) -> str:
        return f"client {self.client_id}"

    @property
    def is_ssl(self) -> bool:
        """Whether AT+QSSL… commands work on it."""
        return self.ssl_ctx_id is not None

    @property
    def prefix(self) -> str:
        """Which family's URCs tell about it."""
        return "+QSSLURC" if self.is_ssl else "+QIURC"

    @property
    def joint(self) -> str:
        """What stands between the head of a push URC and its data (spec 2.6.9)."""
        return "," if self._m.tcpip.viewmode[0] and not self.is_ssl else "\r\n"

    # -- from the network ----------------------------------------------------------------------

    def on_opened(self, code: int) -> None:
        """After a failure the ID stays occupied until it is closed (spec 1.6.2)."""
        if code:
            if not self._m.traits.failed_open_holds_id:
                self._m.sockets.pop(self.client_id, None)
            if self._m.traits.urc_sets_geterror or self.mode == TRANSPARENT:
                self._m.last_error = code
        self._m.socket_opened(self, code)

    def on_closed(self, reason: str) -> None:
        """`closed`, or NO CARRIER in transparent mode (spec 3.5)."""
        if self._m.traits.unread_after_close == "drop":
            self.received.clear()
        if self._transparent:
            self._transparent = False
            self._m.port.leave_data("NO CARRIER")
        else:
            self._m.urc(f'{self.prefix}: "closed",{self.client_id}')

    def lost_silently(self) -> None:
        self.received.clear()
        super().lost_silently()

    def deactivated(self) -> None:
        """A local close: no URC follows."""
        self.close(1)

    # -- to the host ---------------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        if self._transparent:
            self._m.trace("module", len=len(data))
            self._m.transmit(data)
        elif self.mode == PUSH:
            self._push(data)
        else:
            self.received += data
            if self.protocol == "udp" and self._m.traits.datagrams:
                self._datagrams.append(len(data))
            self._announce(len(data))
        self.hold_back()

    def _push(self, data: bytes) -> None:
        self.bytes_read += len(data)
        size = self._m.traits.push_chunk
        for at in range(0, len(data), size):
            chunk = data[at : at + size]
            text = f'{self.prefix}: "recv",{self.client_id},{len(chunk)}'
            self._m.urc(text, self.shown(chunk), self.joint)

    def _announce(self, size: int) -> None:
        """One recv URC until the buffer has been read empty (spec 3.2)."""
        traits = self._m.traits
        if not (self.urc_armed or traits.recv_urc_repeats):
            return
        self.urc_armed = False
        self._m.recv_urcs += 1
        if traits.swallow_recv_urc and self._m.recv_urcs % traits.swallow_recv_urc == 0:
            self._m.trace("log", text="recv URC swallowed")
            return
        told = traits.recv_urc_length or (self._m.tcpip.recvind[0] and not self.is_ssl)
        length = f",{size}" if told else ""
        text = f'{self.prefix}: "recv",{self.client_id}{length}'
        if traits.closed_before_recv:
            # A close that follows at once overtakes it (field notes, "Data path").
            self._m.after(OVERTAKEN_S, lambda: self._m.urc(text))
        else:
            self._m.urc(text)

    def hold_back(self) -> None:
        """Let TCP hold the peer back while the host does not keep up; resume when it does."""
        waiting = len(self.received)
        if self.mode != BUFFER or self._transparent:
            full = self._m.tx.backlog >= OUTPUT_HIGH
        else:
            full = waiting >= self._m.traits.receive_buffer
        self.hold(full)

    def shown(self, data: bytes) -> bytes:
        """Received data as AT+QICFG="dataformat" wants it; described for plain sockets only."""
        as_hex = self._m.tcpip.dataformat[1] and not self.is_ssl
        return data.hex().upper().encode() if as_hex else data

    def read(self, size: int) -> bytes:
        """Take up to `size` bytes out of the buffer."""
        if self._datagrams:
            size = min(size, self._datagrams[0])
            self._datagrams[0] -= min(size, len(self.received))
            if not self._datagrams[0]:
                self._datagrams.popleft()
        data = bytes(self.received[:size])
        del self.received[:size]
        self.bytes_read += len(data)
        strict = self._m.traits.recv_rearm == "zero"
        if not self.received and (not strict or not data):
            self.urc_armed = True
        self.hold_back()
        return data

    # -- from the host -------------------------------------------------------------------------

    def enter_transparent(self) -> None:
        """The port is ours: what was buffered goes out first (spec 1.4.3)."""
        self._transparent = True
        self.mode = TRANSPARENT
        self._m.last_transparent = self
        if self.received and self._m.traits.flush_on_return:
            data = self.read(len(self.received))
            self._m.trace("module", len=len(data))
            self._m.transmit(data)

    def leave_transparent(self) -> None:
        """`+++` or DTR: buffer access mode from now on (spec 1.4.2)."""
        self._transparent = False
        self.mode = BUFFER
        self.urc_armed = True
        self.hold_back()

    def switch(self, mode: int) -> None:
        """AT+QISWTMD to buffer or push mode; what is buffered follows the new mode."""
        self.mode = mode
        if mode == PUSH and self.received:
            data = bytes(self.received)
            self.received.clear()
            self.urc_armed = True
            self._push(data)

    def close(self, timeout: int) -> None:
        self._transparent = False
        super().close(timeout)
        self._m.sockets.pop(self.client_id, None)
        self._m.socket_closed(self)


class ListeningSocket(Socket):
    """A client ID that listens: QIOPEN's "TCP LISTENER" (spec 2.6.10)."""

    def __init__(self, module: Module, client_id: int, pdp_id: int, port: int, mode: int) -> None:
        super().__init__(module, client_id, pdp_id, module.address(pdp_id), 0, mode)
        self.kind = "TCP LISTENER"
        self.local_port = port
        self._listener: Listener | None = None

    def open(self) -> None:
        """Listen; `opened` tells how it went."""
        self._listener = self._m.net.listen(self.local_port, self._accept, self._listening)

    def _listening(self, reason: str) -> None:
        if self.state is not State.OPENING:
            return
        if reason:
            self._listener = None
            self._fail(557, reason)
            return
        self.state = State.LISTENING
        self.opened.set(0)
        self._m.socket_opened(self, 0)

    def _accept(self, link: Link, address: str, port: int) -> LinkEvents | None:
        """Somebody connects: the highest free ID is theirs, as in the note's examples."""
        free = [number for number in range(CLIENT_IDS) if number not in self._m.sockets]
        if not free:
            self._m.urc('+QIURC: "incoming full"')
            return None
        incoming = IncomingSocket(self._m, free[-1], self, link, address, port)
        self._m.sockets[incoming.client_id] = incoming
        self._m.urc(f'+QIURC: "incoming",{incoming.client_id},{self.client_id},"{address}",{port}')
        return incoming

    def lost(self, reason: str) -> None:
        """The PDP context is gone: nobody listens any more."""
        self._stop()
        self.state = State.CLOSING
        self._m.urc(f'+QIURC: "closed",{self.client_id}')

    def close(self, timeout: int) -> None:
        self._stop()
        super().close(timeout)

    def _stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None


class IncomingSocket(Socket):
    """A connection that came in through a listener."""

    def __init__(
        self,
        module: Module,
        client_id: int,
        listener: ListeningSocket,
        link: Link,
        address: str,
        port: int,
    ) -> None:
        mode = listener.mode if module.traits.incoming_mode == "listener" else BUFFER
        super().__init__(module, client_id, listener.pdp_id, address, port, mode)
        self.kind = "TCP INCOMING"
        self.server_id = listener.client_id
        self.local_port = listener.local_port
        self.state = State.CONNECTED
        self._link = link
