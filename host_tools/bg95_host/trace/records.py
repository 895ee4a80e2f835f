"""What happened on the AT line, from a trace of the simulator (JSON lines) or of the driver (text).

Neither holds payload or secrets, so what is made of a trace can be shown to anybody.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bg95_host.errors import ToolError

DIRECTIONS = ("host", "module", "urc", "pin", "net", "log")

# Final result codes and the words that end a command's part of the conversation (at-commands.md 0.3, 1.6).
_FINAL = re.compile(r"(OK|ERROR|\+CM[ES] ERROR: .*|SEND OK|SEND FAIL|CONNECT( .*)?|NO CARRIER)$")
# Of these, CONNECT begins the data; the final result comes behind it (at-commands.md 2.8).
_FILE_DATA = re.compile(r"AT\+QF(UPL|DWL|READ|WRITE)=", re.IGNORECASE)

# A line of Modem.trace(): seconds, who, what.
_DRIVER_LINE = re.compile(r" *(\d+\.\d{3}) ([><]) (.*)")
_DRIVER_PAYLOAD = re.compile(r"(\d+) bytes")
_REFUSAL = re.compile(r"ERROR$|\+CM[ES] ERROR: |SEND FAIL$")
_URC = re.compile(r"\+Q(SSL|I)URC:|\+QSSLOPEN: |RDY|APP RDY|POWERED DOWN|\+Q(IND|USIM):")


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
        """The record in one line."""
        parts = [self.text] if self.text else []
        if self.size:
            parts.append(f"{self.size:,} bytes")
        if self.note:
            parts.append(f"({self.note})")
        return " ".join(parts)

    @property
    def sender(self) -> str:
        """Whose payload `size` counts: host or module (direct push sends it with a URC)."""
        return "host" if self.direction == "host" else "module"

    @property
    def is_refusal(self) -> bool:
        """Whether this is the module's final result of a command that failed."""
        return self.direction == "module" and bool(_REFUSAL.match(self.text))


@dataclass
class Span:
    """One command from its first byte to its final result. `sent` and `received` count payload."""

    command: str
    start: float
    end: float
    result: str = ""
    sent: int = 0
    received: int = 0
    module: str = ""

    @property
    def failed(self) -> bool:
        """Whether the module refused, or never answered."""
        return not self.result or bool(_REFUSAL.match(self.result))


def load(path: Path) -> list[Record]:
    """Read a trace; ToolError says what is wrong with the file."""
    try:
        records = parse(path.read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:
        raise ToolError(f"{path} {error}") from error
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {error.strerror}") from error
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
    found: list[Span] = []
    running: dict[str, Span] = {}
    for record in records:
        if record.direction == "host" and record.text.upper().startswith("AT"):
            span = Span(record.text, record.time, record.time, module=record.module)
            running[record.module] = span
            found.append(span)
        elif span := running.get(record.module):
            _extend(span, record)
            if span.result:
                del running[record.module]
    return found


def _extend(span: Span, record: Record) -> None:
    """Add to a command what came after it."""
    if record.direction == "host":
        span.sent += record.size
        span.end = record.time
    elif record.direction == "module":
        span.received += record.size
        span.end = record.time
        only_begins = record.text.startswith("CONNECT") and _FILE_DATA.match(span.command)
        if _FINAL.match(record.text) and not only_begins:
            span.result = record.text


def _record(line: str) -> Record | None:
    return _json_record(line) if line.startswith("{") else _driver_record(line)


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
        record.shown.encode()  # JSON can hold half a surrogate pair, which nothing can show
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    return record if record.direction in DIRECTIONS and math.isfinite(record.time) else None


def _driver_record(line: str) -> Record | None:
    match = _DRIVER_LINE.fullmatch(line)
    if not match:
        return None
    time, text = float(match[1]), match[3]
    direction = "host" if match[2] == ">" else "module"
    if payload := _DRIVER_PAYLOAD.fullmatch(text):
        return Record(time, direction, size=int(payload[1]))
    if direction == "module" and _URC.match(text):
        direction = "urc"
    return Record(time, direction, text)


def _from_zero(records: Sequence[Record]) -> list[Record]:
    start = min((item.time for item in records), default=0.0)
    return [replace(item, time=round(item.time - start, 6)) for item in records]
