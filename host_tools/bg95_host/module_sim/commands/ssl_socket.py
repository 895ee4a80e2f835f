"""SSL connections: open, send, receive, close, state, mode switch (spec 1.4, 1.6.2-1.6.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..connection import State
from ..registry import Command, Family, Int, Text
from ..results import (
    SEND_FAIL,
    SEND_OK,
    EnterData,
    Final,
    Raw,
    Receive,
    TcpipError,
    Until,
    UrcPlace,
    Wait,
)
from ..sockets import PUSH, TRANSPARENT, Socket

if TYPE_CHECKING:
    from ..core import Module

CTRL_Z, ESC = 0x1A, 0x1B
MOST_SENT = 1460
MOST_READ = 1500
CLIENT_ID = Int("clientID", 0, 11)

QSSLOPEN = Command(
    "+QSSLOPEN",
    Family.SSL,
    "1.6.2",
    test="(1-16),(0-5),(0-11),<serveraddr>,<server_port>[,(0-2)]",
    tests_as={"bg770a": "(1-5),(0-5),(0-11),<serveraddr>,<server_port>,(0-2)"},
)


@QSSLOPEN.write(
    Int("pdp_ctxID", 1, 16),
    Int("SSL_ctxID", 0, 5),
    CLIENT_ID,
    Text("serveraddr", 255),
    Int("server_port", 0, 65535),
    Int("access_mode", 0, 2, default=0),
)
def qsslopen(
    m: Module, pdp_id: int, ssl_ctx_id: int, client_id: int, host: str, port: int, mode: int
) -> Iterator[Any]:
    protocol = "udp" if m.ssl[ssl_ctx_id].dtls else "tcp"
    socket = Socket(
        m, client_id, pdp_id, host, port, mode, ssl_ctx_id=ssl_ctx_id, protocol=protocol
    )
    result = yield from open_socket(m, socket)
    return result


def open_socket(m: Module, socket: Socket) -> Iterator[Any]:
    """Claim the ID and start. Mode 2 waits for the result, the others report it by URC."""
    if not socket.host or m.faults.stack_is_dead():
        raise TcpipError(552)
    if socket.client_id in m.sockets:
        code = m.traits.used_id_error
        if m.traits.used_id_answer == "error":
            raise TcpipError(code)
        return Final("OK", then=lambda: m.report_open(socket, code))
    if not m.pdp[socket.pdp_id].active:
        raise TcpipError(572)
    m.sockets[socket.client_id] = socket
    m.opens_since_boot += 1
    socket.open()
    if socket.mode != TRANSPARENT:
        return None
    yield Until(socket.opened)
    if not socket.opened.value:
        return EnterData(socket)
    if m.traits.transparent_open_failure == "urc":
        return Final("OK", then=lambda: m.report_open(socket, socket.opened.value))
    raise TcpipError(socket.opened.value)


def ssl_socket(m: Module, client_id: int) -> Socket:
    """The SSL connection with this ID, in any state; raises 567 where there is none."""
    socket = m.sockets.get(client_id)
    if socket is None or not socket.is_ssl:
        raise TcpipError(567)
    return socket


QSSLSEND = Command("+QSSLSEND", Family.SSL, "1.6.3", test="(0-11)[,(1-1460)]")


@QSSLSEND.write(CLIENT_ID, Int("sendlen", 1, MOST_SENT, default=None))
def qsslsend(m: Module, client_id: int, size: int | None) -> Iterator[Any]:
    result = yield from send(m, ssl_socket(m, client_id), size, echo=m.traits.echo_payload)
    return result


def send(
    m: Module, socket: Socket, size: int | None, echo: bool, as_hex: bool = False
) -> Iterator[Any]:
    """Prompt, data, SEND OK: the same for SSL and TCP (spec 3.1)."""
    if socket.state is not State.CONNECTED and m.traits.send_refused == "before":
        raise TcpipError(567)
    data = yield from asked_for(m, size, echo)
    if data is None:
        if m.traits.cancel_send == "error":
            raise TcpipError(571)
        return Final("OK")
    if socket.state is not State.CONNECTED:
        raise TcpipError(567)
    if as_hex:
        data = from_hex(data.decode("latin-1"))
    if m.faults.send_fails() or not socket.room_for(len(data)):
        m.count("send_fail")
        return SEND_FAIL
    if data and not socket.send(data):
        raise TcpipError(567)
    return SEND_OK


def asked_for(m: Module, size: int | None, echo: bool) -> Iterator[Any]:
    """The prompt, and the data that follows it; None if ESC cancelled it."""
    yield Raw(prompt(m))
    idle = m.traits.send_idle_s or None
    if size is None:
        data = yield from _variable(m, echo, idle)
    else:
        data = yield Receive(size, echo=echo, idle=idle)
        if len(data) < size:
            raise TcpipError(569)
    return data


def from_hex(text: str) -> bytes:
    """Bytes written as hex digits; raises 552."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise TcpipError(552) from None


def prompt(m: Module) -> bytes:
    """Four bytes, unless a trait says otherwise (spec 3.1)."""
    crlf = b"\r\n" if m.traits.prompt_crlf else b""
    return crlf + (b"> " if m.traits.prompt_space else b">")


