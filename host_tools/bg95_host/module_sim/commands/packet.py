"""The packet domain by 3GPP's own commands: AT+CGDCONT and AT+CGACT (spec 4.2.1).

They share the contexts with AT+QICSGP and AT+QIACT.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..registry import Choice, Command, Family, Int, OneOf, Text
from ..results import CmeError, PlainError, TcpipError, Wait
from ..state import PDP_TYPES, PdpContext
from . import pdp

if TYPE_CHECKING:
    from ..core import Module

CID = Int("cid", 1, 15)
ONLY_0 = Int("reserved", 0, 0, default=0)
TYPES = {name: number for number, name in PDP_TYPES.items()}
NO_NETWORK = 30  # spec 2.4

CGDCONT = Command("+CGDCONT", Family.GENERAL, "4.2.1")


def defined(m: Module) -> list[int]:
    """The contexts that AT+CGDCONT? lists."""
    return [cid for cid, context in m.pdp.items() if context.defined or context.up]


@CGDCONT.tests
def cgdcont_test(m: Module) -> Iterator[str]:
    for kind in ("IP", "IPV6", "IPV4V6", "Non-IP"):
        yield f'+CGDCONT: (1-15),"{kind}",,,(0),(0),(0)'


@CGDCONT.read
def cgdcont_read(m: Module) -> Iterator[str]:
    for cid in defined(m):
        context = m.pdp[cid]
        kind = PDP_TYPES[context.context_type]
        yield f'+CGDCONT: {cid},"{kind}","{context.apn}","{context.fixed_address}",0,0,0'


@CGDCONT.write(
    CID,
    Choice("PDP_type", tuple(TYPES), default=None),
    Text("APN", 100, default=None),
    Text("PDP_addr", 64, default=None),
    ONLY_0,
    ONLY_0,
    ONLY_0,
)
def cgdcont_write(
    m: Module, cid: int, kind: str | None, apn: str | None, address: str | None, *_zeros: int
) -> None:
    """Saved at once; <cid> alone removes the definition."""
    context = m.pdp[cid]
    if context.up:
        raise PlainError
    if kind is None and apn is None and address is None:
        m.pdp[cid] = PdpContext()
        return
    if kind is not None:
        context.context_type = TYPES[kind]
    context.apn = apn or ""
    context.fixed_address = address or PdpContext.fixed_address
    context.defined = context.saved = True


CGACT = Command("+CGACT", Family.GENERAL, "4.2.1", test="(0,1)", max_time=150)


@CGACT.read
def cgact_read(m: Module) -> Iterator[str]:
    if m.traits.cgact_hangs:
        m.power.hang()
        return
    for cid in defined(m):
        yield f"+CGACT: {cid},{int(m.pdp[cid].up)}"


@CGACT.write(OneOf("state", (0, 1)), CID)
def cgact_write(m: Module, state: int, cid: int) -> Iterator[Any]:
    if m.traits.cgact_hangs:
        m.power.hang()
        return
    context = m.pdp[cid]
    if context.up == bool(state):
        return
    if not state:
        yield Wait(m.traits.pdp_deactivation_s)
        m.pdp_lost(cid, "AT+CGACT=0")
        return
    if not context.defined:
        raise PlainError
    yield Wait(m.traits.pdp_activation_s)
    try:
        pdp.ask_for(m, cid)
    except TcpipError:
        raise CmeError(NO_NETWORK) from None
    context.dialled = True
