"""Plain TCP and UDP sockets, listeners and UDP services (spec 2.6.8-2.6.10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..connection import State
from ..registry import AsWritten, Choice, Command, Family, Int, OneOf, Text
from ..results import SEND_FAIL, SEND_OK, Raw, TcpipError
from ..sockets import TRANSPARENT, ListeningSocket, Socket
from ..syntax import Param
from ..udp_service import UdpService
from .ssl_socket import MOST_READ, MOST_SENT, asked_for, close, from_hex, open_socket, receive, send

if TYPE_CHECKING:
    from ..core import Module

CONNECT_ID = Int("connectID", 0, 11)
SERVICES = {"TCP LISTENER": ListeningSocket, "UDP SERVICE": UdpService}
KINDS = ("TCP", "UDP", *SERVICES)
LOOPBACK = ("127.0.0.1", "0:0:0:0:0:0:0:1")  # what stands for the host of a service, 2.6.10

QIOPEN = Command(
    "+QIOPEN",
    Family.TCPIP,
    "2.6.8",
    test='(1-16),(0-11),"TCP/UDP/TCP LISTENER/UDP SERVICE",'
    '"<IP_address>/<domain_name>",<remote_port>,<local_port>,(0-2)',
)


@QIOPEN.write(
    Int("contextID", 1, 16),
    CONNECT_ID,
    Choice("service_type", KINDS),
    Text("host", 255),
    Int("remote_port", 0, 65535),
    Int("local_port", 0, 65535, default=0),
    Int("access_mode", 0, 2, default=0),
)
def qiopen(
    m: Module, pdp_id: int, client_id: int, kind: str, host: str, port: int, local: int, mode: int
) -> Iterator[Any]:
    service = SERVICES.get(kind)
    if service is not None:
        if mode == TRANSPARENT or not local or port or host not in LOOPBACK:
            raise TcpipError(552)
        socket: Socket = service(m, client_id, pdp_id, local, mode)
    else:
        if not port:
            raise TcpipError(552)
        socket = Socket(m, client_id, pdp_id, host, port, mode, protocol=kind.lower())
        socket.wanted_port = local
    result = yield from open_socket(m, socket)
    return result


def plain_socket(m: Module, client_id: int) -> Socket:
    """The plain connection with this ID; raises 567 where there is none."""
    socket = m.sockets.get(client_id)
    if socket is None or socket.is_ssl:
        raise TcpipError(567)
    return socket


QISEND = Command("+QISEND", Family.TCPIP, "2.6.8", test="(0-11),(0-1460)")


@QISEND.write(
    CONNECT_ID,
    Int("send_length", 0, MOST_SENT, default=None),
    Text("remote_IP", 64, default=None),
    Int("remote_port", 1, 65535, default=None),
)
def qisend(
    m: Module, client_id: int, size: int | None, address: str | None, port: int | None
) -> Iterator[Any]:
    socket = plain_socket(m, client_id)
    if size == 0:
        unacked = socket.unsent()
        yield f"+QISEND: {socket.bytes_sent},{socket.bytes_sent - unacked},{unacked}"
        return None
    as_hex = bool(m.tcpip.dataformat[0])  # AT+QICFG="dataformat"
    if isinstance(socket, UdpService):
        if not size or address is None or port is None:
            raise TcpipError(552)
        result = yield from send_to(m, socket, size, address, port, as_hex)
        return result
    if address is not None or port is not None:
        raise TcpipError(552)
    result = yield from send(m, socket, size, echo=bool(m.tcpip.echo_send), as_hex=as_hex)
    return result


def send_to(
    m: Module, socket: UdpService, size: int, address: str, port: int, as_hex: bool
) -> Iterator[Any]:
    """One datagram to an address (spec 2.6.10)."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise TcpipError(552) from None
    data = yield from asked_for(m, size, echo=bool(m.tcpip.echo_send))
    if as_hex:
        data = from_hex(data.decode("latin-1"))
    if m.faults.send_fails():
        m.count("send_fail")
        return SEND_FAIL
    if not socket.send_to(data, address, port):
        raise TcpipError(567)
    return SEND_OK


QISENDEX = Command(
    "+QISENDEX", Family.TCPIP, "2.6.8", test="(0-11),<hex_string>,(0-2)", max_time=120
)


