"""A recorded conversation, whatever wrote it, as entries that can be replayed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bg95_host.errors import ToolError
from bg95_host.trace.records import Record, content_of, parse
from bg95_host.trace.shapes import FINAL, Entry, entries

INPUTS = ("PWRKEY", "RESET_N", "DTR")  # pins that a host drives


def load(path: Path) -> list[Entry]:
    """The entries of a trace or a terminal log; ToolError where there are none."""
    content = content_of(path)
    try:
        records = parse(content.decode("utf-8", "replace"))
    except ValueError:
        found = entries(content)
    else:
        found = _recorded(records, content)
    if not any(entry.side == "host" for entry in found):
        raise ToolError(f"{path} holds no AT conversation: no line of it is a command")
    return found


def _recorded(records: list[Record], content: bytes) -> list[Entry]:
    """A trace of the simulator or of the driver, each record with its place in the file."""
    if len({record.module for record in records}) > 1:
        raise ToolError("the trace holds several modules; record one at a time")
    found: list[Entry] = []
    places = [
        (match, number)
        for number, match in enumerate(re.finditer(rb"[^\n]*(?:\n|$)", content), 1)
        if match[0].strip()
    ]
    for record, (raw, number) in zip(records, places, strict=False):
        shown = json.dumps(record.text)[1:-1] if content.startswith(b"{") else record.text
        at = raw.start() + max(raw[0].rfind(shown.encode()), 0)
        for entry in _entries(record, at, number):
            if content.startswith(b"{") and _continues(entry, found):
                first = next(i for i in reversed(range(len(found))) if found[i].side == "host")
                found[first] = replace(found[first], text=f"{found[first].text};{entry.text[2:]}")
            else:
                found.append(entry)
    return found


def _entries(record: Record, at: int, line: int) -> Iterator[Entry]:
    """What of a record can be replayed: text and payload apart, no outputs, no notes."""
    side = {"host": "host", "module": "module", "urc": "module", "pin": "pin"}.get(record.direction)
    if side is None or record.note.startswith(("not a command line", "not printed", "printed on")):
        return
    if side == "pin" and record.text.partition("=")[0] not in INPUTS:
        return
    if record.text:
        yield Entry(side, record.text, 0, record.time, at, line)
    if record.size:
        yield Entry(side, "", record.size, record.time, at, line)


def _continues(entry: Entry, found: list[Entry]) -> bool:
    """Whether a command stood in the same line as the one before: the simulator records each, and one result."""
    if entry.side != "host" or not entry.text:
        return False
    for before in reversed(found):
        if before.side == "host":
            return bool(before.text)
        if before.side == "pin" or FINAL.match(before.text):
            return False
    return False
