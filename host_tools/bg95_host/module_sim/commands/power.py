"""Power down, sleep and power saving (spec 2.10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..registry import Command, Family, OneOf
from ..results import Final

QPOWD = Command("+QPOWD", Family.GENERAL, "2.10", test="(0,1)")


@QPOWD.execute
def qpowd(m: Any) -> Final:
    return Final("OK", then=lambda: m.power.stop(orderly=True))


@QPOWD.write(OneOf("n", (0, 1)))
def qpowd_write(m: Any, n: int) -> Final:
    return Final("OK", then=lambda: m.power.stop(orderly=bool(n)))


QSCLK = Command("+QSCLK", Family.GENERAL, "2.10", test="(0,1)")


@QSCLK.read
def qsclk_read(m: Any) -> Iterator[str]:
    yield f"+QSCLK: {m.sleep_mode}"


@QSCLK.write(OneOf("n", (0, 1)))
def qsclk_write(m: Any, n: int) -> None:
    m.sleep_mode = n