@QISENDEX.write(CONNECT_ID, Text("hex_string", 512), Int("RAI", 0, 2, default=0))
def qisendex(m: Module, client_id: int, text: str, rai: int) -> Any:
    """<RAI> tells the network when to release the radio; the simulated one needs no telling."""
    socket = plain_socket(m, client_id)
    if isinstance(socket, (UdpService, ListeningSocket)):
        raise TcpipError(572)
    data = from_hex(text)
    if m.faults.send_fails() or not socket.room_for(len(data)):
        m.count("send_fail")
        return SEND_FAIL
    if not socket.send(data):
        raise TcpipError(567)
    return SEND_OK


QIRD = Command("+QIRD", Family.TCPIP, "2.6.8", test="(0-11),(0-1500)")


@QIRD.write(CONNECT_ID, Int("read_length", 0, MOST_READ, default=None))
def qird(m: Module, client_id: int, size: int | None) -> Iterator[Any]:
    socket = plain_socket(m, client_id)
    if isinstance(socket, UdpService) and size != 0:
        if size is not None:
            raise TcpipError(552)  # a datagram is read whole, 2.6.10
        yield from receive_datagram(m, socket)
    else:
        yield from receive(m, socket, "+QIRD", MOST_READ if size is None else size)


def receive_datagram(m: Module, socket: UdpService) -> Iterator[Any]:
    """The oldest datagram with its sender's address, or nothing."""
    datagram = socket.next_datagram()
    if datagram is None:
        yield "+QIRD: 0"
        return
    yield f'+QIRD: {len(datagram.data)},"{datagram.address}",{datagram.port}'
    m.trace("module", len=len(datagram.data))
    yield Raw(socket.shown(datagram.data) + (b"\r\n" if m.traits.crlf_after_data else b""))


QICLOSE = Command("+QICLOSE", Family.TCPIP, "2.6.8", test="(0-11),(0-65535)", max_time=10)


@QICLOSE.write(CONNECT_ID, Int("timeout", 0, 65535, default=10))
def qiclose(m: Module, client_id: int, timeout: int) -> Iterator[Any]:
    if client_id not in m.sockets:
        if m.traits.close_unopened == "error":
            raise TcpipError(567)
        return
    yield from close(m, plain_socket(m, client_id), timeout)


QISTATE = Command("+QISTATE", Family.TCPIP, "2.6.8", test="")


def _state_line(m: Module, socket: Socket) -> str:
    state = 3 if m.traits.tcp_state_3 and socket.state is State.CONNECTED else int(socket.state)
    return (
        f'+QISTATE: {socket.client_id},"{socket.kind}","{socket.address}",'
        f"{socket.port},{socket.local_port},{state},{socket.pdp_id},"
        f'{socket.server_id},{socket.mode},"uart1"'
    )


def _plain_sockets(m: Module) -> list[Socket]:
    return [m.sockets[key] for key in sorted(m.sockets) if not m.sockets[key].is_ssl]


@QISTATE.execute
def qistate_all(m: Module) -> Iterator[str]:
    for socket in _plain_sockets(m):
        yield _state_line(m, socket)


QISTATE.read(qistate_all)


@QISTATE.write(OneOf("query_type", (0, 1)), Int("id", 0, 16))
def qistate_some(m: Module, query: int, wanted: int) -> Iterator[str]:
    """0: by PDP context, 1: by connection."""
    for socket in _plain_sockets(m):
        if wanted == (socket.client_id if query else socket.pdp_id):
            yield _state_line(m, socket)


QISDE = Command("+QISDE", Family.TCPIP, "2.6.9", test="(0,1)", sets_error=False)


@QISDE.read
def qisde_read(m: Module) -> Iterator[str]:
    yield f"+QISDE: {m.tcpip.echo_send}"


@QISDE.write(OneOf("echo", (0, 1)))
def qisde_write(m: Module, echo: int) -> None:
    m.tcpip.echo_send = echo


QICFG = Command("+QICFG", Family.TCPIP, "2.6.9")


@dataclass(frozen=True)
class Option:
    """An item of AT+QICFG: its values, and how its line of the test form ends."""

    fields: tuple[Int, ...]
    ranges: str
    least: int = 0  # values that may stand alone; 0: all have to be given

    @property
    def sizes(self) -> set[int]:
        """How many values may be given."""
        return {self.least or len(self.fields), len(self.fields)}


