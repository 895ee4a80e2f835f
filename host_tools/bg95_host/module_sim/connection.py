"""A connection of the module to a server: TCP, UDP, TLS or DTLS, from its name to its end.

Knows nothing of client IDs, access modes and URCs: what hangs on it (a socket, an MQTT client, an
HTTP request) overrides `on_opened`, `on_data` and `on_closed`. Limits are in spec 1.6.2 and 3.5.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING

from .net import Link
from .results import Signal
from .schedule import Timer
from .tls import Backend, TlsError, TlsSession, TlsSettings, backends

if TYPE_CHECKING:
    from .core import Module

NETWORK_TIMEOUT_S = 150.0  # spec 1.6.2


class State(IntEnum):
    """<socket_state>, spec 1.6.6; only a plain TCP socket can listen."""

    INITIAL = 0
    OPENING = 1
    CONNECTED = 2
    LISTENING = 3
    CLOSING = 4


class Connection:
    """One connection; `ssl_ctx_id` None makes a plain one."""

    def __init__(
        self,
        module: Module,
        pdp_id: int,
        host: str,
        port: int,
        *,
        ssl_ctx_id: int | None = None,
        protocol: str = "tcp",
    ) -> None:
        self._m = module
        self.pdp_id = pdp_id
        self.ssl_ctx_id = ssl_ctx_id
        self.host = host
        self.port = port
        self.protocol = protocol
        self.state = State.OPENING
        self.address = host
        self.local_port = 0
        self.wanted_port = 0  # the local one; 0: any
        self.bytes_sent = 0
        self.bytes_total = 0  # received
        self.opened = Signal()  # value: 0 or the error code
        self._link: Link | None = None
        self._tls: TlsSession | None = None
        self._settings: TlsSettings | None = None
        self._backends: list[Backend] = []
        self._deadline: Timer | None = None
        self._retransmit: Timer | None = None
        self._held = False
        self._late_until = 0.0  # when the last arrival that slow_net holds comes through

    @property
    def label(self) -> str:
        """What the trace calls it."""
        return f"{self.host}:{self.port}"

    @property
    def in_use(self) -> bool:
        """Whether the network has something of it."""
        return self.state in (State.OPENING, State.CONNECTED, State.LISTENING)

    # -- for who hangs on it -------------------------------------------------------------------

    def on_opened(self, code: int) -> None:
        """It stands (0), or could not be opened (the <err> of spec 1.8)."""

    def on_data(self, data: bytes) -> None:
        """Plaintext from the peer."""

    def on_closed(self, reason: str) -> None:
        """The peer closed it ("" or "close_notify"), or it broke."""

    # -- opening -------------------------------------------------------------------------------

    def open(self) -> None:
        """Start: look the name up, connect, shake hands. `opened` tells how it went."""
        self._m.use_radio()
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
        self._link = self._m.net.connect(
            self.protocol, self.address, self.port, self, self.wanted_port
        )

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
            self._m.trace("net", text=f"{self.label}: {self._tls.described()}")
        self._m.count("opened")
        self.opened.set(0)
        self.on_opened(0)

    def _fail(self, code: int, reason: str) -> None:
        """Opening failed."""
        self._m.trace("net", text=f"{self.label}: open failed with {code}: {reason}")
        self._m.count("open_failures")
        self._release(abort=False)
        self.state = State.INITIAL
        self.opened.set(code)
        self.on_opened(code)

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
            if self.state is State.CONNECTED and self.ssl_ctx_id is None:
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

    def _deliver(self, data: bytes) -> None:
        self._m.payload("in", len(data))
        self.bytes_total += len(data)
        self.on_data(data)

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
            self._m.trace("net", text=f"{self.label}: {reason}; offering older TLS")
            self._release_link()
            self._connect()
        else:
            self._fail(566, reason)

    def _peer_closed(self, reason: str) -> None:
        """Spec 3.5: state 4 until it is closed here as well."""
        if self.state is not State.CONNECTED:
            return
        self._m.trace("net", text=f"{self.label}: closed by peer {reason}".rstrip())
        self._m.remember_session(self, self._tls)
        self.state = State.CLOSING
        self._release(abort=False)
        self.on_closed(reason)

    def break_off(self, reason: str) -> None:
        """The connection breaks, whatever it was doing."""
        if self.state is State.OPENING:
            self._fail(566, reason)
        else:
            self._peer_closed(reason)

    def lost_silently(self) -> None:
        """The connection is dead and nobody says so (spec 3.7 item 2)."""
        self.state = State.CLOSING
        self._release(abort=True)

    def lost(self, reason: str) -> None:
        """The PDP context is gone, and with it the connection."""
        if self.state is State.OPENING:
            self._fail(570, reason)
        else:
            self._peer_closed(reason)

    def deactivated(self) -> None:
        """AT+QIDEACT takes the PDP context down."""
        self.lost("the PDP context was deactivated")

    def hold(self, back: bool) -> None:
        """Let the transport hold the peer back, or not any more."""
        if self._link is not None and back != self._held:
            self._held = back
            self._link.pause(back)

    # -- to the network ------------------------------------------------------------------------

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
        self._m.payload("out", len(data))
        self.bytes_sent += len(data)
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

    def close(self, timeout: int) -> None:
        """A local close: no event follows (spec 1.6.5). 0 means at once."""
        if self.state is State.CONNECTED and self._tls is not None and timeout:
            self._tls.shutdown()
            self._pump_tls()
            self._m.remember_session(self, self._tls)
        was_opening = self.state is State.OPENING
        self.state = State.INITIAL
        self._release(abort=not timeout)
        if was_opening:
            self.opened.set(567)

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
