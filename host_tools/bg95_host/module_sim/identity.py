"""Who a simulated module and its SIM card are: numbers of their own for every name and seed.

All commands that tell one of them get it here, so they agree (spec 2.1, 4.1).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core import Module

FOREIGN_PLMN = "99970"  # the home network of a card that roams: a test network


def imei(m: Module) -> str:
    """Fifteen digits."""
    return _with_check_digit("86" + _digits(m, "", 12))


def imsi(m: Module) -> str:
    """Fifteen digits: the card's home network and a number in it."""
    home = FOREIGN_PLMN if m.traits.registration == "roaming" else m.radio.plmn
    return home + _digits(m, "imsi", 15 - len(home))


def iccid(m: Module) -> str:
    """Twenty digits: telecommunications, country, issuer, account, check digit."""
    return _with_check_digit("8999970" + _digits(m, "iccid", 12))


def _digits(m: Module, what: str, count: int) -> str:
    digest = hashlib.sha256(f"{m.name}/{m.options.seed}{what}".encode()).digest()
    return str(int.from_bytes(digest[:8], "big"))[-count:].zfill(count)


def _with_check_digit(body: str) -> str:
    """Luhn's, which IMEI and ICCID end with."""
    total = 0
    for place, char in enumerate(reversed(body)):
        digit = int(char) * (1 if place % 2 else 2)
        total += digit // 10 + digit % 10
    return body + str(-total % 10)
