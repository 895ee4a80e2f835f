"""Commands that keep named items of several values: AT+QCFG and AT+QMTCFG (spec 4.2.4, 4.4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import Command, Field
from ..syntax import Param

if TYPE_CHECKING:
    from ..core import Module

Values = tuple[Any, ...]


class Bare(str):
    """Text that is written without quotation marks."""


def shown(values: Values) -> str:
    """The values as an answer prints them."""
    return ",".join(
        f'"{value}"' if isinstance(value, str) and not isinstance(value, Bare) else str(value)
        for value in values
    )


def changed(
    command: Command,
    m: Module,
    fields: tuple[Field, ...],
    given: tuple[Param | None, ...],
    known: Values,
) -> Values:
    """The values after a write: what was left out keeps its value; raises AtError."""
    values = tuple(command.values(fields, given, m))
    return tuple(
        known[at] if value is None and at < len(known) else value for at, value in enumerate(values)
    )
