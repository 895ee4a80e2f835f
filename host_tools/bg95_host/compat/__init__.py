"""Runs the driver of `firmware/` on CPython: the few things MicroPython has and CPython has not.

`install()` puts a `micropython` module, `time.ticks_*` and the driver's folder in place; `UART` is
machine.UART over anything that pyserial opens. The driver itself is used as it is.
"""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Callable

from bg95_host.places import FIRMWARE

from .ring import RingIO
from .uart import UART

__all__ = ["FIRMWARE", "UART", "RingIO", "install", "set_clock"]

_TICKS_PERIOD = 1 << 30  # MicroPython's: ticks wrap, and code that forgets it should fail here, too


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


_clock: Callable[[], int] = _monotonic_ms


def set_clock(now_ms: Callable[[], int] | None) -> None:
    """Give the driver another clock (a test's own; milliseconds since whenever); None: the host's."""
    global _clock  # noqa: PLW0603 - the driver has bound ticks_ms by name, so what it calls must stay
    _clock = now_ms or _monotonic_ms


def _ticks_ms() -> int:
    return _clock() & (_TICKS_PERIOD - 1)


def _ticks_add(ticks: int, delta: int) -> int:
    return (ticks + delta) & (_TICKS_PERIOD - 1)


def _ticks_diff(end: int, start: int) -> int:
    half = _TICKS_PERIOD // 2
    return (end - start + half & (_TICKS_PERIOD - 1)) - half


def install() -> None:
    """Make `import bg95` work on CPython. Harmless when called again."""
    for name, value in {
        "ticks_ms": _ticks_ms,
        "ticks_add": _ticks_add,
        "ticks_diff": _ticks_diff,
        "sleep_ms": lambda ms: time.sleep(ms / 1000),
    }.items():
        setattr(time, name, value)
    if "micropython" not in sys.modules:
        micropython = types.ModuleType("micropython")
        micropython.const = lambda value: value  # type: ignore[attr-defined]
        micropython.RingIO = RingIO  # type: ignore[attr-defined]
        sys.modules["micropython"] = micropython
    if str(FIRMWARE) not in sys.path:
        sys.path.insert(0, str(FIRMWARE))
