"""The module's six MQTT clients (spec 4.4): paho-mqtt speaks, over a connection of the module.

paho never sees a socket: it reads from and writes to a `_Pipe`, and is called when bytes arrive. What
needs a clock, acknowledgements that do not come and keep-alive, is kept here, on the module's time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from .connection import Connection
from .results import Signal
from .schedule import Timer

if TYPE_CHECKING:
    from .core import Module

MOST_IN_FLIGHT = 5  # spec 4.4.2
KEPT = 5  # messages that recv/mode 1 holds, recv_id 0-4
PUBLISH, PUBREL = 3, 6  # packet types, MQTT 3.1.1, 2.2.1
DUP = 0x08
PINGREQ = b"\xc0\x00"
CLOSE_S = 10
# What paho calls the CONNACK codes of MQTT 3: those of MQTT 5.
RETURN_CODES = {0: 0, 132: 1, 133: 2, 136: 3, 134: 4, 135: 5}


class MqttState(IntEnum):
    """<state> of AT+QMTCONN?; OPENED prints as "initialising" (spec 4.4.2, 4.4.3)."""

    CLOSED = -1
    OPENING = 0
    OPENED = 1
    CONNECTING = 2
    CONNECTED = 3


class OpenResult(IntEnum):
    """<result> of +QMTOPEN."""

    FAILED = -1
    OPENED = 0
    WRONG_PARAMETER = 1
    IN_USE = 2
    PDP_FAILED = 3
    DNS_FAILED = 4


class Result(IntEnum):
    """<result> of +QMTCONN, +QMTSUB, +QMTUNS and +QMTPUB."""

    DONE = 0
    RETRANSMITTED = 1
    FAILED = 2


class LinkError(IntEnum):
    """<err> of +QMTSTAT (spec 4.4.3)."""

    PEER_CLOSED = 1
    PING_FAILED = 2
    CONNACK_FAILED = 4
    LINK_DOWN = 7


@dataclass
class MqttSettings:
    """AT+QMTCFG of one client (spec 4.4.1), as AT+QMTCFG prints it."""

    version: tuple[int] = (3,)
    pdpcid: tuple[int] = (1,)
    ssl: tuple[int, ...] = (0,)
    keepalive: tuple[int] = (120,)
    session: tuple[int] = (1,)
    timeout: tuple[int, int, int] = (5, 3, 0)  # packet, retries, whether a retry is reported
    will: tuple[Any, ...] = (0,)  # or flag, QoS, retain, topic, message
    recv_mode: tuple[int, int] = (0, 0)
    aliauth: tuple[str, ...] = ()


class Message(NamedTuple):
    """One received message."""

    message_id: int
    topic: str
    payload: bytes


@dataclass
class _Pending:
    """A packet that waits for its acknowledgement."""

    packet: bytes
    sent: int = 1
    timer: Timer | None = field(default=None, repr=False)


class _Pipe:
    """What paho takes for its socket."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.arrived = bytearray()
        self._send = send

    def recv(self, size: int) -> bytes:
        if not self.arrived:
            raise BlockingIOError
        data = bytes(self.arrived[:size])
        del self.arrived[:size]
        return data

    def send(self, data: bytes) -> int:
        self._send(bytes(data))
        return len(data)

    def setblocking(self, blocking: bool) -> None:
        """It never blocks."""

    def close(self) -> None:
        """The connection is closed by its owner."""


class _Protocol(paho.Client):
    """paho on a pipe, with the message IDs that the host chose."""

    def __init__(self, pipe: _Pipe, **options: Any) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, reconnect_on_failure=False, **options)
        self.max_inflight_messages_set(MOST_IN_FLIGHT)
        self.message_id = 0  # of the next packet
        self._pipe = pipe

    def forget(self, message_id: int) -> None:
        """Nobody waits for this message's acknowledgement any more."""
        if self._out_messages.pop(message_id, None) is not None:
            self._inflight_messages -= 1

    def _create_socket(self) -> Any:
        return self._pipe

    def _mid_generate(self) -> int:
        return self.message_id


