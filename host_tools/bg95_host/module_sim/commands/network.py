"""Network registration and signal (spec 2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..registry import Command, Family, Int, OneOf, Text
from ..results import CmeError, Final, Wait

if TYPE_CHECKING:
    from ..core import Module

NOT_SEARCHING, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING = range(6)

CSQ = Command("+CSQ", Family.GENERAL, "2.3", test="(0-31,99),(0-7,99)")
QCSQ = Command("+QCSQ", Family.GENERAL, "2.3", test="")


@CSQ.execute
def csq(m: Module) -> Iterator[str]:
    yield f"+CSQ: {m.radio.rssi if m.radio.registered else 99},99"


@QCSQ.execute
def qcsq(m: Module) -> Iterator[str]:
    if not m.radio.registered:
        yield '+QCSQ: "NOSERVICE"'
        return
    dbm, sysmode = -113 + 2 * m.radio.rssi, m.traits.sysmode
    more = "" if sysmode == "GSM" else f",{dbm - 20},225,-7"
    yield f'+QCSQ: "{sysmode}",{dbm}{more}'


def _stat(m: Module) -> int:
    if m.radio.registered:
        return ROAMING if m.traits.registration == "roaming" else HOME
    if m.traits.registration == "denied":
        return DENIED
    return SEARCHING if m.radio.functionality == 1 and m.radio.sim == "READY" else NOT_SEARCHING


def _location(m: Module, n: int) -> str:
    if n < 2 or not m.radio.registered:
        return ""
    return f',"{m.radio.tac}","{m.radio.cell}",{m.traits.act}'


def _registration(name: str, attribute: str, *modes: int) -> None:
    command = Command(name, Family.GENERAL, "2.3", test=f"({','.join(map(str, modes))})")

    @command.read
    def read(m: Module) -> Iterator[str]:
        n = getattr(m.profile, attribute)
        if attribute == "cgreg" and m.radio.registered and m.traits.cgreg_unknown_on_lte:
            yield f"{name}: {n},{UNKNOWN}"
            return
        yield f"{name}: {n},{_stat(m)}{_location(m, n)}"

    @command.write(OneOf("n", modes))
    def write(m: Module, n: int) -> None:
        setattr(m.profile, attribute, n)


_registration("+CREG", "creg", 0, 1, 2)
_registration("+CGREG", "cgreg", 0, 1, 2, 4)
_registration("+CEREG", "cereg", 0, 1, 2, 4)


def report_registration(m: Module) -> None:
    """The URCs of AT+CREG, AT+CGREG and AT+CEREG after a change."""
    for name in ("creg", "cgreg", "cereg"):
        n = getattr(m.profile, name)
        if n:
            m.urc(f"+{name.upper()}: {_stat(m)}{_location(m, n)}")


COPS = Command("+COPS", Family.GENERAL, "2.3", max_time=180)


@COPS.tests
def cops_test(m: Module) -> Iterator[Any]:
    yield Wait(m.traits.network_scan_s)
    name, plmn, act = m.radio.operator, m.radio.plmn, m.traits.act
    short = m.radio.short_operator
    yield f'+COPS: (2,"{name}","{short}","{plmn}",{act}),,(0,1,2,3,4),(0,1,2)'


@COPS.read
def cops_read(m: Module) -> Iterator[str]:
    radio = m.radio
    if radio.functionality != 1:
        yield "+COPS: 2"
    elif not radio.registered:
        yield f"+COPS: {radio.cops_mode}"
    else:
        name = (radio.operator, radio.short_operator, radio.plmn)[radio.cops_format]
        yield f'+COPS: {radio.cops_mode},{radio.cops_format},"{name}",{m.traits.act}'


@COPS.write(
    Int("mode", 0, 4),
    Int("format", 0, 2, default=None),
    Text("oper", 64, default=None),
    OneOf("act", (0, 7, 8, 9), default=None),
)
def cops_write(m: Module, mode: int, form: int | None, oper: str | None, act: int | None) -> None:
    radio = m.radio
    if form is not None:
        radio.cops_format = form
    if mode == 3:  # sets the format only
        return
    radio.cops_mode = mode
    if mode == 2:
        m.lose_network()
    elif mode in (1, 4) and oper not in (radio.operator, radio.short_operator, radio.plmn):
        raise CmeError(30)
    else:
        m.register()


CGATT = Command("+CGATT", Family.GENERAL, "2.3", test="(0,1)", max_time=140)


@CGATT.read
def cgatt_read(m: Module) -> Iterator[str]:
    yield f"+CGATT: {int(m.radio.attached and m.radio.registered)}"


@CGATT.write(OneOf("state", (0, 1)))
def cgatt_write(m: Module, state: int) -> None:
    m.radio.attached = bool(state)
    if not state:
        for cid in m.pdp:
            m.pdp_lost(cid, "detached")


CFUN = Command(
    "+CFUN",
    Family.GENERAL,
    "2.3",
    test="(0,1,4),(0,1)",
    tests_as={"bg770a": "(0-1,4),(0-1)"},
    max_time=15,
    error_trait="cfun_error",
)


@CFUN.read
def cfun_read(m: Module) -> Iterator[str]:
    yield f"+CFUN: {m.radio.functionality}"


@CFUN.write(OneOf("fun", (0, 1, 4)), OneOf("rst", (0, 1), default=0))
def cfun_write(m: Module, fun: int, rst: int) -> Final | None:
    if rst:
        if fun != 1:
            raise CFUN.parameter_error(m)
        return Final("OK", then=m.power.restart)
    before, m.radio.functionality = m.radio.functionality, fun
    if fun != 1:
        m.lose_network()
        return None

    def restored() -> None:
        if before == 0:
            for text in (f"+CPIN: {m.radio.sim or 'NOT READY'}", "+QUSIM: 1", "+QIND: SMS DONE"):
                m.urc(text)
        m.register()

    return Final("OK", then=restored) if before != 1 else None
