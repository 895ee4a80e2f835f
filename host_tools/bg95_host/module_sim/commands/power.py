"""Power down, sleep and power saving (spec 2.10, 2.10.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..power import psm_active_seconds, psm_tau_seconds
from ..registry import Command, Family, Int, OneOf, Text
from ..results import Final
from ..state import Edrx
from ..syntax import Param
from . import qcfg
from .pdp import NB_IOT

if TYPE_CHECKING:
    from ..core import Module

QPOWD = Command("+QPOWD", Family.GENERAL, "2.10", test="(0,1)")


@QPOWD.execute
def qpowd(m: Module) -> Final:
    return Final("OK", then=lambda: m.power.stop(orderly=True))


@QPOWD.write(OneOf("n", (0, 1)))
def qpowd_write(m: Module, n: int) -> Final:
    return Final("OK", then=lambda: m.power.stop(orderly=bool(n)))


QSCLK = Command("+QSCLK", Family.GENERAL, "2.10", test="(0,1)", tests_as={"bg770a": "(0-2)"})


@QSCLK.read
def qsclk_read(m: Module) -> Iterator[str]:
    yield f"+QSCLK: {m.sleep_mode}"


@QSCLK.write(OneOf("n", (0, 1)))
def qsclk_write(m: Module, n: int) -> None:
    m.sleep_mode = n


BITS_8 = '("00000000"-"11111111")'
PSM_RANGES = ",".join(("(0,1)", *[BITS_8] * 4))
CPSMS = Command("+CPSMS", Family.GENERAL, "2.10", test=PSM_RANGES)
QPSMS = Command("+QPSMS", Family.GENERAL, "2.10", test=PSM_RANGES)


@dataclass(frozen=True)
class Bits(Text):
    """A quoted string of exactly `longest` binary digits."""

    def value(self, param: Param, quoted_numbers: bool) -> str:
        bits = super().value(param, quoted_numbers)
        if len(bits) != self.longest or bits.strip("01"):
            raise ValueError(f"{self.name} is {self.longest} bits")
        return bits


PSM_FIELDS = (
    Int("mode", 0, 1),
    Bits("RAU", 8, default=None),
    Bits("READY", 8, default=None),
    Bits("TAU", 8, default=None),
    Bits("active", 8, default=None),
)


def _set_psm(
    command: Command,
    m: Module,
    mode: int,
    rau: str | None,
    ready: str | None,
    tau: str | None,
    active: str | None,
) -> Final | None:
    """Saved at once; what is left out stays as it was."""
    if not mode:
        m.psm.psm = 0
        m.power.cancel_saving()
        return None
    wanted = (tau or m.psm.tau, active or m.psm.active)
    try:
        psm_tau_seconds(wanted[0])
        psm_active_seconds(wanted[1])
    except ValueError:
        raise command.parameter_error(m) from None
    m.psm.psm, (m.psm.tau, m.psm.active) = 1, wanted
    m.psm.rau, m.psm.ready = rau or m.psm.rau, ready or m.psm.ready
    return Final("OK", then=lambda: ask_for_saving(m))


def ask_for_saving(m: Module) -> None:
    """What the network grants when it is asked, at each registration."""
    if not (m.psm.psm and m.traits.psm_granted and m.radio.registered):
        return
    tau, active = psm_tau_seconds(m.psm.tau), psm_active_seconds(m.psm.active)
    if active is None:  # T3324 deactivated
        return
    if qcfg.of(m, "psm/urc")[0]:
        m.urc(f"+QPSMTIMER: {tau},{active}")
    if tau >= m.nv.psm_config[0]:
        skips = qcfg.of(m, "psm/enter")[0]  # T3324: sleep as soon as the radio is released
        m.power.plan_saving(min(active, m.traits.rrc_idle_s) if skips else active)


@CPSMS.read
def cpsms_read(m: Module) -> Iterator[str]:
    rau, ready = (f'"{bits}"' if bits else "" for bits in (m.psm.rau, m.psm.ready))
    yield f'+CPSMS: {m.psm.psm},{rau},{ready},"{m.psm.tau}","{m.psm.active}"'


@CPSMS.write(*PSM_FIELDS)
def cpsms_write(m: Module, *values: Any) -> Final | None:
    return _set_psm(CPSMS, m, *values)


@QPSMS.read
def qpsms_read(m: Module) -> Iterator[str]:
    """What the network granted, in seconds."""
    tau, active = psm_tau_seconds(m.psm.tau), psm_active_seconds(m.psm.active)
    yield f'+QPSMS: {m.psm.psm},,,"{tau}","{active or 0}"'


@QPSMS.write(*PSM_FIELDS)
def qpsms_write(m: Module, *values: Any) -> Final | None:
    return _set_psm(QPSMS, m, *values)


QPSMCFG = Command("+QPSMCFG", Family.GENERAL, "2.10.1", test="(20-4294967295),(0-15)")


@QPSMCFG.read
def qpsmcfg_read(m: Module) -> Iterator[str]:
    yield "+QPSMCFG: {},{}".format(*m.nv.psm_config)


@QPSMCFG.write(Int("threshold", 20, 0xFFFFFFFF), Int("version", 0, 15, default=None))
def qpsmcfg_write(m: Module, threshold: int, version: int | None) -> None:
    """The shortest T3412 with which PSM is entered; saved at once."""
    m.nv.psm_config = (threshold, m.nv.psm_config[1] if version is None else version)


@QPSMCFG.execute
def qpsmcfg(m: Module) -> None:
    """Legal without numbers; what it does is not stated."""


PSM_EXTRAS = (
    Int("mask", 0, 15),
    Int("scans", 1, 100, default=None),
    Int("time_after_loss", 120, 0xFFFFFFFF, default=None),
    Int("random_window", 1, 1000, default=None),
    Int("time_without_service", 1, 65535, default=None),
    Int("early_wake_up", 1, 1000, default=None),
)
QPSMEXTCFG = Command("+QPSMEXTCFG", Family.GENERAL, "2.10.1")


@QPSMEXTCFG.tests
def qpsmextcfg_test(m: Module) -> Iterator[str]:
    yield "+QPSMEXTCFG: " + ",".join(f"({each.low}-{each.high})" for each in PSM_EXTRAS)


@QPSMEXTCFG.read
def qpsmextcfg_read(m: Module) -> Iterator[str]:
    yield f"+QPSMEXTCFG: {','.join(map(str, m.nv.psm_extras))}"


@QPSMEXTCFG.write(*PSM_EXTRAS)
def qpsmextcfg_write(m: Module, *values: int | None) -> None:
    """Saved at once; the simulated module loses no service that it would have to save power for."""
    kept = zip(values, m.nv.psm_extras, strict=True)
    m.nv.psm_extras = tuple(before if new is None else new for new, before in kept)


CAT_M1, CAT_NB = 4, 5
EDRX_OFF, EDRX_ON, EDRX_REPORT, EDRX_RESET = range(4)  # <mode>
ACCESS = OneOf("AcT", (CAT_M1, CAT_NB), default=None)
CEDRXS = Command("+CEDRXS", Family.GENERAL, "2.10", test='(0-3),(4,5),("0000"-"1111")')
QPTWEDRXS = Command(
    "+QPTWEDRXS",
    Family.GENERAL,
    "2.10.1",
    test='(0-3),(4,5),("0000"-"1111"),("0000"-"1111")',
)
CEDRXRDP = Command("+CEDRXRDP", Family.GENERAL, "2.10.1", test="")


def _edrx(m: Module) -> dict[int, Edrx]:
    return m.psm.edrx if m.psm.edrx_mode in (EDRX_ON, EDRX_REPORT) else {}


def _edrx_in_use(m: Module) -> str:
    """<AcT>,<requested>,<granted>,<PTW>: the network grants what is asked for; 0: no eDRX."""
    act = CAT_NB if m.traits.sysmode in NB_IOT else CAT_M1
    asked = _edrx(m).get(act)
    if asked is None or not m.radio.registered:
        return "0"
    return f'{act},"{asked.cycle}","{asked.cycle}","{asked.window}"'


def _set_edrx(
    m: Module, mode: int, act: int | None, cycle: str | None, window: str | None, urc: str
) -> Final | None:
    """Saved at once."""
    m.psm.edrx_mode = mode
    if mode == EDRX_RESET:
        m.psm.edrx.clear()
    elif act is not None:
        before = m.psm.edrx.get(act, Edrx())
        m.psm.edrx[act] = Edrx(cycle or before.cycle, window or before.window)
    if mode != EDRX_REPORT:
        return None
    return Final("OK", then=lambda: m.urc(f"{urc}: {_edrx_in_use(m)}"))


@CEDRXS.read
def cedrxs_read(m: Module) -> Iterator[str]:
    asked = _edrx(m)
    if not asked and m.traits.cedrxs_off_line:
        yield "+CEDRXS: 0"
    for act in (CAT_M1, CAT_NB):
        if act in asked or (asked and m.traits.cedrxs_lists_both):
            yield f'+CEDRXS: {act},"{asked.get(act, Edrx()).cycle}"'


@CEDRXS.write(Int("mode", 0, 3), ACCESS, Bits("value", 4, default=None))
def cedrxs_write(m: Module, mode: int, act: int | None, cycle: str | None) -> Final | None:
    return _set_edrx(m, mode, act, cycle, None, "+CEDRXP")


@QPTWEDRXS.read
def qptwedrxs_read(m: Module) -> Iterator[str]:
    for act, asked in sorted(_edrx(m).items()):
        ours = f'+QPTWEDRXS: {act},"{asked.window}","{asked.cycle}"'
        in_use = _edrx_in_use(m).startswith(f"{act},")
        yield ours + (f',"{asked.cycle}","{asked.window}"' if in_use else "")


@QPTWEDRXS.write(
    Int("mode", 0, 3), ACCESS, Bits("PTW", 4, default=None), Bits("eDRX", 4, default=None)
)
def qptwedrxs_write(
    m: Module, mode: int, act: int | None, window: str | None, cycle: str | None
) -> Final | None:
    return _set_edrx(m, mode, act, cycle, window, "+QPTWEDRXP")


@CEDRXRDP.execute
def cedrxrdp(m: Module) -> Iterator[str]:
    yield f"+CEDRXRDP: {_edrx_in_use(m)}"
