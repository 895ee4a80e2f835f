"""What happened on the AT line, from a trace of the simulator (JSON lines) or of the driver (text).

Neither holds payload or secrets, so what is made of a trace can be shown to anybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bg95_host.errors import ToolError
from bg95_host.trace import late
from bg95_host.visible import visible

_LATEST_S = 1e11  # some 3,000 years; a clock's seconds since 1970 are far less
_LARGEST = 1 << 40  # bytes of payload in one record
DIRECTIONS = ("host", "module", "urc", "pin", "net", "log")

# Final result codes and the words that end a command's part of the conversation (at-commands.md 0.3, 1.6).
_FINAL = re.compile(r"(OK|ERROR|\+CM[ES] ERROR: .*|SEND OK|SEND FAIL|CONNECT( .*)?|NO CARRIER)$")
# Of these, CONNECT begins the data; the final result comes behind it (at-commands.md 2.8).
_FILE_DATA = re.compile(r"AT\+QF(UPL|DWL|READ|WRITE)=", re.IGNORECASE)

# A line of Modem.trace(): seconds, who, what.
_DRIVER_LINE = re.compile(r" *(\d+\.\d{3}) ([><]) (.*)")
_DRIVER_PAYLOAD = re.compile(r"(\d+) bytes")
_REFUSAL = re.compile(r"ERROR$|\+CM[ES] ERROR: |SEND FAIL$")
# The question whether a file is there; no is an answer to it (file not found, at-commands.md 2.8).
_PROBE, _NOT_THERE = re.compile(r"AT\+QFLST=", re.IGNORECASE), "+CME ERROR: 405"
URC = re.compile(r"\+Q(SSL|I)URC:|RDY|APP RDY|POWERED DOWN|\+Q(IND|USIM):")


@dataclass(frozen=True)
class Record:
    """One line of a trace. `time` in seconds since the first one, `size` in bytes of payload.

    `module` names one of several simulated modules (`bg95 sim --count`).
    """

    time: float
    direction: str
    text: str = ""
    size: int = 0
    note: str = ""
    module: str = ""

    @property
    def shown(self) -> str:
        """The record in one line, which any terminal can show."""
        parts = [self.text] if self.text else []
        if self.size:
            parts.append(f"{self.size:,} bytes")
        if self.note:
            parts.append(f"({self.note})")
        return visible(" ".join(parts))

    @property
    def sender(self) -> str:
        """Whose payload `size` counts: host or module (direct push sends it with a URC)."""
        return "host" if self.direction == "host" else "module"


@dataclass
class Span:
    """One command from its first byte to its result. `sent` and `received` count payload.

    The result is the final one, or the URC that comes later where OK only begins it (`late`); `answered` is when
    the AT line was free again. `line` and `last` are the places of the command and its result in the trace.
    """

    command: str
    start: float
    end: float
    result: str = ""
    sent: int = 0
    received: int = 0
    module: str = ""
    answered: float = field(default=0.0, compare=False)
    line: int = field(default=0, compare=False)
    last: int = field(default=0, compare=False)

    @property
    def failed(self) -> bool:
        """Whether the module refused, never answered, or told later that it did not work."""
        if _PROBE.match(self.command) and self.result == _NOT_THERE:
            return False
        told = late.result(self.result)
        return not self.result or bool(_REFUSAL.match(self.result)) or bool(told and told.failed)

    @property
    def is_late(self) -> bool:
        """Whether its result came behind its OK, perhaps behind other commands."""
        return late.result(self.result) is not None


def content_of(path: Path) -> bytes:
    """What a file holds; ToolError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {error.strerror}") from error


def load(path: Path) -> list[Record]:
    """Read a trace, or the log of a terminal; ToolError says what is wrong with the file."""
    from bg95_host.trace import logs

    content = content_of(path)
    try:
        records = parse(content.decode("utf-8", "replace"))
    except ValueError as error:
        records = logs.records(content)
        if not records:
            raise ToolError(f"{path} {error}") from error
    if not records:
        raise ToolError(f"{path} holds no AT trace; record one with --trace or modem.trace()")
    return records


