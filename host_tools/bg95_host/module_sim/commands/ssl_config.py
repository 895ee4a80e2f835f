"""AT+QSSLCFG: the six SSL contexts (spec 1.6.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..registry import AsWritten, Choice, Command, Family, Int, Text
from ..results import TcpipError
from ..syntax import Param
from ..tables import ALL_SUITES, CONFIG_ITEMS, SUITES

if TYPE_CHECKING:
    from ..core import Module

LONGEST_PATH = 80  # a UFS file name, spec 2.8

QSSLCFG = Command("+QSSLCFG", Family.SSL, "1.6.1")


@QSSLCFG.tests
def qsslcfg_test(m: Module) -> Iterator[str]:
    suites = ",".join(f"0X{code:04X}" for code in (*SUITES, ALL_SUITES))
    for item in CONFIG_ITEMS.values():
        values = f"({suites})" if item.kind == "suite" else item.test
        yield f'+QSSLCFG: "{item.name}",(0-5),{values}'


@QSSLCFG.write(
    Choice("item", tuple(CONFIG_ITEMS)), Int("SSL_ctxID", 0, 5), AsWritten("value", default=None)
)
def qsslcfg(m: Module, name: str, ctx_id: int, value: Param | None) -> Iterator[str]:
    """Query without a value. AT+QSSLCFG="session",1 asks, it does not switch on."""
    context = m.ssl[ctx_id]
    if name in m.traits.missing_items.split("|"):
        raise TcpipError(552)
    if value is None:
        yield f'+QSSLCFG: "{name}",{ctx_id},{_shown(m, name, context.values[name])}'
        return
    try:
        parsed = _parsed(name, value, m.traits.quoted_numbers)
    except ValueError:
        raise TcpipError(552) from None
    if (
        CONFIG_ITEMS[name].kind == "path"
        and m.traits.path_must_exist
        and parsed  # an empty one names no file, and forgets the one that was named
        and str(parsed) not in m.flash
    ):
        raise TcpipError(552)
    context.values[name] = parsed


def _shown(m: Module, name: str, value: Any) -> str:
    kind = CONFIG_ITEMS[name].kind
    if kind == "path":
        return f'"{value}"' if m.traits.paths_quoted else str(value)
    if kind == "int":
        return str(value)
    return f"0x{value:04x}" if m.traits.suite_lower else f"0X{value:04X}"


def _parsed(name: str, param: Param, quoted_numbers: bool) -> int | str:
    item = CONFIG_ITEMS[name]
    if item.kind == "path":
        return Text(name, LONGEST_PATH).value(param, quoted_numbers)
    if item.kind == "int":
        return Int(name, item.low, item.high).value(param, quoted_numbers)
    if param.quoted and not quoted_numbers:
        raise ValueError("a quoted suite")  # "0XFFFF" is refused, field notes 1
    text = param.text.upper()
    if not (text.startswith("0X") and len(text) == 6):
        raise ValueError("a suite is 0X and four hex digits")
    code = int(text[2:], 16)
    if code != ALL_SUITES and code not in SUITES:
        raise ValueError("not a suite of the module")
    return code
