"""`bg95 sim --ui`: modules, connections, files and the AT line, live, until q or Ctrl-C."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
import termios
import threading
import time
import tty
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from bg95_host.module_sim import SimServer
    from bg95_host.trace.records import Record

_REFRESH_S = 0.25
_KEPT = 200  # lines, more than a screen has
_LEAST = 8  # rows for the AT line, however many modules there are
_FRAME = 2  # of them


class AtLine(io.TextIOBase):
    """Where the trace goes: its last lines are kept for the screen, all go to the file that was asked for."""

    def __init__(self, file: Path | None) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._file = file.open("a", encoding="utf-8", buffering=1) if file else None

    def write(self, line: str) -> int:
        """Take one line, from the simulator's thread."""
        self._lines.append(line)
        return self._file.write(line) if self._file else len(line)

    def records(self) -> list[Record]:
        """What was kept."""
        from bg95_host.trace.records import parse

        return parse("".join(self._lines.copy()))

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
        super().close()


def show(server: SimServer, line: AtLine, done: threading.Event) -> None:
    """Draw until `done` is set or q is pressed."""
    from rich.live import Live

    with Live(auto_refresh=False, screen=True) as live, _keys() as pressed:
        while not done.is_set():
            live.update(_screen(server, line, live.console), refresh=True)
            if b"q" in pressed(_REFRESH_S).lower():
                return


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], bytes]]:
    """A function that waits so many seconds for keys; where nobody can type, it waits only."""
    if not sys.stdin.isatty():
        yield _no_key
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        yield (
            lambda seconds: (
                os.read(keyboard, 64) if select.select([keyboard], [], [], seconds)[0] else b""
            )
        )
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _no_key(seconds: float) -> bytes:
    time.sleep(seconds)
    return b""


def _screen(server: SimServer, line: AtLine, console: Console) -> RenderableType:
    from rich.layout import Layout
    from rich.panel import Panel

    from bg95_host.module_sim.view import render

    tables = render(server.snapshots())
    high = len(console.render_lines(tables, pad=False))
    high = max(min(high, console.height - _LEAST), 1)
    rows = max(console.height - high - _FRAME, 1)
    screen = Layout()
    screen.split_column(
        Layout(tables, size=high),
        Layout(Panel(_said(line.records()[-rows:]), title="AT line", subtitle="q ends it")),
    )
    return screen


def _said(records: Sequence[Record]) -> Text:
    """One row a record: milliseconds since the one before, direction, what."""
    from rich.text import Text

    from bg95_host.trace.views import ARROWS, named

    text = Text(no_wrap=True, overflow="ellipsis")
    before = records[0].time if records else 0
    for record in records:
        mark, style = ARROWS[record.direction]
        gap = (record.time - before) * 1000
        before = record.time
        text.append(f"{f'+{gap:,.0f} ms' if gap >= 1 else '':>12} ", "dim")
        text.append(f"{mark} {named(record)}\n", style)
    return text