def parse(text: str) -> list[Record]:
    """The records of a trace's text, which may be none; ValueError names the line that is not one.

    A last line without its end was cut off, by a reset or a crash; what was before it is worth the more.
    """
    records: list[Record] = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not line.strip():
            continue
        record = _record(line.rstrip("\r\n"))
        if record is None and records and not line.endswith("\n"):
            record = Record(records[-1].time, "log", "the trace was cut off here")
        if record is None:
            raise ValueError(f"is not an AT trace: look at line {number}")
        records.append(record)
    return _from_zero(records)


def duration(records: Iterable[Record]) -> float:
    """Seconds from the first record to the last."""
    return max(record.time for record in records)


def spans(records: Iterable[Record]) -> list[Span]:
    """The commands of a trace in order, each with its result and the payload that went with it."""
    reading = _Reading()
    for number, record in enumerate(records):
        reading.take(number, record)
    return reading.spans


class _Reading:
    """The commands of a trace up to a record: which of them run, and which wait for a late result."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._running: dict[str, Span] = {}  # by module: one at a time on an AT line
        self._waiting: dict[tuple[str, str], list[Span]] = {}  # by module and late.awaited()

    def take(self, number: int, record: Record) -> None:
        """The next record."""
        if record.direction == "host" and record.text.upper().startswith("AT"):
            self._begin(number, record)
        elif not self._join(number, record) and (span := self._running.get(record.module)):
            self._extend(span, number, record)

    def _begin(self, number: int, record: Record) -> None:
        span = Span(record.text, record.time, record.time, module=record.module)
        span.answered, span.line, span.last = record.time, number, number
        self.spans.append(span)
        self._running[record.module] = span
        if key := late.awaited(record.text):
            self._waiting.setdefault((record.module, key), []).append(span)

    def _join(self, number: int, record: Record) -> bool:
        """Give a late result to the command that began it, whatever was sent since; whether it is one."""
        told = late.result(record.text) if record.direction in ("urc", "module") else None
        begun = self._waiting.get((record.module, told.key)) if told else None
        if told is None or not begun:
            return False
        span = begun[0]
        span.result, span.end, span.last = record.text, record.time, number
        if told.over:
            begun.pop(0)
        return True

    def _extend(self, span: Span, number: int, record: Record) -> None:
        """Add to a command what came after it."""
        if record.direction not in ("host", "module"):
            return
        span.end = span.answered = record.time
        if record.direction == "host":
            span.sent += record.size
            return
        span.received += record.size
        only_begins = record.text.startswith("CONNECT") and _FILE_DATA.match(span.command)
        if _FINAL.match(record.text) and not only_begins:
            del self._running[record.module]
            self._end(span, number, record)

    def _end(self, span: Span, number: int, record: Record) -> None:
        if not span.is_late:  # else its late result came before this one
            span.result, span.last = record.text, number
        key = (record.module, late.awaited(span.command) or "")
        if record.text != "OK" and key in self._waiting:  # nothing will follow
            self._waiting[key] = [each for each in self._waiting[key] if each is not span]


def _record(line: str) -> Record | None:
    record = _json_record(line) if line.startswith("{") else _driver_record(line)
    sane = record and abs(record.time) < _LATEST_S and 0 <= record.size < _LARGEST
    return record if sane else None


def _json_record(line: str) -> Record | None:
    try:
        facts = json.loads(line)
        record = Record(
            float(facts["t"]),
            str(facts["dir"]),
            str(facts.get("text", "")),
            int(facts.get("len", 0)),
            str(facts.get("note", "")),
            str(facts.get("module", "")),
        )
        # JSON can hold half a surrogate pair, which no file can.
        f"{record.text}{record.note}{record.module}".encode()
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return record if record.direction in DIRECTIONS else None


def _driver_record(line: str) -> Record | None:
    match = _DRIVER_LINE.fullmatch(line)
    if not match:
        return None
    time, text = float(match[1]), match[3]
    direction = "host" if match[2] == ">" else "module"
    if payload := _DRIVER_PAYLOAD.fullmatch(text):
        return Record(time, direction, size=int(payload[1]))
    if direction == "module" and (URC.match(text) or late.result(text)):
        direction = "urc"
    return Record(time, direction, text)


def _from_zero(records: Sequence[Record]) -> list[Record]:
    start = min((item.time for item in records), default=0.0)
    return [replace(item, time=round(item.time - start, 6)) for item in records]
