"""Collects the host's bytes that a command asked for: payload of a send, content of a file."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from .results import Receive
from .schedule import Timer

if TYPE_CHECKING:
    from .core import Module

ECHO_STEP = 16  # bytes echoed together: what a UART FIFO holds


class Ending(Enum):
    """Why the data ends here."""

    COMPLETE = "complete"
    TIMED_OUT = "ended by timeout"
    ABORTED = "aborted by +++ or DTR"


class Reader:
    """Collects the data that a command asked for with `Receive`."""

    def __init__(
        self, module: Module, wanted: Receive, done: Callable[[Reader, Ending], None]
    ) -> None:
        """`done` is called once, when the data is complete or was cut short."""
        self._m = module
        self.wanted = wanted
        self.data = bytearray()
        self._done = done
        self._idle: Timer | None = None
        self._escape: Timer | None = None
        self._last_at = module.now
        self._restart_idle()

    def step(self, data: bytes) -> int:
        """Bytes up to the next point of interest."""
        size = min(len(data), self.wanted.count - len(self.data))
        if self.wanted.ack_every:
            size = min(size, self.wanted.ack_every - len(self.data) % self.wanted.ack_every)
        for end in self.wanted.ends:
            at = data.find(end, 0, size)
            if at >= 0:
                size = at + 1
        if self.wanted.abort_on_escape and data.startswith(b"+"):
            size = min(size, 3)
        if self.wanted.echo and self._m.profile.echo:
            size = min(size, ECHO_STEP)
        return size

    def take(self, data: bytes) -> None:
        """Add the bytes of one step."""
        self._watch_escape(data)
        self.data += data
        self._last_at = self._m.now
        if self.wanted.echo and self._m.profile.echo:
            self._m.transmit(data)
        done = len(self.data) >= self.wanted.count or (data[-1:] and data[-1] in self.wanted.ends)
        every = self.wanted.ack_every
        last = done and not self._m.traits.ack_after_last
        if every and not last and len(self.data) % every == 0:
            self._m.transmit(b"\r\nA\r\n" if self._m.traits.ack_framed else b"A")
        if done:
            self._end(Ending.COMPLETE)
        else:
            self._restart_idle()

    def _watch_escape(self, data: bytes) -> None:
        """`+++` between two silent seconds aborts a FILE transfer (spec 2.7)."""
        if not self.wanted.abort_on_escape:
            return
        if self._escape:
            self._escape.cancel()
            self._escape = None
        quiet_before = self._m.now - self._last_at >= 1.0
        if data == b"+++" and quiet_before:
            self._escape = self._m.after(1.0, self._escaped)

    def _escaped(self) -> None:
        del self.data[-3:]
        self._end(Ending.ABORTED)

    def abort(self) -> None:
        """DTR rose: as `+++`."""
        if self.wanted.abort_on_escape and self._m.profile.dtr_mode:
            self._end(Ending.ABORTED)

    def _restart_idle(self) -> None:
        if self.wanted.idle is not None:
            if self._idle and not self.wanted.idle_restarts:
                return
            if self._idle:
                self._idle.cancel()
            self._idle = self._m.after(self.wanted.idle, lambda: self._end(Ending.TIMED_OUT))

    def _end(self, ending: Ending) -> None:
        for timer in (self._idle, self._escape):
            if timer:
                timer.cancel()
        self._done(self, ending)
