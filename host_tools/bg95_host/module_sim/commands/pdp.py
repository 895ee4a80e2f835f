"""PDP contexts and name resolution (spec 2.6.1-2.6.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..registry import Command, Family, Int, Text
from ..results import TcpipError, Wait
from ..tables import SSL_ERRORS

if TYPE_CHECKING:
    from ..core import Module

NB_IOT = ("NBIoT", "CAT-NB1")  # trait sysmode; there two contexts are active at most, else three


def _most_active(m: Module) -> int:
    return 2 if m.traits.sysmode in NB_IOT else 3


CONTEXT_ID = Int("contextID", 1, 16)
IPV4, IPV6, IPV4V6 = 1, 2, 3  # <context_type>

QICSGP = Command(
    "+QICSGP",
    Family.TCPIP,
    "2.6.1",
    test="(1-16),(1-3),<APN>,<username>,<password>,(0-3)",
    tests_as={"bg770a": "(1-5),(1-3),<APN>,<username>,<password>,(0-2)"},
    answer=("context_type", "APN", "username", "password", "authentication"),
)


@QICSGP.write(
    CONTEXT_ID,
    Int("context_type", 1, 3, default=None),
    Text("APN", 100, default=None),
    Text("username", 64, default=None),
    Text("password", 64, default=None, secret=True),
    Int("authentication", 0, 3, default=None),
)
def qicsgp(
    m: Module,
    context_id: int,
    context_type: int | None,
    apn: str | None,
    username: str | None,
    password: str | None,
    authentication: int | None,
) -> Iterator[str]:
    context = m.pdp[context_id]
    if context_type is None:
        yield (
            f'+QICSGP: {context.context_type},"{context.apn}","{context.username}",'
            f'"{context.password}",{context.authentication}'
        )
        return
    if apn is None:
        raise TcpipError(552)
    context.context_type, context.apn, context.defined = context_type, apn, True
    for name, value in (
        ("username", username),
        ("password", password),
        ("authentication", authentication),
    ):
        if value is not None:
            setattr(context, name, value)


QIACT = Command("+QIACT", Family.TCPIP, "2.6.2", test="(1-16)", max_time=150)


@QIACT.read
def qiact_read(m: Module) -> Iterator[str]:
    """<context_type> is 1 or 2; how many lines a context with both gets, no document says."""
    for cid, context in m.pdp.items():
        both = context.context_type == IPV4V6
        if context.active and (both or context.context_type == IPV4):
            yield f'+QIACT: {cid},1,{IPV4},"{m.address(cid)}"'
        if context.active and (context.context_type == IPV6 or (both and m.traits.qiact_both)):
            yield f'+QIACT: {cid},1,{IPV6},"2001:db8::{cid:x}"'


@QIACT.write(CONTEXT_ID)
def qiact_write(m: Module, context_id: int) -> Iterator[Any]:
    context = m.pdp[context_id]
    if context.active:
        if m.traits.activate_active_context == "error":
            raise TcpipError(572)
        return
    if context.lost and m.traits.pdp_needs_qideact:
        raise TcpipError(570)
    yield Wait(m.traits.pdp_activation_s)
    activate(m, context_id)


def activate(m: Module, context_id: int) -> None:
    """Make the context one that AT+QIACT? lists; raises TcpipError where it cannot be."""
    if m.pdp[context_id].dialled:
        raise TcpipError(572)  # AT+CGACT has it, spec 4.2.1
    ask_for(m, context_id)
    m.pdp[context_id].active = True


def ask_for(m: Module, context_id: int) -> None:
    """Ask the network for the context; raises TcpipError where it refuses."""
    if m.faults.stack_is_dead():
        raise TcpipError(561)  # only a restart cures it, field notes
    if not (m.radio.registered and m.radio.attached):
        raise TcpipError(561)
    if sum(other.up for other in m.pdp.values()) >= _most_active(m):
        raise TcpipError(572)
    m.packet_event(f"PDN ACT {context_id}")


QIDEACT = Command("+QIDEACT", Family.TCPIP, "2.6.3", test="(1-16)", max_time=40)


@QIDEACT.write(CONTEXT_ID)
def qideact(m: Module, context_id: int) -> Iterator[Any]:
    """Closes the context's connections."""
    yield Wait(m.traits.pdp_deactivation_s)
    for connection in m.connections():
        if connection.pdp_id == context_id:
            connection.deactivated()
    if m.pdp[context_id].active:
        m.packet_event(f"PDN DEACT {context_id}")
    m.pdp[context_id].active = m.pdp[context_id].lost = False


QIGETERROR = Command("+QIGETERROR", Family.TCPIP, "2.6.4", test="", sets_error=False)


@QIGETERROR.execute
def qigeterror(m: Module) -> Iterator[str]:
    comma = ", " if m.traits.geterror_space else ","
    yield f"+QIGETERROR: {m.last_error}{comma}{SSL_ERRORS[m.last_error]}"


QIDNSCFG = Command("+QIDNSCFG", Family.TCPIP, "2.6.6", test="(1-16),<pridnsaddr>,<secdnsaddr>")


@QIDNSCFG.write(CONTEXT_ID, Text("pri", 64, default=None), Text("sec", 64, default=None))
def qidnscfg(m: Module, context_id: int, pri: str | None, sec: str | None) -> Iterator[str]:
    context = m.pdp[context_id]
    if not context.active:
        raise TcpipError(572)
    if pri is None:
        yield '+QIDNSCFG: {},"{}","{}"'.format(context_id, *context.dns)
    else:
        context.dns = (pri, context.dns[1] if sec is None else sec)


QIDNSGIP = Command("+QIDNSGIP", Family.TCPIP, "2.6.6", test="(1-16),<hostname>")


@QIDNSGIP.write(CONTEXT_ID, Text("hostname", 255))
def qidnsgip(m: Module, context_id: int, hostname: str) -> None:
    if not m.pdp[context_id].active:
        raise TcpipError(572)

    def resolved(addresses: list[str]) -> None:
        error = m.faults.dns_error() or (0 if addresses else 565)
        if error:
            m.urc(f'+QIURC: "dnsgip",{error}')
            return
        if m.traits.dns_busy_first:
            m.urc('+QIURC: "dnsgip",564')
        m.urc(f'+QIURC: "dnsgip",0,{len(addresses)},600')
        for address in addresses:
            m.urc(f'+QIURC: "dnsgip","{address}"')

    m.resolve(context_id, hostname, resolved)
