"""Power down, sleep and power saving (spec 2.10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..power import psm_active_seconds, psm_tau_seconds
from ..registry import Command, Family, Int, OneOf, Text
from ..results import Final
from . import qcfg

if TYPE_CHECKING:
    from ..core import Module

QPOWD = Command("+QPOWD", Family.GENERAL, "2.10", test="(0,1)")


@QPOWD.execute
def qpowd(m: Module) -> Final:
    return Final("OK", then=lambda: m.power.stop(orderly=True))


@QPOWD.write(OneOf("n", (0, 1)))
def qpowd_write(m: Module, n: int) -> Final:
    return Final("OK", then=lambda: m.power.stop(orderly=bool(n)))


QSCLK = Command("+QSCLK", Family.GENERAL, "2.10", test="(0-2)")


@QSCLK.read
def qsclk_read(m: Module) -> Iterator[str]:
    yield f"+QSCLK: {m.sleep_mode}"


@QSCLK.write(OneOf("n", (0, 1, 2)))
def qsclk_write(m: Module, n: int) -> None:
    m.sleep_mode = n


PSM_RANGES = '(0-2),,,("00000000"-"11111111"),("00000000"-"11111111")'
CPSMS = Command("+CPSMS", Family.GENERAL, "2.10", test=PSM_RANGES)
QPSMS = Command("+QPSMS", Family.GENERAL, "2.10", test=PSM_RANGES)


def _set_psm(
    command: Command, m: Module, mode: int, tau: str | None, active: str | None
) -> Final | None:
    if mode != 1:
        m.psm.psm = 0
        m.power.cancel_saving()
        return None
    wanted = (tau or m.psm.tau, active or m.psm.active)
    if any(len(bits) != 8 or bits.strip("01") for bits in wanted):
        raise command.parameter_error(m)
    try:
        seconds = psm_tau_seconds(wanted[0]), psm_active_seconds(wanted[1])
    except ValueError:
        raise command.parameter_error(m) from None
    m.psm.psm, (m.psm.tau, m.psm.active) = 1, wanted

    def granted() -> None:
        if qcfg.of(m, "psm/urc")[0]:
            m.urc(f"+QPSMTIMER: {seconds[0]},{seconds[1]}")
        m.power.plan_saving(seconds[1])

    return Final("OK", then=granted) if m.traits.psm_granted and m.radio.registered else None


def _psm_fields() -> tuple[Any, ...]:
    return (
        Int("mode", 0, 2),
        Text("RAU", 8, default=None),
        Text("READY", 8, default=None),
        Text("TAU", 8, default=None),
        Text("active", 8, default=None),
    )


@CPSMS.read
def cpsms_read(m: Module) -> Iterator[str]:
    yield f'+CPSMS: {m.psm.psm},,,"{m.psm.tau}","{m.psm.active}"'


@CPSMS.write(*_psm_fields())
def cpsms_write(
    m: Module, mode: int, _rau: str | None, _ready: str | None, tau: str | None, active: str | None
) -> Final | None:
    return _set_psm(CPSMS, m, mode, tau, active)


@QPSMS.read
def qpsms_read(m: Module) -> Iterator[str]:
    """What the network granted, in seconds."""
    tau, active = psm_tau_seconds(m.psm.tau), psm_active_seconds(m.psm.active)
    yield f'+QPSMS: {m.psm.psm},,,"{tau}","{active}"'


@QPSMS.write(*_psm_fields())
def qpsms_write(
    m: Module, mode: int, _rau: str | None, _ready: str | None, tau: str | None, active: str | None
) -> Final | None:
    return _set_psm(QPSMS, m, mode, tau, active)


CEDRXS = Command("+CEDRXS", Family.GENERAL, "2.10", test='(0-3),(4,5),("0000"-"1111")')
CAT_M1, CAT_NB = 4, 5


@CEDRXS.read
def cedrxs_read(m: Module) -> Iterator[str]:
    if m.psm.edrx_mode not in (1, 2):
        yield "+CEDRXS: 0"
        return
    for act in (CAT_M1, CAT_NB):
        if act in m.psm.edrx or m.traits.cedrxs_lists_both:
            yield f'+CEDRXS: {act},"{m.psm.edrx.get(act, "0000")}"'


@CEDRXS.write(
    Int("mode", 0, 3), OneOf("AcT", (CAT_M1, CAT_NB), default=None), Text("value", 4, default=None)
)
def cedrxs_write(m: Module, mode: int, act: int | None, value: str | None) -> None:
    if value is not None and (len(value) != 4 or value.strip("01")):
        raise CEDRXS.parameter_error(m)
    m.psm.edrx_mode = mode
    if mode == 3:
        m.psm.edrx.clear()
    elif act is not None:
        m.psm.edrx[act] = value or m.psm.edrx.get(act, "0000")