def _variable(m: Module, echo: bool, idle: float | None) -> Iterator[Any]:
    """Data up to Ctrl-Z, or None if ESC cancelled it."""
    ends = bytes((CTRL_Z, ESC))
    most = MOST_SENT + (m.traits.send_overrun == "error")
    data = yield Receive(most, ends=ends, echo=echo, idle=idle)
    while data and data[-1] not in ends and len(data) == MOST_SENT + 1:
        rest = yield Receive(MOST_SENT, ends=ends, echo=echo, idle=idle)
        data += rest  # too long: still data, up to its end, and not a command
        if not rest or rest[-1] in ends:
            break
        data = data[: MOST_SENT + 1]
    if data and data[-1] == ESC:
        return None
    if data and data[-1] == CTRL_Z:
        data = data[:-1]
    elif len(data) < MOST_SENT:
        raise TcpipError(569)  # trait send_idle_s gave up
    if len(data) > MOST_SENT:
        raise TcpipError(552)
    return data


QSSLRECV = Command("+QSSLRECV", Family.SSL, "1.6.4")


@QSSLRECV.tests
def qsslrecv_test(m: Module) -> Iterator[str]:
    yield f"+QSSLRECV: (0-11),({0 if m.traits.recv_test_from_zero else 1}-1500)"


@QSSLRECV.write(CLIENT_ID, Int("readlen", 0, MOST_READ, default=MOST_READ))
def qsslrecv(m: Module, client_id: int, size: int) -> Iterator[Any]:
    socket = ssl_socket(m, client_id)
    yield from receive(m, socket, "+QSSLRECV", size)


def _readable(m: Module, socket: Socket) -> bool:
    """Connected, or closed by the peer with something left to read (spec 3.5)."""
    if socket.state is State.CLOSING:
        return bool(socket.received) or m.traits.drained_after_close == "zero"
    return socket.state is State.CONNECTED


def receive(m: Module, socket: Socket, name: str, size: int) -> Iterator[Any]:
    """Counters, nothing, or data: the same for SSL and TCP (spec 1.6.4)."""
    if not _readable(m, socket):
        raise TcpipError(567)
    if size == 0:
        unread = len(socket.received)
        yield f"{name}: {socket.bytes_read + unread},{socket.bytes_read},{unread}"
        return
    if socket.mode == PUSH and m.traits.recv_in_push == "error":
        raise TcpipError(572)
    data = socket.read(size)
    if data and m.traits.stray_lf:
        yield Raw(b"\n")
    yield f"{name}: {len(data)}"
    if data:
        m.trace("module", len=len(data))
        yield Raw(socket.shown(data) + (b"\r\n" if m.traits.crlf_after_data else b""))
    elif m.traits.empty_recv_line:
        yield Raw(b"\r\n")
    yield UrcPlace()


QSSLCLOSE = Command(
    "+QSSLCLOSE",
    Family.SSL,
    "1.6.5",
    test="(0-11),(0-65535)",
    tests_as={"bg770a": "(0-11)"},
    max_time=10,
)


@QSSLCLOSE.write(CLIENT_ID, Int("close_timeout", 0, 65535, default=10))
def qsslclose(m: Module, client_id: int, timeout: int) -> Iterator[Any]:
    if client_id not in m.sockets:
        if m.traits.close_unopened == "error":
            raise TcpipError(567)
        return
    yield from close(m, ssl_socket(m, client_id), timeout)


def close(m: Module, socket: Socket, timeout: int) -> Iterator[Any]:
    """Blocks the port until the connection is down (spec 1.6.5)."""
    yield Wait(min(m.traits.close_s, timeout))
    was_connected = socket.state is State.CONNECTED
    if not m.faults.leaks_id():
        socket.close(timeout)
    if was_connected and m.traits.close_urc:
        m.urc(f'{socket.prefix}: "closed",{socket.client_id}')


QSSLSTATE = Command("+QSSLSTATE", Family.SSL, "1.6.6", test="")


def _state_line(m: Module, socket: Socket) -> str:
    local_port = 0 if m.traits.local_port_zero else socket.local_port
    return (
        f'+QSSLSTATE: {socket.client_id},"SSLClient","{socket.address}",{socket.port},'
        f"{local_port},{int(socket.state)},{socket.pdp_id},{socket.client_id},"
        f'{socket.mode},"uart1",{socket.ssl_ctx_id}'
    )


@QSSLSTATE.execute
def qsslstate_all(m: Module) -> Iterator[str]:
    for client_id in sorted(m.sockets):
        if m.sockets[client_id].is_ssl:
            yield _state_line(m, m.sockets[client_id])


@QSSLSTATE.read
def qsslstate_read(m: Module) -> Iterator[str]:
    """Not documented; the sibling answers as the execution form does (spec 1.6.6)."""
    if not m.traits.state_read:
        raise TcpipError(552)
    return qsslstate_all(m)


@QSSLSTATE.write(CLIENT_ID)
def qsslstate_one(m: Module, client_id: int) -> Iterator[str]:
    socket = m.sockets.get(client_id)
    if socket is not None and socket.is_ssl:
        yield _state_line(m, socket)
    elif m.traits.state_unopened == "error":
        raise TcpipError(567)
    elif m.traits.state_unopened == "initial":
        yield f'+QSSLSTATE: {client_id},"SSLClient","0.0.0.0",0,0,0,1,{client_id},0,"uart1",0'


QISWTMD = Command("+QISWTMD", Family.SSL, "2.6.5", test="(0-11),(0-2)")


@QISWTMD.write(Int("connectID", 0, 11), Int("access_mode", 0, 2))
def qiswtmd(m: Module, client_id: int, mode: int) -> Any:
    """Works on SSL and TCP sockets alike (spec 1.4.1)."""
    socket = m.sockets.get(client_id)
    if socket is None or socket.state is not State.CONNECTED:
        raise TcpipError(567)
    if mode == TRANSPARENT:
        return EnterData(socket)
    socket.switch(mode)
    return None
