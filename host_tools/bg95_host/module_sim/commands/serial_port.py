"""The serial port and where URCs go (spec 2.5, 2.11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..registry import Choice, Command, Family, Int, OneOf
from ..results import Final, PlainError
from ..tables import BAUD_RATES

if TYPE_CHECKING:
    from ..core import Module

IPR = Command("+IPR", Family.GENERAL, "2.5", test=f"(),({','.join(map(str, BAUD_RATES))})")


@IPR.read
def ipr_read(m: Module) -> Iterator[str]:
    yield f"+IPR: {m.wanted_baud}"


@IPR.write(OneOf("rate", BAUD_RATES))
def ipr_write(m: Module, rate: int) -> Final:
    """The rate changes when the OK has left at the old one."""
    m.wanted_baud = rate
    return Final("OK", then=lambda: m.set_baud(rate))


IFC = Command("+IFC", Family.GENERAL, "2.5", test="(0,2),(0,2)")


@IFC.read
def ifc_read(m: Module) -> Iterator[str]:
    yield "+IFC: {},{}".format(*m.profile.ifc)


@IFC.write(OneOf("dce_by_dte", (0, 2)), OneOf("dte_by_dce", (0, 2)))
def ifc_write(m: Module, dce_by_dte: int, dte_by_dce: int) -> None:
    m.profile.ifc = (dce_by_dte, dte_by_dce)


ICF = Command("+ICF", Family.GENERAL, "2.5", test="(3),(0-3)")


@ICF.read
def icf_read(m: Module) -> Iterator[str]:
    yield "+ICF: {},{}".format(*m.profile.icf)


@ICF.write(OneOf("format", (3,)), Int("parity", 0, 3, default=3))
def icf_write(m: Module, frame: int, parity: int) -> None:
    m.profile.icf = (frame, parity)


QRIR = Command("+QRIR", Family.GENERAL, "2.10.1")


@QRIR.execute
def qrir(m: Module) -> None:
    m.release_ri()


PORTS = ("usbmodem", "uart1")
QURCCFG = Command("+QURCCFG", Family.GENERAL, "2.11", test='"urcport",("usbmodem","uart1")')


@QURCCFG.write(Choice("item", ("urcport",)), Choice("port", PORTS, default=None))
def qurccfg_write(m: Module, item: str, port: str | None) -> Iterator[str]:
    """Saved at once, effective at once."""
    if item in m.traits.missing_items.split("|"):
        raise PlainError
    if port is None:
        yield f'+QURCCFG: "urcport","{m.nv.urcport}"'
    else:
        m.nv.urcport = port
