"""What the module knows by heart: cipher suites, AT+QSSLCFG items, error texts, baud rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bg95_host.tables import load


@dataclass(frozen=True)
class Suite:
    """A cipher suite (at-commands.md 1.2) and the library that can negotiate it for the module."""

    code: int
    name: str  # as IANA spells it
    stack: str  # "openssl", "tlslite", or "none": then the connection fails with 566
    openssl: str = ""  # OpenSSL's name for it, "" unless stack is "openssl"
    weak: str = ""  # what breaks it


@dataclass(frozen=True)
class ConfigItem:
    """One AT+QSSLCFG item (at-commands.md 1.6.1)."""

    name: str
    kind: str  # "int", "suite" or "path"
    default: int | str
    test: str  # its values as AT+QSSLCFG=? prints them
    low: int = 0  # the range of an "int", both ends included; 0 and 0 for the others
    high: int = 0
    unit: str = ""  # "s" where it is a time
    meaning: str = ""


def _replies(errors: dict[str, dict[str, Any]]) -> dict[int, str]:
    return {int(code): error.get("reply", error["text"]) for code, error in errors.items()}


_errors = load("errors")
_serial = load("serial")

# Both in the order of the AT+QSSLCFG=? answer.
SUITES = {suite["code"]: Suite(**suite) for suite in load("suites")["suite"]}
CONFIG_ITEMS = {item["name"]: ConfigItem(**item) for item in load("qsslcfg")["item"]}
ALL_SUITES = 0xFFFF

# <err> of +QSSLOPEN and AT+QIGETERROR: the words that AT+QIGETERROR prints (1.8, 2.6.4).
SSL_ERRORS = _replies(_errors["ssl"])
# +CME ERROR of the FILE commands (2.8.2) and of the others (2.4), as AT+CMEE=2 prints them.
CME_ERRORS = _replies(_errors["cme"] | _errors["file"])
# +CME ERROR of the HTTP(S) commands (at-commands-more.md 4.5).
HTTP_ERRORS = _replies(_errors["http"])

DEFAULT_BAUD: int = _serial["default_baud"]
BAUD_RATES = tuple(_serial["baud_rates"])
