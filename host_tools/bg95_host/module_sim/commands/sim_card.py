"""SIM card: PIN and PUK, their counters, and a card that comes and goes (spec 2.2, 2.2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..registry import AsWritten, Choice, Command, Family, Int
from ..results import CmeError, Final, PlainError
from ..syntax import Param

if TYPE_CHECKING:
    from ..core import Module

CPIN = Command("+CPIN", Family.GENERAL, "2.2", test="", answer=("code",), max_time=5)

NOT_ALLOWED, NOT_INSERTED, PUK_REQUIRED, SIM_FAILURE, WRONG_PASSWORD = 3, 10, 12, 13, 16  # 2.4


def require_card(m: Module) -> None:
    """Refuse where there is no SIM, or where AT+CFUN=0 has switched it off."""
    if not m.radio.sim:
        raise CmeError(NOT_INSERTED)
    if not m.radio.functionality:
        raise CmeError(SIM_FAILURE)


@CPIN.read
def cpin_read(m: Module) -> Iterator[str]:
    require_card(m)
    yield f"+CPIN: {m.radio.sim}"


@CPIN.write(AsWritten("pin", secret=True), AsWritten("new_pin", default=None, secret=True))
def cpin_write(m: Module, pin: Param, new_pin: Param | None) -> Final:
    """In quotes or without (spec 2.2 writes it without). A new PIN follows a PUK only."""
    require_card(m)
    if m.radio.sim == "SIM PIN" and new_pin is None:
        right = m.card.enter_pin(pin.text)
    elif m.radio.sim == "SIM PUK":
        if new_pin is None:
            raise CmeError(PUK_REQUIRED)
        right = m.card.enter_puk(pin.text, new_pin.text)
    else:
        raise CmeError(NOT_ALLOWED)
    if not right:
        m.radio.sim = m.card.asks_for
        raise CmeError(WRONG_PASSWORD)

    def unlocked() -> None:
        m.radio.sim = "READY"
        more = ("+QUSIM: 1", "+QIND: SMS DONE") if m.traits.pin_boot_urcs else ()
        for text in ("+CPIN: READY", *more):
            m.urc(text)
        m.power.search_network()

    return Final("OK", then=unlocked)


QINISTAT = Command("+QINISTAT", Family.GENERAL, "2.2", test="(0-3)")


@QINISTAT.execute
def qinistat(m: Module) -> Iterator[str]:
    yield f"+QINISTAT: {3 if m.radio.sim == 'READY' else 0}"


@QINISTAT.read
def qinistat_read(m: Module) -> Iterator[str]:
    """Not documented; some accept it as an alias (spec 2.2)."""
    if not m.traits.qinistat_read:
        raise PlainError
    return qinistat(m)


QPINC = Command("+QPINC", Family.GENERAL, "2.2.1", test='("SC","P2")')
FACILITIES = ("SC", "P2")


def _tries(m: Module, facility: str) -> str:
    """Nothing here asks for a PIN2: it keeps its tries."""
    left = (m.card.pin_tries, m.card.puk_tries) if facility == "SC" else (3, 10)
    return '+QPINC: "{}",{},{}'.format(facility, *left)


@QPINC.read
def qpinc_read(m: Module) -> Iterator[str]:
    require_card(m)
    for facility in FACILITIES:
        yield _tries(m, facility)


@QPINC.write(Choice("facility", FACILITIES))
def qpinc_write(m: Module, facility: str) -> Iterator[str]:
    require_card(m)
    yield _tries(m, facility)


QSIMDET = Command("+QSIMDET", Family.GENERAL, "2.2.1", test="(0,1),(0,1)")


@QSIMDET.read
def qsimdet_read(m: Module) -> Iterator[str]:
    yield "+QSIMDET: {},{}".format(*m.nv.simdet)


@QSIMDET.write(Int("enable", 0, 1), Int("insert_level", 0, 1))
def qsimdet_write(m: Module, enable: int, insert_level: int) -> None:
    """Saved at once, effective after a restart."""
    m.nv.simdet = (enable, insert_level)


QSIMSTAT = Command("+QSIMSTAT", Family.GENERAL, "2.2.1", test="(0,1)")


@QSIMSTAT.read
def qsimstat_read(m: Module) -> Iterator[str]:
    yield f"+QSIMSTAT: {m.nv.simstat},{int(bool(m.radio.sim))}"


@QSIMSTAT.write(Int("enable", 0, 1))
def qsimstat_write(m: Module, enable: int) -> None:
    """Saved at once, effective after a restart."""
    m.nv.simstat = enable


def card_removed(m: Module) -> None:
    """The card is pulled out."""
    m.card.inserted = False
    m.radio.sim = ""
    m.lose_network()
    _report(m)


def card_inserted(m: Module) -> None:
    """The card is back. Without detection the module finds it at its next start."""
    m.card.inserted = True
    if m.radio.detects_card:
        m.radio.sim = m.card.asks_for
        _report(m)
        m.power.search_network()


def _report(m: Module) -> None:
    if m.radio.reports_card:
        m.urc(f"+QSIMSTAT: 1,{int(m.card.inserted)}")
    if m.radio.detects_card:
        m.urc(f"+CPIN: {m.radio.sim or 'NOT READY'}")
