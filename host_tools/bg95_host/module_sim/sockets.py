"""The twelve client IDs and what may hang on one: a TLS, DTLS, TCP or UDP connection.

States and closing rules are in spec 1.6.6 and 3.5, receiving in 3.2, sending in 3.1. SSL and plain
sockets share the IDs (spec 1.1) and this class; `ssl_ctx_id` None makes a plain one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING

from .net import Link, LinkEvents, Listener
from .results import Signal
from .schedule import Timer
from .tls import Backend, TlsError, TlsSession, TlsSettings, backends

if TYPE_CHECKING:
    from .core import Module

CLIENT_IDS = 12
NETWORK_TIMEOUT_S = 150.0  # spec 1.6.2
BUFFER, PUSH, TRANSPARENT = 0, 1, 2
OVERTAKEN_S = 0.05  # how late a recv URC is that a closed URC may overtake
OUTPUT_HIGH = 8192  # bytes waiting for the UART at which push and transparent data is held back


class State(IntEnum):
    """<socket_state>, spec 1.6.6; only a plain TCP socket can listen."""

    INITIAL = 0
    OPENING = 1
    CONNECTED = 2
    LISTENING = 3
    CLOSING = 4


class Socket:
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
        self._m = module
        self.client_id = client_id
        self.pdp_id = pdp_id
        self.ssl_ctx_id = ssl_ctx_id
        self.host = host
        self.port = port
        self.mode = mode
        self.protocol = protocol
        self.kind = protocol.upper()  # <service_type> as AT+QISTATE prints it
        self.server_id = client_id  # for an incoming connection, its listener
        self.state = State.OPENING
        self.address = host
        self.local_port = 0
        self.opened = Signal()  # value: 0 or the error code
        self.received = bytearray()
        self.bytes_read = 0
        self.bytes_total = 0
        self.bytes_sent = 0
        self.urc_armed = True
        self._link: Link | None = None
        self._tls: TlsSession | None = None
        self._settings: TlsSettings | None = None
        self._backends: list[Backend] = []
        self._deadline: Timer | None = None
        self._retransmit: Timer | None = None
        self._held = False
        self._late_until = 0.0  # when the last arrival that slow_net holds comes through
        self._datagrams: deque[int] = deque()  # sizes, where trait datagrams keeps them apart
        self._transparent = False  # owns the port right now

    @property
    def is_ssl(self) -> bool:
        """Whether AT+QSSL… commands work on it."""
        return self.ssl_ctx_id is not None

    @property
    def prefix(self) -> str:
        """Which family's URCs tell about it."""
        return "+QSSLURC" if self.is_ssl else "+QIURC"

    # -- opening -------------------------------------------------------------------------------

    def open(self) -> None:
        """Start: look the name up, connect, shake hands. `opened` tells how it went."""
        self._deadline = self._m.after(NETWORK_TIMEOUT_S, lambda: self._fail(569, "no answer"))
        error = self._m.faults.open_error()
        if error is not None:
            self._m.after(0.0, lambda: self._fail(error, "fault open_error"))
            return
        self._m.resolve(self.pdp_id, self.host, self._resolved)

    def _resolved(self, addresses: list[str]) -> None:
        if self.state is not State.OPENING:
            return
        error = self._m.faults.dns_error() or (0 if addresses else 565)
        if error:
            self._fail(error, f"the name {self.host!r} cannot be resolved")
            return
        self.address = addresses[0]
        self._connect()

    def _connect(self) -> None:
        self._m.trace("net", text=f"connect {self.protocol} {self.address}:{self.port}")
        self._link = self._m.net.connect(self.protocol, self.address, self.port, self)

    def link_up(self, local_port: int) -> None:
        """The transport stands (LinkEvents)."""
        if self.state is not State.OPENING:
            return
        self.local_port = local_port
        if self.ssl_ctx_id is None:
            self._succeed()
            return
        try:
            if self._settings is None:
                self._set_deadline(self._m.ssl[self.ssl_ctx_id].negotiatetime)
                self._settings = self._m.tls_settings(self)
                self._backends = backends(self._settings)
            self._tls = self._backends.pop(0)(self._settings)
            self._tls.start()
        except TlsError as error:
            self._fail(566, str(error))
            return
        self._pump_tls()

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        code = self._m.traits.handshake_timeout_error
        self._deadline = self._m.after(seconds, lambda: self._fail(code, "handshake timeout"))

    def link_failed(self, reason: str) -> None:
        """The transport could not be connected (LinkEvents)."""
        if self.state is State.OPENING:
            self._link = None
            self._fail(566, reason)

    def _succeed(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self.state = State.CONNECTED
        if self._tls:
            self._m.trace("net", text=f"client {self.client_id}: {self._tls.described()}")
        self._m.count("opened")
        self.opened.set(0)
        self._m.socket_opened(self, 0)

    def _fail(self, code: int, reason: str) -> None:
        """Opening failed: the ID stays occupied until it is closed (spec 1.6.2)."""
        self._m.trace("net", text=f"client {self.client_id}: open failed with {code}: {reason}")
        self._m.count("open_failures")
        self._release(abort=False)
        self.state = State.INITIAL
        if not self._m.traits.failed_open_holds_id:
            self._m.sockets.pop(self.client_id, None)
        if self._m.traits.urc_sets_geterror or self.mode == TRANSPARENT:
            self._m.last_error = code
        self.opened.set(code)
        self._m.socket_opened(self, code)

    # -- from the network ----------------------------------------------------------------------

    def link_received(self, data: bytes) -> None:
        """Bytes from the peer (LinkEvents)."""
        self._after_delay(self._m.faults.network_delay(), lambda: self._take(data))

    def _after_delay(self, delay: float, action: Callable[[], None]) -> None:
        """Now, or later where the slow_net fault delays this or something before it."""
        self._late_until = max(self._late_until, self._m.now + delay)
        if self._late_until > self._m.now:
            self._m.at(self._late_until, action)
        else:
            action()

    def _take(self, data: bytes) -> None:
        if self._tls is None:
            if self.state is State.CONNECTED and not self.is_ssl:
                self._deliver(data)
            return
        self._m.count("tls_bytes_in", len(data))
        shaking_hands = not self._tls.established
        try:
            plain = self._tls.feed(data)
        except TlsError as error:
            self._pump_tls()
            self._broken(str(error))
            return
        self._pump_tls()
        if shaking_hands and self._tls is not None and self._tls.established:
            self._succeed()
        if plain:
            self._deliver(plain)
        if self._tls is not None and self._tls.closed:
            self._peer_closed("close_notify")

    def link_closed(self, reason: str) -> None:
        """The peer closed the transport, or it broke (LinkEvents)."""
        self._link = None
        self._after_delay(0.0, lambda: self._broken(reason))

    def _broken(self, reason: str) -> None:
        if self.state is State.OPENING:
            self._refused(reason or "the peer closed the connection during the handshake")
        else:
            self._peer_closed(reason)

    def _refused(self, reason: str) -> None:
        """The handshake failed: another library may offer what this server wants."""
        if self._backends and self._tls is not None and not self._tls.answered:
            self._m.trace("net", text=f"client {self.client_id}: {reason}; offering older TLS")
            self._release_link()
            self._connect()
        else:
            self._fail(566, reason)

    def _peer_closed(self, reason: str) -> None:
        """Spec 3.5: state 4 until AT+QSSLCLOSE; `closed`, or NO CARRIER in transparent mode."""
        if self.state is not State.CONNECTED:
            return
        self._m.trace("net", text=f"client {self.client_id}: closed by peer {reason}".rstrip())
        self._m.remember_session(self, self._tls)
        self.state = State.CLOSING
        self._release(abort=False)
        if self._m.traits.unread_after_close == "drop":
            self.received.clear()
        if self._transparent:
            self._transparent = False
            self._m.port.leave_data("NO CARRIER")
        else:
            self._m.urc(f'{self.prefix}: "closed",{self.client_id}')

    def break_off(self, reason: str) -> None:
        """The connection breaks, whatever it was doing."""
        if self.state is State.OPENING:
            self._fail(566, reason)
        else:
            self._peer_closed(reason)

    def lost_silently(self) -> None:
        """The connection is dead and nobody says so (spec 3.7 item 2)."""
        self.state = State.CLOSING
        self.received.clear()
        self._release(abort=True)

    def lost(self, reason: str) -> None:
        """The PDP context is gone, and with it the connection."""
        if self.state is State.OPENING:
            self._fail(570, reason)
        else:
            self._peer_closed(reason)

    # -- to the host ---------------------------------------------------------------------------

    def _deliver(self, data: bytes) -> None:
        self.bytes_total += len(data)
        self._m.count("bytes_in", len(data))
        self._m.faults.passed("in", len(data))
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
        joint = "," if self._m.tcpip.viewmode[0] and not self.is_ssl else "\r\n"
        for at in range(0, len(data), size):
            chunk = data[at : at + size]
            text = f'{self.prefix}: "recv",{self.client_id},{len(chunk)}'
            self._m.urc(text, self.shown(chunk), joint)

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
        length = f",{size}" if traits.recv_urc_length else ""
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
        if self._link is not None and full != self._held:
            self._held = full
            self._link.pause(full)

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

    def room_for(self, size: int) -> bool:
        """Whether the send buffer takes `size` more bytes (else SEND FAIL)."""
        return self.unsent() + size <= self._m.traits.send_buffer

    def unsent(self) -> int:
        """Bytes that the network has not taken yet."""
        return self._link.unsent() if self._link else 0

    def send(self, data: bytes) -> bool:
        """Hand data to the connection; False if it is not connected."""
        if self.state is not State.CONNECTED or self._link is None:
            return False
        self.bytes_sent += len(data)
        self._m.count("bytes_out", len(data))
        self._m.faults.passed("out", len(data))
        if self._tls is None:
            self._link.send(data)
            return True
        try:
            self._tls.send(data)
        except TlsError as error:
            self._broken(str(error))
            return False
        self._pump_tls()
        return True

    def _pump_tls(self) -> None:
        """Move what TLS wants to say to the link, and arm its retransmission timer."""
        if self._tls is None or self._link is None:
            return
        for data in self._tls.outgoing():
            self._m.count("tls_bytes_out", len(data))
            self._link.send(data)
        if self._retransmit:
            self._retransmit.cancel()
            self._retransmit = None
        wait = self._tls.timeout()
        if wait is not None:
            self._retransmit = self._m.after(max(wait, 0.01), self._retransmit_now)

    def _retransmit_now(self) -> None:
        self._retransmit = None
        if self._tls is not None:
            try:
                self._tls.handle_timeout()
            except TlsError as error:
                self._broken(str(error))
                return
            self._pump_tls()

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
        """A local close: no URC follows (spec 1.6.5). 0 means at once."""
        if self.state is State.CONNECTED and self._tls is not None and timeout:
            self._tls.shutdown()
            self._pump_tls()
            self._m.remember_session(self, self._tls)
        was_opening = self.state is State.OPENING
        self._transparent = False
        self.state = State.INITIAL
        self._release(abort=not timeout)
        if was_opening:
            self.opened.set(567)
        self._m.sockets.pop(self.client_id, None)
        self._m.socket_closed(self)

    def _release(self, abort: bool) -> None:
        """Let go of link, session and timers."""
        if self._deadline:
            self._deadline.cancel()
        self._release_link(abort)

    def _release_link(self, abort: bool = False) -> None:
        if self._retransmit:
            self._retransmit.cancel()
        if self._link is not None:
            link, self._link = self._link, None
            if abort:
                link.abort()
            else:
                link.close()
        self._tls = None


class ListeningSocket(Socket):
    """A client ID that listens: QIOPEN's "TCP LISTENER" (spec 2.6.7, 2.6.8)."""

    def __init__(self, module: Module, client_id: int, pdp_id: int, port: int, mode: int) -> None:
        super().__init__(module, client_id, pdp_id, "0.0.0.0", 0, mode)
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
        """Somebody connects: the next free ID is theirs."""
        free = [number for number in range(CLIENT_IDS) if number not in self._m.sockets]
        if not free:
            self._m.urc('+QIURC: "incoming full"')
            return None
        incoming = IncomingSocket(self._m, free[0], self, link, address, port)
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
        super().__init__(module, client_id, listener.pdp_id, address, port, listener.mode)
        self.kind = "TCP INCOMING"
        self.server_id = listener.client_id
        self.local_port = listener.local_port
        self.state = State.CONNECTED
        self._link = link
