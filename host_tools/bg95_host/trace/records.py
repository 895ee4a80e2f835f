"""What happened on the AT line, from a trace of the simulator (JSON lines) or of the driver (text).

Neither holds payload or secrets, so what is made of a trace can be shown to anybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bg95_host.errors import ToolError

DIRECTIONS = ("host", "module", "urc", "pin", "net", "log")

# Final result codes and the words that end a command's part of the conversation (at-commands.md 0.3, 1.6).
_FINAL = re.compile(r"(OK|ERROR|\+CM[ES] ERROR: .*|SEND OK|SEND FAIL|CONNECT( .*)?|NO CARRIER)$")

# A line of Modem.trace(): seconds, who, what.
_DRIVER_LINE = re.compile(r" *(\d+\.\d{3}) (>|<|TX|RX) (.*)")
_DRIVER_PAYLOAD = re.compile(r"(\d+) bytes$")
_URC = re.compile(r"\+Q(SSL|I)URC:|\+QSSLOPEN: |RDY|APP RDY|POWERED DOWN|\+Q(IND|USIM):")


@dataclass(frozen=True)
class Record:
    """One line of a trace. `time` in seconds since the first one, `size` in bytes of payload."""

    time: float
    direction: str
    text: str = ""
    size: int = 0
    note: str = ""

    @property
    def shown(self) -> str:
        """The record in one line."""
        parts = [self.text] if self.text else []
        if self.size:
            parts.append(f"{self.size:,} bytes")
        if self.note:
            parts.append(f"({self.note})")
        return " ".join(parts)


@dataclass
class Span:
    """One command from its first byte to its final result. `sent` and `received` count payload."""

    command: str
    start: float
    end: float
    result: str = ""
    sent: int = 0
    received: int = 0

    @property
    def failed(self) -> bool:
        """Whether the module refused, or never answered."""
        return not self.result or "ERROR" in self.result or self.result == "SEND FAIL"


def load(path: Path) -> list[Record]:
    """Read a trace; ToolError says what is wrong with the file."""
    try:
        records = parse(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ToolError(f"{path} {error}") from error
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {error.strerror}") from error
    if not records:
        raise ToolError(f"{path} holds no AT trace; record one with --trace or modem.trace()")
    return records


def parse(text: str) -> list[Record]:
    """The records of a trace's text, which may be none; ValueError names the line that is not one."""
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        record = _json_record(line) if line.startswith("{") else _driver_record(line)
        if record is None:
            raise ValueError(f"is not an AT trace: look at line {number}")
        records.append(record)
    return _from_zero(records)


def spans(records: Iterable[Record]) -> list[Span]:
    """The commands of a trace in order, each with its result and the payload that went with it."""
    found: list[Span] = []
    running: Span | None = None
    for record in records:
        if record.direction == "host" and record.text.upper().startswith("AT"):
            running = Span(record.text, record.time, record.time)
            found.append(running)
        elif running is None:
            continue
        elif record.direction == "host":
            running.sent += record.size
            running.end = record.time
        elif record.direction == "module":
            running.received += record.size
            running.end = record.time
            if _FINAL.match(record.text):
                running.result = record.text
                running = None
    return found


def _json_record(line: str) -> Record | None:
    try:
        facts = json.loads(line)
        record = Record(
            float(facts["t"]),
            str(facts["dir"]),
            str(facts.get("text", "")),
            int(facts.get("len", 0)),
            str(facts.get("note", "")),
        )
    except (ValueError, TypeError, KeyError):
        return None
    return record if record.direction in DIRECTIONS else None


def _driver_record(line: str) -> Record | None:
    match = _DRIVER_LINE.fullmatch(line)
    if not match:
        return None
    time, arrow, text = float(match[1]), match[2], match[3]
    if arrow in ("TX", "RX"):
        payload = _DRIVER_PAYLOAD.match(text)
        size = int(payload[1]) if payload else 0
        return Record(time, "host" if arrow == "TX" else "module", size=size)
    if arrow == ">":
        return Record(time, "host", text)
    return Record(time, "urc" if _URC.match(text) else "module", text)


def _from_zero(records: Sequence[Record]) -> list[Record]:
    start = records[0].time if records else 0.0
    return [
        Record(round(item.time - start, 6), item.direction, item.text, item.size, item.note)
        for item in records
    ]