_SWITCH = Option((Int("enable", 0, 1),), "(0,1)")
_OPTIONS = {
    "transpktsize": Option((Int("transpktsize", 1, 1460),), "(1-1460)"),
    "transwaittm": Option((Int("transwaittm", 0, 20),), "(0-20)"),
    "dataformat": Option((Int("send", 0, 1), Int("receive", 0, 1)), "(0,1),(0,1)"),
    "viewmode": _SWITCH,
    "recvind": _SWITCH,
    "sack": _SWITCH,
    "tcp/keepalive": Option(
        (Int("enable", 0, 1), Int("idle", 1, 120), Int("interval", 25, 100), Int("probes", 3, 10)),
        "(0,1),(1-120),(25-100),(3-10)",
        least=1,
    ),
    "tcp/retranscfg": Option((Int("number", 3, 20), Int("interval", 5, 1000)), "(3-20),(5-1000)"),
}


@QICFG.tests
def qicfg_test(m: Module) -> Iterator[str]:
    for item, option in _OPTIONS.items():
        yield f'+QICFG: "{item}",{option.ranges}'


@QICFG.write(Choice("item", tuple(_OPTIONS)), *(AsWritten("value", default=None) for _ in range(4)))
def qicfg(m: Module, item: str, *params: Param | None) -> Iterator[str]:
    """Effective at once; nothing of it is saved."""
    option, attribute = _OPTIONS[item], item.replace("/", "_")
    given = [param for param in params if param is not None]
    if not given:
        yield f'+QICFG: "{item}",{",".join(map(str, getattr(m.tcpip, attribute)))}'
        return
    if len(given) not in option.sizes:
        raise TcpipError(552)
    values = (
        field.checked(QICFG, m, param) for field, param in zip(option.fields, given, strict=False)
    )
    setattr(m.tcpip, attribute, tuple(values))


QPING = Command(
    "+QPING", Family.TCPIP, "2.6.8", test="(1-16),<host>,(1-255),(1-10)", sets_error=False
)


@QPING.write(
    Int("contextID", 1, 16),
    Text("host", 255),
    Int("timeout", 1, 255, default=4),
    Int("pingnum", 1, 10, default=4),
)
def qping(m: Module, pdp_id: int, host: str, timeout: int, number: int) -> None:
    """The simulated network answers every probe that a name or an address can be found for."""
    if not m.pdp[pdp_id].active:
        raise TcpipError(572)
    ms = m.traits.ping_ms

    def resolved(addresses: list[str]) -> None:
        if not addresses:
            m.urc("+QPING: 565")
            return
        for probe in range(1, number + 1):
            m.after(probe * ms / 1000, lambda: m.urc(f'+QPING: 0,"{addresses[0]}",32,{ms},255'))
        end = f"+QPING: 0,{number},{number},0,{ms},{ms},{ms}"
        m.after(number * ms / 1000, lambda: m.urc(end))

    m.resolve(pdp_id, host, resolved)


QNTP = Command("+QNTP", Family.TCPIP, "2.6.8", test="(1-16),<server>,(1-65535),(0,1)")


@QNTP.read
def qntp_read(m: Module) -> Iterator[str]:
    """The server that is being asked."""
    if m.tcpip.ntp:
        yield '+QNTP: "{}",{}'.format(*m.tcpip.ntp)


@QNTP.write(
    Int("contextID", 1, 16),
    Text("server", 255),
    Int("port", 1, 65535, default=123),
    Int("auto_set_time", 0, 1, default=1),
)
def qntp(m: Module, pdp_id: int, server: str, port: int, auto_set_time: int) -> None:
    """Every server that can be found tells the simulated network's time."""
    if not m.pdp[pdp_id].active:
        raise TcpipError(572)
    m.tcpip.ntp = (server, port)

    def resolved(addresses: list[str]) -> None:
        m.tcpip.ntp = None
        if not addresses:
            m.urc("+QNTP: 565")
            return
        utc, zone = m.network_time(), m.rtc.zone
        if auto_set_time:
            m.rtc.set_utc(utc, zone, m.now)
        local = utc + timedelta(minutes=15 * zone)
        m.urc(f'+QNTP: 0,"{local:%Y/%m/%d,%H:%M:%S}{zone:+03d}"')

    m.resolve(pdp_id, server, resolved)
