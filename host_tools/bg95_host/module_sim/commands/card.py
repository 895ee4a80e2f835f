"""What is on the SIM card: its numbers, its lock, its files (spec 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..identity import iccid, imsi
from ..registry import Choice, Command, Family, Int, OneOf, Text
from ..results import CmeError, PlainError
from .sim_card import NOT_ALLOWED, PUK_REQUIRED, WRONG_PASSWORD, require_card

if TYPE_CHECKING:
    from ..core import Module

PIN_REQUIRED = 11  # spec 2.4
FACILITY = Choice("fac", ("SC",))
PIN = Text("passwd", 8, secret=True)


def require_open_card(m: Module) -> None:
    """Refuse where there is no card, or where it waits for its PIN or PUK."""
    require_card(m)
    if m.radio.sim == "SIM PUK":
        raise CmeError(PUK_REQUIRED)
    if m.radio.sim != "READY":
        raise CmeError(PIN_REQUIRED)


CIMI = Command("+CIMI", Family.GENERAL, "4.1", test="")


@CIMI.execute
def cimi(m: Module) -> Iterator[str]:
    require_open_card(m)
    yield imsi(m)


QCCID = Command("+QCCID", Family.GENERAL, "4.1", test="")


@QCCID.execute
def qccid(m: Module) -> Iterator[str]:
    """Needs no PIN."""
    if not m.radio.sim:
        raise PlainError
    yield f"+QCCID: {iccid(m)}"


CNUM = Command("+CNUM", Family.GENERAL, "4.1", test="")


@CNUM.execute
def cnum(m: Module) -> None:
    """The card holds no number of its own."""
    require_open_card(m)


# -- the lock --------------------------------------------------------------------------------------

CLCK = Command("+CLCK", Family.GENERAL, "4.1", test='("SC")', max_time=5)
UNLOCK, LOCK, QUERY = 0, 1, 2


@CLCK.write(FACILITY, Int("mode", 0, 2), Text("passwd", 8, default=None, secret=True))
def clck(m: Module, facility: str, mode: int, pin: str | None) -> Iterator[str]:
    """Whether the card asks for its PIN at the next start; the card remembers."""
    require_open_card(m)
    if mode == QUERY:
        yield f"+CLCK: {int(m.card.locked)}"
        return
    if pin is None:
        raise CLCK.parameter_error(m)
    _check_pin(m, pin)
    m.card.locked = mode == LOCK


CPWD = Command("+CPWD", Family.GENERAL, "4.1", test='("SC",8)', max_time=5)


@CPWD.write(FACILITY, PIN, PIN)
def cpwd(m: Module, facility: str, old: str, new: str) -> None:
    """A card that does not ask for its PIN does not change it either."""
    require_open_card(m)
    if not m.card.locked:
        raise CmeError(NOT_ALLOWED)
    if not (len(new) >= 4 and new.isdigit()):
        raise CPWD.parameter_error(m)
    _check_pin(m, old)
    m.card.pin = new


def _check_pin(m: Module, pin: str) -> None:
    if not m.card.enter_pin(pin):
        if not m.card.pin_tries:
            m.card.locked = True
            m.radio.sim = m.card.asks_for
        raise CmeError(WRONG_PASSWORD)


# -- its files -------------------------------------------------------------------------------------

READ_BINARY, READ_RECORD, GET_RESPONSE, UPDATE_BINARY, UPDATE_RECORD, STATUS = (
    176,
    178,
    192,
    214,
    220,
    242,
)
EF_ICCID, EF_IMSI, EF_AD = 0x2FE2, 0x6F07, 0x6FAD
# Status words of 3GPP TS 51.011.
DONE, NO_SUCH_FILE, WRONG_LENGTH, NOT_ALLOWED_HERE, WRONG_KIND = (
    "144,0",
    "106,130",
    "103,0",
    "105,130",
    "148,8",
)

CRSM = Command("+CRSM", Family.GENERAL, "4.1", test="")


@CRSM.write(
    OneOf(
        "command", (READ_BINARY, READ_RECORD, GET_RESPONSE, UPDATE_BINARY, UPDATE_RECORD, STATUS)
    ),
    Int("file_id", 0, 65535, default=None),
    Int("P1", 0, 255, default=0),
    Int("P2", 0, 255, default=0),
    Int("P3", 0, 255, default=0),
    Text("data", 512, default=None),
    Text("pathid", 64, default=None),
)
def crsm(
    m: Module,
    command: int,
    file: int | None,
    p1: int,
    p2: int,
    size: int,
    data: str | None,
    path: str | None,
) -> Iterator[str]:
    """The card is read-only."""
    require_open_card(m)
    content = _file(m, file)
    answer = ""
    if command == STATUS:
        words = DONE
    elif content is None:
        words = NO_SUCH_FILE
    elif command == READ_BINARY:
        rest = content[p1 << 8 | p2 :]
        words = DONE if size <= len(rest) else WRONG_LENGTH
        answer = rest[: size or None].hex().upper() if words == DONE else ""
    elif command == GET_RESPONSE:
        words, answer = DONE, _description(file or 0, len(content)).hex().upper()
    elif command == UPDATE_BINARY:
        words = NOT_ALLOWED_HERE
    else:
        words = WRONG_KIND
    yield f"+CRSM: {words}" + (f',"{answer}"' if answer else "")


def _file(m: Module, file: int | None) -> bytes | None:
    """The content of an elementary file; None where the card has no such file."""
    if file == EF_ICCID:
        return _swapped(iccid(m))
    if file == EF_IMSI:
        return b"\x08" + _swapped("9" + imsi(m))
    if file == EF_AD:
        return bytes((0, 0, 0, len(m.radio.plmn) - 3))
    return None


def _swapped(digits: str) -> bytes:
    """Two digits a byte, the first one low."""
    return bytes(int(digits[at + 1] + digits[at], 16) for at in range(0, len(digits), 2))


def _description(file: int, size: int) -> bytes:
    """What GET RESPONSE tells about a transparent file (TS 51.011, 9.2.1)."""
    return bytes((0, 0, *divmod(size, 256), *divmod(file, 256), 4, 0, 17, 255, 255, 1, 2, 0, 0))
