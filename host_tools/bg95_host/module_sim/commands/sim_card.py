"""SIM card (spec 2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..registry import AsWritten, Command, Family
from ..results import CmeError, Final, PlainError
from ..syntax import Param

if TYPE_CHECKING:
    from ..core import Module

CPIN = Command("+CPIN", Family.GENERAL, "2.2", test="", max_time=5)


def require_card(m: Module) -> None:
    """Refuse where there is no SIM."""
    if not m.radio.sim:
        raise CmeError(10)


@CPIN.read
def cpin_read(m: Module) -> Iterator[str]:
    require_card(m)
    yield f"+CPIN: {m.radio.sim}"


@CPIN.write(AsWritten("pin", secret=True), AsWritten("new_pin", default=None, secret=True))
def cpin_write(m: Module, pin: Param, new_pin: Param | None) -> Final:
    """In quotes or without (spec 2.2 writes it without)."""
    require_card(m)
    if m.radio.sim != "SIM PIN":
        raise CmeError(3)
    if pin.text != m.traits.sim_pin:
        raise CmeError(16)

    def unlocked() -> None:
        m.radio.sim = "READY"
        more = ("+QUSIM: 1", "+QIND: SMS DONE") if m.traits.pin_boot_urcs else ()
        for text in ("+CPIN: READY", *more):
            m.urc(text)
        m.register()

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
