"""AT+QMT…: MQTT (spec 4.4)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..mqtt import KEPT, MqttClient, MqttState, OpenResult
from ..registry import AsWritten, Choice, Command, Family, Field, Int, Text
from ..results import Final, PlainError, Raw, Receive, TcpipError, Until
from ..syntax import Param
from . import pdp
from .items import changed, shown
from .ssl_socket import CTRL_Z, ESC, prompt

if TYPE_CHECKING:
    from ..core import Module

MOST_PUBLISHED, MOST_IN_LINE = 4096, 560  # bytes of AT+QMTPUB and AT+QMTPUBEX
INDEX = Int("client_idx", 0, 5)
QOS = Int("qos", 0, 2)
TOPIC = Text("topic", 255)


def _command(name: str, test: str | None = None, **more: Any) -> Command:
    section = "4.4.1" if name == "CFG" else "4.4.2"
    return Command(f"+QMT{name}", Family.MQTT, section, test=test, **more)


def client_in(m: Module, index: int, *states: MqttState) -> MqttClient:
    """The client, if it is in one of these states; raises ERROR."""
    client = m.mqtt[index]
    if client.state not in states:
        raise PlainError
    return client


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """What MQTT does not allow (a wildcard in a topic, text that is not UTF-8) is ERROR."""
    try:
        yield
    except ValueError:
        raise PlainError from None


# -- settings --------------------------------------------------------------------------------------

_ITEMS: dict[str, tuple[Field, ...]] = {
    "version": (Int("vsn", 3, 4),),
    "pdpcid": (Int("cid", 1, 16),),
    "ssl": (Int("enable", 0, 1), Int("SSL_ctxID", 0, 5, default=None)),
    "keepalive": (Int("keep_alive_time", 0, 3600),),
    "session": (Int("clean_session", 0, 1),),
    "timeout": (
        Int("pkt_timeout", 1, 60),
        Int("retry_times", 0, 10, default=None),
        Int("timeout_notice", 0, 1, default=None),
    ),
    "will": (
        Int("will_fg", 0, 1),
        Int("will_qos", 0, 2, default=None),
        Int("will_retain", 0, 1, default=None),
        Text("will_topic", 255, default=None),
        Text("will_msg", 255, default=None),
    ),
    "recv/mode": (Int("msg_recv_mode", 0, 1), Int("msg_len_enable", 0, 1, default=None)),
    "aliauth": (
        Text("product_key", 255),
        Text("device_name", 255),
        Text("device_secret", 255),
    ),
}
_SWITCHES = ("ssl", "will")  # off, or on with all their values

QMTCFG = _command("CFG")
QMTCFG.secret_after = ("aliauth",)


@QMTCFG.tests
def qmtcfg_test(m: Module) -> Iterator[str]:
    yield '+QMTCFG: "version",(0-5),(3,4)'
    yield '+QMTCFG: "pdpcid",(0-5),(1-16)'
    yield '+QMTCFG: "ssl",(0-5),(0,1),(0-5)'
    yield '+QMTCFG: "keepalive",(0-5),(0-3600)'
    yield '+QMTCFG: "session",(0-5),(0,1)'
    yield '+QMTCFG: "timeout",(0-5),(1-60),(0-10),(0,1)'
    yield '+QMTCFG: "will",(0-5),(0,1),(0-2),(0,1),<will_topic>,<will_msg>'
    yield '+QMTCFG: "recv/mode",(0-5),(0,1),(0,1)'
    yield '+QMTCFG: "aliauth",(0-5),<product_key>,<device_name>,<device_secret>'


@QMTCFG.write(Choice("item", tuple(_ITEMS)), INDEX, repeated=(AsWritten("value", default=None),))
def qmtcfg(m: Module, item: str, index: int, *given: Param | None) -> Iterator[str]:
    """The answer to a query does not repeat the index."""
    settings = m.mqtt[index].settings
    name = item.replace("/", "_")
    known = getattr(settings, name)
    if not given:
        if known:
            yield f'+QMTCFG: "{item}",{shown(known)}'
        return
    switch = item in _SWITCHES
    values = changed(QMTCFG, m, _ITEMS[item], given, () if switch else known)
    if switch and not values[0]:
        values = (0,)
    elif None in values:
        raise PlainError  # what a switch needs is given with it
    setattr(settings, name, values)


# -- the connection --------------------------------------------------------------------------------

QMTOPEN = _command("OPEN", "(0-5),<host_name>,(0-65535)")


@QMTOPEN.read
def qmtopen_read(m: Module) -> Iterator[str]:
    for client in m.mqtt.values():
        if client.state > MqttState.OPENING and client.connection is not None:
            host, port = client.connection.host, client.connection.port
            yield f'+QMTOPEN: {client.index},"{host}",{port}'


@QMTOPEN.write(INDEX, Text("host_name", 100), Int("port", 0, 65535))
def qmtopen(m: Module, index: int, host: str, port: int) -> Iterator[Any]:
    client = m.mqtt[index]
    if not host:
        raise PlainError
    if client.state is not MqttState.CLOSED:
        return _told(m, f"+QMTOPEN: {index},{OpenResult.IN_USE:d}")
    if not _has_network(m, client.settings.pdpcid[0]):
        return _told(m, f"+QMTOPEN: {index},{OpenResult.PDP_FAILED:d}")
    opened = client.open(host, port)
    if m.traits.mqtt_refused_open == "error":
        yield Until(opened)
        if opened.value:
            yield f"+QMTOPEN: {index},{opened.value:d}"
            raise PlainError
    return Final("OK")


def _told(m: Module, urc: str) -> Final:
    return Final("OK", then=lambda: m.urc(urc))


def _has_network(m: Module, context_id: int) -> bool:
    """Whether the PDP context is active, now at the latest."""
    if not m.pdp[context_id].active and m.traits.mqtt_activates_pdp:
        try:
            pdp.activate(m, context_id)
        except TcpipError:
            return False
    return m.pdp[context_id].active


QMTCLOSE = _command("CLOSE", "(0-5)")


@QMTCLOSE.write(INDEX)
def qmtclose(m: Module, index: int) -> Final:
    client = client_in(m, index, MqttState.OPENED, MqttState.CONNECTING, MqttState.CONNECTED)
    client.close()
    return _told(m, f"+QMTCLOSE: {index},0")


QMTCONN = _command("CONN", "(0-5),<clientID>,<username>,<password>", answer=("client_idx", "state"))


@QMTCONN.read
def qmtconn_read(m: Module) -> Iterator[str]:
    for client in m.mqtt.values():
        if client.state > MqttState.OPENING:
            yield f"+QMTCONN: {client.index},{client.state:d}"


@QMTCONN.write(
    INDEX,
    Text("clientID", 255),
    Text("username", 255, default=None),
    Text("password", 255, default=None, secret=True),
)
def qmtconn(m: Module, index: int, client_id: str, user: str | None, password: str | None) -> None:
    client = client_in(m, index, MqttState.OPENED)
    with allowed():
        client.connect(client_id, user, password)


QMTDISC = _command("DISC", "(0-5)")


@QMTDISC.write(INDEX)
def qmtdisc(m: Module, index: int) -> Final:
    """Closes the connection as well."""
    client_in(m, index, MqttState.CONNECTED).disconnect()
    return _told(m, f"+QMTDISC: {index},0")


# -- messages --------------------------------------------------------------------------------------

QMTSUB = _command("SUB", "(0-5),(1-65535),<topic>,(0-2)")


@QMTSUB.write(INDEX, Int("msgID", 1, 65535), TOPIC, QOS, repeated=(TOPIC, QOS))
def qmtsub(m: Module, index: int, message_id: int, *pairs: Any) -> None:
    client = client_in(m, index, MqttState.CONNECTED)
    if client.under_way("SUB", message_id):
        raise PlainError
    with allowed():
        client.subscribe(message_id, list(zip(pairs[::2], pairs[1::2], strict=True)))


QMTUNS = _command("UNS", "(0-5),(1-65535),<topic>")


@QMTUNS.write(INDEX, Int("msgID", 1, 65535), TOPIC, repeated=(TOPIC,))
def qmtuns(m: Module, index: int, message_id: int, *topics: str) -> None:
    client = client_in(m, index, MqttState.CONNECTED)
    if client.under_way("UNS", message_id):
        raise PlainError
    with allowed():
        client.unsubscribe(message_id, topics)


def _publisher(m: Module, index: int, message_id: int, qos: int) -> MqttClient:
    """The client, if it may publish this now; a message ID of 0 goes with QoS 0 only."""
    client = client_in(m, index, MqttState.CONNECTED)
    if (qos and not message_id) or not client.may_publish:
        raise PlainError
    if client.under_way("PUB", message_id):
        raise PlainError
    return client


_PUBLISHED = (INDEX, Int("msgID", 0, 65535), QOS, Int("retain", 0, 1), TOPIC)
QMTPUB = _command("PUB", "(0-5),(0-65535),(0-2),(0,1),<topic>,(1-4096)")


@QMTPUB.write(*_PUBLISHED, Int("msglen", 1, MOST_PUBLISHED, default=None))
def qmtpub(
    m: Module, index: int, message_id: int, qos: int, retain: int, topic: str, size: int | None
) -> Iterator[Any]:
    """There is no SEND OK: OK, and later +QMTPUB."""
    client = _publisher(m, index, message_id, qos)
    yield Raw(prompt(m))
    data = (yield Receive(size, echo=m.traits.echo_payload)) if size else (yield from _typed(m))
    if data is None:
        return
    if client.state is not MqttState.CONNECTED:
        raise PlainError
    with allowed():
        client.publish(message_id, qos, retain, topic, data)


def _typed(m: Module) -> Iterator[Any]:
    """Data up to Ctrl-Z, or None if ESC cancelled it; what is too much is dropped."""
    ends = bytes((CTRL_Z, ESC))
    data = b""
    while not data or data[-1] not in ends:
        piece = yield Receive(MOST_PUBLISHED, ends=ends, echo=m.traits.echo_payload)
        data = data[:MOST_PUBLISHED] + piece
    return None if data[-1] == ESC else data[:-1][:MOST_PUBLISHED]


QMTPUBEX = _command("PUBEX", "(0-5),(0-65535),(0-2),(0,1),<topic>,<msg>")


@QMTPUBEX.write(*_PUBLISHED, Text("msg", MOST_IN_LINE, secret=True))
def qmtpubex(
    m: Module, index: int, message_id: int, qos: int, retain: int, topic: str, text: str
) -> None:
    client = _publisher(m, index, message_id, qos)
    with allowed():
        client.publish(message_id, qos, retain, topic, text.encode("latin-1"))


QMTRECV = _command("RECV", "")


@QMTRECV.read
def qmtrecv_read(m: Module) -> Iterator[str]:
    for client in m.mqtt.values():
        if client.state is MqttState.CONNECTED:
            states = ",".join(str(int(message is not None)) for message in client.kept)
            yield f"+QMTRECV: {client.index},{states}"


@QMTRECV.write(INDEX, Int("recv_id", 0, KEPT - 1, default=None))
def qmtrecv(m: Module, index: int, place: int | None) -> Iterator[Any]:
    client = client_in(m, index, MqttState.CONNECTED)
    lead = b"\r\n"
    for number in range(KEPT) if place is None else (place,):
        message = client.take(number)
        if message is not None:
            m.trace("module", len=len(message.payload))
            yield Raw(lead + client.printed(message) + message.payload + b'"\r\n')
            lead = b""
