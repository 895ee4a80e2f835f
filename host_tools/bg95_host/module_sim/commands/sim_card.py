"""SIM card (spec 2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..registry import Command, Family, Text
from ..results import CmeError, Final

CPIN = Command("+CPIN", Family.GENERAL, "2.2", test="", max_time=5)


def require_card(m: Any) -> None:
    """Refuse where there is no SIM."""
    if not m.radio.sim:
        raise CmeError(10)


@CPIN.read
def cpin_read(m: Any) -> Iterator[str]:
    require_card(m)
    yield f"+CPIN: {m.radio.sim}"


@CPIN.write(Text("pin", 8, secret=True), Text("new_pin", 8, default=None, secret=True))
def cpin_write(m: Any, pin: str, new_pin: str | None) -> Final:
    require_card(m)
    if m.radio.sim != "SIM PIN":
        raise CmeError(3)
    if pin != m.radio.pin:
        raise CmeError(16)

    def unlocked() -> None:
        m.radio.sim = "READY"
        for text in ("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"):
            m.urc(text)
        m.register()

    return Final("OK", then=unlocked)


QINISTAT = Command("+QINISTAT", Family.GENERAL, "2.2", test="(0-3)")


@QINISTAT.execute
def qinistat(m: Any) -> Iterator[str]:
    yield f"+QINISTAT: {3 if m.radio.sim == 'READY' else 0}"