class _MqttConnection(Connection):
    """The connection of one client."""

    def __init__(self, module: Module, client: MqttClient, host: str, port: int) -> None:
        enabled, *context = client.settings.ssl
        super().__init__(
            module,
            client.settings.pdpcid[0],
            host,
            port,
            ssl_ctx_id=context[0] if enabled else None,
        )
        self._client = client

    @property
    def label(self) -> str:
        return f"MQTT client {self._client.index}"

    def on_opened(self, code: int) -> None:
        self._client.opened(code)

    def on_data(self, data: bytes) -> None:
        self._client.arrived(data)

    def on_closed(self, reason: str) -> None:
        self._client.link_lost(LinkError.PEER_CLOSED)

    def lost(self, reason: str) -> None:
        if self._client.state > MqttState.OPENING:
            self._client.link_lost(LinkError.LINK_DOWN)
        else:
            super().lost(reason)


class MqttClient:
    """One <client_idx>: its settings, its connection, what is under way, what has arrived."""

    def __init__(self, module: Module, index: int) -> None:
        self._m = module
        self.index = index
        self.settings = MqttSettings()
        self.state = MqttState.CLOSED
        self.connection: Connection | None = None
        self.kept: list[Message | None] = [None] * KEPT
        self._open_result = Signal()
        self._pipe = _Pipe(self._send)
        self._protocol: _Protocol | None = None
        self._pending: dict[tuple[str, int], _Pending] = {}
        self._last_packet = b""
        self._patience: Timer | None = None  # for CONNACK
        self._ping: Timer | None = None
        self._pong: Timer | None = None

    def _urc(self, name: str, *values: object) -> None:
        self._m.urc(f"+QMT{name}: {','.join(map(str, (self.index, *values)))}")

    # -- open, connect -------------------------------------------------------------------------

    def open(self, host: str, port: int) -> Signal:
        """Connect to the broker, with TLS where it is set. +QMTOPEN tells how it went, and so does
        what is returned, which holds an OpenResult.
        """
        self.state = MqttState.OPENING
        self._open_result = Signal()
        self.connection = _MqttConnection(self._m, self, host, port)
        self.connection.open()
        return self._open_result

    def opened(self, code: int) -> None:
        """The connection stands, or could not be opened with this <err> of spec 1.8."""
        if code:
            self._clear()
            by_name = code in (564, 565)
            result = OpenResult.DNS_FAILED if by_name else OpenResult.FAILED
        else:
            self.state, result = MqttState.OPENED, OpenResult.OPENED
        told_otherwise = code and self._m.traits.mqtt_refused_open == "error"
        if not (told_otherwise or self._m.faults.open_is_silent()):
            self._urc("OPEN", int(result))
        self._open_result.set(result)

    def connect(self, client_id: str, user: str | None, password: str | None) -> None:
        """Send CONNECT; raises ValueError for what MQTT does not allow."""
        old = self.settings.version[0] == 3
        protocol = _Protocol(
            self._pipe,
            client_id=client_id,
            clean_session=bool(self.settings.session[0]),
            protocol=paho.MQTTv31 if old else paho.MQTTv311,
        )
        protocol.on_connect = self._connack
        protocol.on_message = self._message
        protocol.on_publish = lambda _client, _data, message_id, *_: self._acknowledged(
            "PUB", message_id
        )
        protocol.on_subscribe = lambda _client, _data, message_id, granted, _: self._acknowledged(
            "SUB", message_id, *(code.value for code in granted)
        )
        protocol.on_unsubscribe = lambda _client, _data, message_id, *_: self._acknowledged(
            "UNS", message_id
        )
        flag, *will = self.settings.will
        if flag:
            qos, retain, topic, message = will
            protocol.will_set(utf8(topic), message.encode("latin-1"), qos, bool(retain))
        if user is not None:
            protocol.username_pw_set(utf8(user), None if password is None else utf8(password))
        self._protocol = protocol
        self.state = MqttState.CONNECTING
        self._patience = self._m.after(self.settings.timeout[0], self._no_connack)
        assert self.connection is not None
        protocol.connect(self.connection.host, self.connection.port, self.settings.keepalive[0])

    def _connack(self, _client: Any, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        self._cancel("_patience")
        returned = RETURN_CODES.get(code.value, 3)
        if returned:
            self._refused(returned)
            return
        self.state = MqttState.CONNECTED
        self._urc("CONN", int(Result.DONE), returned)

    def _refused(self, returned: int) -> None:
        """The broker says no; it is its part to close the connection."""
        self._protocol = None
        self.state = MqttState.OPENED
        self._urc("CONN", int(Result.DONE), returned)

    def _no_connack(self) -> None:
        self._patience = None
        self._urc("CONN", int(Result.FAILED))
        self.link_lost(LinkError.CONNACK_FAILED)

    # -- the end -------------------------------------------------------------------------------

    def disconnect(self) -> None:
        """Say goodbye and close (AT+QMTDISC)."""
        assert self._protocol is not None
        self._protocol.disconnect()
        self.close()

    def close(self) -> None:
        """Close the connection (AT+QMTCLOSE)."""
        connection = self.connection
        self._clear()
        if connection is not None:
            connection.close(CLOSE_S)

    def link_lost(self, error: LinkError) -> None:
        """The connection has ended, or ends now, and the host is told."""
        if self.state is MqttState.CONNECTING and self._patience is not None:
            self._urc("CONN", int(Result.FAILED))
        self.close()
        self._urc("STAT", int(error))

    def _clear(self) -> None:
        self.state = MqttState.CLOSED
        self.connection = None
        self._protocol = None
        self._pipe.arrived.clear()
        for pending in self._pending.values():
            if pending.timer:
                pending.timer.cancel()
        self._pending.clear()
        for name in ("_patience", "_ping", "_pong"):
            self._cancel(name)

    def _cancel(self, name: str) -> None:
        timer = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)

    # -- packets -------------------------------------------------------------------------------

    def subscribe(self, message_id: int, topics: Sequence[tuple[str, int]]) -> None:
        """Send SUBSCRIBE; raises ValueError for a topic that is none."""
        assert self._protocol is not None
        self._protocol.message_id = message_id
        self._protocol.subscribe([(utf8(topic), qos) for topic, qos in topics])
        self._await("SUB", message_id)

    def unsubscribe(self, message_id: int, topics: Sequence[str]) -> None:
        """Send UNSUBSCRIBE; raises ValueError for a topic that is none."""
        assert self._protocol is not None
        self._protocol.message_id = message_id
        self._protocol.unsubscribe([utf8(topic) for topic in topics])
        self._await("UNS", message_id)

    def publish(self, message_id: int, qos: int, retain: int, topic: str, data: bytes) -> None:
        """Send PUBLISH; raises ValueError for a topic that is none."""
        assert self._protocol is not None
        self._protocol.message_id = message_id
        self._protocol.publish(utf8(topic), data, qos, bool(retain))
        if qos:
            self._await("PUB", message_id)
        else:
            self._urc("PUB", message_id, int(Result.DONE))

    @property
    def may_publish(self) -> bool:
        """Whether one more message may be in flight."""
        return sum(kind == "PUB" for kind, _id in self._pending) < MOST_IN_FLIGHT

    def under_way(self, kind: str, message_id: int) -> bool:
        """Whether this message ID is waiting for its acknowledgement already."""
        return (kind, message_id) in self._pending

    def _send(self, packet: bytes) -> None:
        """A whole packet on its way out."""
        self._last_packet = packet
        if packet[0] >> 4 == PUBREL:
            pending = self._pending.get(("PUB", int.from_bytes(packet[2:4], "big")))
            if pending is not None:
                pending.packet = packet
        if self.connection is not None:
            self.connection.send(packet)
        self._cancel("_ping")
        if self.settings.keepalive[0]:
            self._ping = self._m.after(self.settings.keepalive[0], self._send_ping)

    def _await(self, kind: str, message_id: int) -> None:
        pending = _Pending(self._last_packet)
        self._pending[kind, message_id] = pending
        self._arm(kind, message_id, pending)

    def _arm(self, kind: str, message_id: int, pending: _Pending) -> None:
        wait = self.settings.timeout[0]
        pending.timer = self._m.after(wait, lambda: self._overdue(kind, message_id, pending))

    def _overdue(self, kind: str, message_id: int, pending: _Pending) -> None:
        """No acknowledgement: again, as often as AT+QMTCFG="timeout" says."""
        _wait, retries, notice = self.settings.timeout
        if pending.sent >= retries:
            del self._pending[kind, message_id]
            if self._protocol is not None:
                self._protocol.forget(message_id)
            self._urc(kind, message_id, int(Result.FAILED))
            return
        first = pending.packet[0] | (DUP if pending.packet[0] >> 4 == PUBLISH else 0)
        self._send(bytes((first,)) + pending.packet[1:])
        if notice:
            self._urc(kind, message_id, int(Result.RETRANSMITTED), pending.sent)
        pending.sent += 1
        self._arm(kind, message_id, pending)

    def _acknowledged(self, kind: str, message_id: int, *values: int) -> None:
        pending = self._pending.pop((kind, message_id), None)
        if pending is None:
            return  # given up before, or QoS 0
        if pending.timer:
            pending.timer.cancel()
        self._urc(kind, message_id, int(Result.DONE), *values)

    def _send_ping(self) -> None:
        self._send(PINGREQ)
        if self._pong is None:
            self._pong = self._m.after(
                self.settings.timeout[0], lambda: self.link_lost(LinkError.PING_FAILED)
            )

    # -- from the broker -----------------------------------------------------------------------

    def arrived(self, data: bytes) -> None:
        """Bytes from the broker."""
        self._cancel("_pong")
        self._pipe.arrived += data
        while self._protocol is not None and self._pipe.arrived:
            try:
                result = self._protocol.loop_read()
            except UnicodeDecodeError:
                result = MQTTErrorCode.MQTT_ERR_PROTOCOL  # a topic that is not UTF-8
            if result is MQTTErrorCode.MQTT_ERR_SUCCESS or self._protocol is None:
                continue
            if self.state is MqttState.CONNECTING:
                self._cancel("_patience")
                self._refused(1)  # paho keeps CONNACK's "wrong protocol version" to itself
            else:
                self._m.trace("net", text=f"MQTT client {self.index}: not MQTT")
                self.link_lost(LinkError.LINK_DOWN)

    def _message(self, _client: Any, _data: Any, received: paho.MQTTMessage) -> None:
        topic = received.topic.encode().decode("latin-1")  # as its bytes go over the UART
        message = Message(received.mid if received.qos else 0, topic, bytes(received.payload))
        kept, _with_length = self.settings.recv_mode
        if not kept:
            head = self.printed(message)[:-1]
            self._m.urc(head.decode("latin-1"), message.payload + b'"\r\n', '"')
        elif None in self.kept:
            place = self.kept.index(None)
            self.kept[place] = message
            self._urc("RECV", place)
        else:
            self._m.trace("net", text=f"MQTT client {self.index}: no room for a message")

    def printed(self, message: Message) -> bytes:
        """A message as +QMTRECV prints it, up to the payload."""
        length = f"{len(message.payload)}," if self.settings.recv_mode[1] else ""
        head = f'+QMTRECV: {self.index},{message.message_id},"{message.topic}",{length}"'
        return head.encode("latin-1")

    def take(self, place: int) -> Message | None:
        """A message that recv/mode 1 has kept; its place is free again."""
        message, self.kept[place] = self.kept[place], None
        return message


def utf8(text: str) -> str:
    """Text of a command line, whose characters are bytes; raises ValueError unless UTF-8."""
    return text.encode("latin-1").decode("utf-8")
