"""Network registration and signal (spec 2.3, 2.3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..registry import AsWritten, Choice, Command, Family, Int, OneOf
from ..results import CmeError, Final, Wait
from ..state import INDICATIONS
from ..syntax import Param
from . import packet

if TYPE_CHECKING:
    from ..core import Module

NOT_SEARCHING, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING = range(6)

CSQ = Command("+CSQ", Family.GENERAL, "2.3", test="(0-31,99),(0-7,99)")
QCSQ = Command("+QCSQ", Family.GENERAL, "2.3", test='"NOSERVICE","GSM","eMTC","NBIoT"')


def _signal(m: Module) -> str:
    """<rssi>,<ber>."""
    return f"{m.radio.rssi if m.radio.registered else 99},99"


@CSQ.execute
def csq(m: Module) -> Iterator[str]:
    yield f"+CSQ: {_signal(m)}"


@QCSQ.execute
def qcsq(m: Module) -> Iterator[str]:
    if not m.radio.registered:
        yield '+QCSQ: "NOSERVICE"'
        return
    cell = m.cell
    more = "" if cell.technology == "GSM" else f",{cell.rsrp},{cell.sinr},{cell.rsrq}"
    yield f'+QCSQ: "{cell.technology}",{cell.rssi}{more}'


def _stat(m: Module) -> int:
    if m.radio.registered:
        return ROAMING if m.traits.registration == "roaming" else HOME
    if m.traits.registration == "denied":
        return DENIED
    return SEARCHING if m.radio.functionality == 1 and m.radio.sim == "READY" else NOT_SEARCHING


NO_TIMER = "00000000"
TIMERS = 4  # the <n> of +CGREG and +CEREG that shows the PSM timers as well


def _location(m: Module, name: str, n: int) -> str:
    """What follows <stat>: where the module is, or why it is nowhere."""
    packet = name != "+CREG"
    routing = "," if name == "+CGREG" else ""  # <rac> is for GSM, and left out here
    if not m.radio.registered:
        cause = m.traits.reject_cause if packet and _stat(m) == DENIED else 0
        return f",,,,{routing}0,{cause}" if cause else ""
    if n < 2:
        return ""
    place = f',"{m.radio.tac}","{m.radio.cell}",{m.traits.act}'
    if n < TIMERS or not m.psm.psm:
        return place
    ready = f',"{m.psm.ready or NO_TIMER}"' if routing else ""
    return f'{place}{routing},,,"{m.psm.active}","{m.psm.tau}"{ready}'


def _registration(name: str, attribute: str, *modes: int) -> None:
    command = Command(name, Family.GENERAL, "2.3", test=f"({','.join(map(str, modes))})")

    @command.read
    def read(m: Module) -> Iterator[str]:
        n = getattr(m.profile, attribute)
        if attribute == "cgreg" and m.radio.registered and m.traits.cgreg_unknown_on_lte:
            yield f"{name}: {n},{UNKNOWN}"
            return
        yield f"{name}: {n},{_stat(m)}{_location(m, name, n)}"

    @command.write(OneOf("n", modes, default=0))
    def write(m: Module, n: int) -> None:
        setattr(m.profile, attribute, n)

    @command.execute
    def without_number(m: Module) -> None:
        """What it sets is not stated: 0, as at the factory."""
        write(m, 0)


_registration("+CREG", "creg", 0, 1, 2)
_registration("+CGREG", "cgreg", 0, 1, 2, TIMERS)
_registration("+CEREG", "cereg", 0, 1, 2, TIMERS)


def report_registration(m: Module) -> None:
    """The URCs of a change: AT+CREG, AT+CGREG, AT+CEREG and, with the signal, AT+QINDCFG."""
    for attribute in ("creg", "cgreg", "cereg"):
        n, name = getattr(m.profile, attribute), f"+{attribute.upper()}"
        if n:
            m.urc(f"{name}: {_stat(m)}{_location(m, name, n)}")
    if m.indications["csq"]:
        m.urc(f'+QIND: "csq",{_signal(m)}')


MANUAL, DEREGISTER, FORMAT_ONLY = 1, 2, 3  # <mode> of AT+COPS
NO_SERVICE = 30  # spec 2.4
COPS = Command("+COPS", Family.GENERAL, "2.3", max_time=180)


@COPS.tests
def cops_test(m: Module) -> Iterator[Any]:
    yield Wait(m.traits.network_scan_s)
    name, plmn, act = m.radio.operator, m.radio.plmn, m.traits.act
    short = m.radio.short_operator
    yield f'+COPS: (2,"{name}","{short}","{plmn}",{act}),,(0,1,2,3,4),(0,1,2)'


@COPS.read
def cops_read(m: Module) -> Iterator[str]:
    radio, mode, form = m.radio, m.nv.cops_mode, m.nv.cops_format
    if radio.functionality != 1:
        yield "+COPS: 2"
    elif not radio.registered:
        yield f"+COPS: {mode}"
    else:
        name = (radio.operator, radio.short_operator, radio.plmn)[form]
        yield f'+COPS: {mode},{form},"{name}",{m.traits.act}'


@COPS.write(
    Int("mode", 0, 4),
    Int("format", 0, 2, default=None),
    AsWritten("oper", default=None),
    OneOf("act", (0, 7, 8, 9), default=None),
)
def cops_write(
    m: Module, mode: int, form: int | None, oper: Param | None, act: int | None
) -> Iterator[Any]:
    """Saved at once. A number without quotation marks is in no document, and some send it."""
    if oper is not None and not oper.quoted and not m.traits.unquoted_operator:
        raise COPS.parameter_error(m)
    if form is not None:
        m.nv.cops_format = form
    if mode == FORMAT_ONLY:
        return
    radio, chosen = m.radio, oper.text if oper else ""
    if mode == MANUAL and chosen not in (radio.operator, radio.short_operator, radio.plmn):
        raise CmeError(NO_SERVICE)
    m.nv.cops_mode = mode
    if mode == DEREGISTER:
        m.lose_network()
    elif not radio.registered:
        yield Wait(m.traits.registration_s)
        m.register()


CGATT = Command("+CGATT", Family.GENERAL, "2.3", test="(0,1)", max_time=140)


@CGATT.read
def cgatt_read(m: Module) -> Iterator[str]:
    yield f"+CGATT: {int(m.radio.attached and m.radio.registered)}"


@CGATT.write(OneOf("state", (0, 1)))
def cgatt_write(m: Module, state: int) -> None:
    was, m.radio.attached = m.radio.attached, bool(state)
    if was and not state:
        m.packet_event("ME DETACH")
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
            m.radio.sim = m.card.asks_for
            texts = [f"+CPIN: {m.radio.sim or 'NOT READY'}", "+QUSIM: 1", "+QIND: SMS DONE"]
            for text in texts if m.radio.sim == "READY" else texts[:1]:
                m.urc(text)
        m.power.search_network()

    return Final("OK", then=restored) if before != 1 else None


QNWINFO = Command("+QNWINFO", Family.GENERAL, "2.3.1", test="")


@QNWINFO.execute
def qnwinfo(m: Module) -> Iterator[str]:
    if not m.radio.registered:
        yield '+QNWINFO: "No Service"'
        return
    cell = m.cell
    name = "EDGE" if cell.technology == "GSM" else cell.technology
    yield f'+QNWINFO: "{name}","{m.radio.plmn}","{cell.band_name}",{cell.channel}'


QCSCON = Command("+QCSCON", Family.GENERAL, "2.3.1", test="(0,1)")


@QCSCON.read
def qcscon_read(m: Module) -> Iterator[str]:
    yield f"+QCSCON: {int(m.radio.reports_rrc)},{int(m.radio.rrc)}"


@QCSCON.write(Int("n", 0, 1))
def qcscon_write(m: Module, n: int) -> None:
    m.radio.reports_rrc = bool(n)


CGPADDR = Command("+CGPADDR", Family.GENERAL, "2.3.1")
MOST_CIDS = 15


@CGPADDR.tests
def cgpaddr_test(m: Module) -> Iterator[str]:
    yield f"+CGPADDR: ({','.join(map(str, packet.defined(m)))})"


def _addresses(m: Module, cids: list[int]) -> Iterator[str]:
    mark = '"' if m.traits.cgpaddr_quoted else ""
    for cid in cids:
        given = m.address(cid) if m.pdp[cid].up else "0.0.0.0"
        yield f"+CGPADDR: {cid},{mark}{given}{mark}"


@CGPADDR.execute
def cgpaddr(m: Module) -> Iterator[str]:
    yield from _addresses(m, packet.defined(m))


@CGPADDR.write(
    Int("cid", 1, MOST_CIDS), *[Int("cid", 1, MOST_CIDS, default=None)] * (MOST_CIDS - 1)
)
def cgpaddr_write(m: Module, *cids: int | None) -> Iterator[str]:
    yield from _addresses(m, [cid for cid in cids if cid is not None])


QINDCFG = Command("+QINDCFG", Family.GENERAL, "2.3.1")


@QINDCFG.tests
def qindcfg_test(m: Module) -> Iterator[str]:
    words = ",".join(f'"{word}"' for word in INDICATIONS)
    yield f"+QINDCFG: ({words}),(0,1),(0,1)"


@QINDCFG.write(
    Choice("type", tuple(INDICATIONS)),
    Int("enable", 0, 1, default=None),
    Int("save", 0, 1, default=0),
)
def qindcfg(m: Module, word: str, enable: int | None, save: int) -> Iterator[str]:
    if enable is None:
        yield f'+QINDCFG: "{word}",{m.indications[word]}'
        return
    m.indications[word] = enable
    if save:
        m.nv.indications[word] = enable
