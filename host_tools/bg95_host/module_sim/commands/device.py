"""Supply, temperature, converter, counters (spec 4.2.3, 4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..registry import Command, Family, OneOf
from ..results import PlainError
from .cell import require_dropped_commands

if TYPE_CHECKING:
    from ..core import Module

CBC = Command("+CBC", Family.GENERAL, "4.3", test="(0-2),(0-100),<voltage>")


@CBC.execute
def cbc(m: Module) -> Iterator[str]:
    """Not charging."""
    millivolts = m.traits.supply_mv
    level = min(100, max(0, (millivolts - 3300) * 100 // (4200 - 3300)))
    yield f"+CBC: 0,{level},{millivolts}"


QTEMP = Command("+QTEMP", Family.GENERAL, "4.3", test="")


@QTEMP.execute
def qtemp(m: Module) -> Iterator[str]:
    """Power management, oscillator, amplifier."""
    celsius = m.traits.temperature_c
    yield f"+QTEMP: {celsius},{celsius - 1},{celsius + 1}"


QADC = Command("+QADC", Family.GENERAL, "4.3", test="(0)")
ADC_MV = 612


@QADC.write(OneOf("port", (0,)))
def qadc(m: Module, port: int) -> Iterator[str]:
    """One port; the BG96 has two."""
    yield f"+QADC: 1,{ADC_MV}"


CPAS = Command("+CPAS", Family.GENERAL, "4.3", test="(0,3,4)")


@CPAS.execute
def cpas(m: Module) -> Iterator[str]:
    """Ready: there are no calls."""
    yield "+CPAS: 0"


QPRTPARA = Command("+QPRTPARA", Family.GENERAL, "4.3")


@QPRTPARA.write(OneOf("n", (1, 3, 4)))
def qprtpara(m: Module, n: int) -> None:
    """In no document; one driver sends it."""
    if m.traits.qprtpara == "error":
        raise PlainError


QGDCNT = Command("+QGDCNT", Family.GENERAL, "4.2.3")


@QGDCNT.tests
def qgdcnt_test(m: Module) -> Iterator[str]:
    require_dropped_commands(m)
    yield "+QGDCNT: (0,1)"


def _traffic(m: Module) -> tuple[int, int]:
    """Bytes sent and received since they were last set to 0."""
    now = m.counters["bytes_out"], m.counters["bytes_in"]
    stored, base = m.nv.traffic, m.traffic_at_boot
    return stored[0] + now[0] - base[0], stored[1] + now[1] - base[1]


@QGDCNT.read
def qgdcnt_read(m: Module) -> Iterator[str]:
    require_dropped_commands(m)
    yield "+QGDCNT: {},{}".format(*_traffic(m))


@QGDCNT.write(OneOf("op", (0, 1)))
def qgdcnt_write(m: Module, store: int) -> None:
    """0 sets the counters back, 1 stores them."""
    require_dropped_commands(m)
    m.nv.traffic = _traffic(m) if store else (0, 0)
    m.traffic_at_boot = m.counters["bytes_out"], m.counters["bytes_in"]
