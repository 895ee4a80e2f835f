"""How a command ends, and what it may ask of the port while it runs.

A command is a generator (or a plain function): it yields information lines and the requests below,
and ends by returning a final result or by raising an `AtError`. It never touches bytes of the line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class AtError(Exception):
    """Ends the command, and with it the line, with an error."""


class PlainError(AtError):
    """`ERROR`, whatever AT+CMEE says."""


@dataclass
class TcpipError(AtError):
    """`ERROR` of an SSL or TCP/IP command; `code` goes to AT+QIGETERROR (spec 1.8)."""

    code: int


@dataclass
class CmeError(AtError):
    """`+CME ERROR` in the form that AT+CMEE selects (spec 2.4, 2.8.2)."""

    code: int


@dataclass(frozen=True)
class Final:
    """A final result code. `then` runs when it has left the module."""

    text: str = "OK"
    then: Callable[[], None] | None = None


SEND_OK = Final("SEND OK")
SEND_FAIL = Final("SEND FAIL")
NO_CARRIER = Final("NO CARRIER")


@dataclass(frozen=True)
class EnterData:
    """CONNECT, then the port carries the bytes of this socket (spec 1.4)."""

    socket: Any


@dataclass(frozen=True)
class UrcPlace:
    """A place inside an answer where a hostile module prints URCs (trait urc_placement)."""


@dataclass(frozen=True)
class Raw:
    """Bytes as they are: payload, or framing that is not an information line. Never traced."""

    data: bytes


@dataclass(frozen=True)
class Word:
    """An intermediate result in result-code framing: `CONNECT` before file data."""

    text: str


@dataclass(frozen=True)
class Wait:
    """Continue after this many seconds."""

    seconds: float


@dataclass
class Signal:
    """Something a command can wait for. Set once; later waits return at once."""

    is_set: bool = False
    value: Any = None
    _waiter: Callable[[], None] | None = field(default=None, repr=False)

    def set(self, value: Any = None) -> None:
        """Release the waiting command. Setting twice keeps the first value."""
        if not self.is_set:
            self.is_set, self.value = True, value
            if self._waiter:
                self._waiter()

    def on_set(self, waiter: Callable[[], None] | None) -> None:
        """Who is called when it is set; None withdraws."""
        self._waiter = waiter


@dataclass(frozen=True)
class Until:
    """Continue when the signal is set."""

    signal: Signal


@dataclass(frozen=True)
class Receive:
    """Take host input as data. Yields the bytes; see `Reader` for when it ends.

    `count` bytes, or up to one of `ends` (then the ending byte is the last one yielded). `idle`
    seconds without a byte (or from the start, where bytes do not restart them) also end it.
    `ack_every` bytes are acknowledged with `A`.
    """

    count: int
    ends: bytes = b""
    idle: float | None = None
    idle_restarts: bool = True
    ack_every: int = 0
    echo: bool = False
    abort_on_escape: bool = False


class Aborted(Exception):
    """`+++` or DTR ended a data transfer of a FILE command (spec 2.7); holds the data so far."""
