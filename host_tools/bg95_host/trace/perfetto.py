"""A trace in the Trace Event Format, which https://ui.perfetto.dev opens: a process for each module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bg95_host.trace.records import Record, spans

_COMMANDS = "commands"
_THREADS = (_COMMANDS, "urc", "pin", "net", "log")

# Perfetto takes the thread of a process's own number for its main thread, and thread 0 for the idle one.
_APART = 1000

Event = dict[str, Any]


def perfetto(records: Sequence[Record]) -> dict[str, Any]:
    """Commands as slices, late results as slices of their own, URCs, pins and the network as instants, payload as
    counters; times in µs."""
    modules = dict.fromkeys(record.module for record in records)
    processes = {name: number * _APART for number, name in enumerate(modules, 1)}
    payload = {name: {"sent": 0, "received": 0} for name in processes}
    events: list[Event] = []
    for name, process in processes.items():
        events += _names(name, process)
    for span in spans(records):
        facts = {"result": span.result, "sent": span.sent, "received": span.received}
        process = processes[span.module]
        events.append(
            _event("X", span.start, process, _COMMANDS, span.command, args=facts)
            | {"dur": _microseconds(span.answered) - _microseconds(span.start)}
        )
        if span.is_late:  # a track of its own: slices of one thread must not overlap
            asynchronous = {"cat": "late", "id": span.line, "args": facts}
            name = span.command.partition("=")[0]
            events.append(_event("b", span.start, process, _COMMANDS, name, **asynchronous))
            events.append(_event("e", span.end, process, _COMMANDS, name, **asynchronous))
    for record in records:
        process = processes[record.module]
        if record.direction in _THREADS:
            events.append(_event("i", record.time, process, record.direction, record.shown, s="t"))
        if record.size:
            sums = payload[record.module]
            sums["sent" if record.sender == "host" else "received"] += record.size
            name = "payload bytes"  # shown as "payload bytes sent", "payload bytes received"
            events.append(_event("C", record.time, process, _COMMANDS, name, args=dict(sums)))
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _names(module: str, process: int) -> list[Event]:
    title = {"name": module or "AT line"}
    return [
        _event("M", 0, process, _COMMANDS, "process_name", args=title),
        *(_event("M", 0, process, name, "thread_name", args={"name": name}) for name in _THREADS),
    ]


def _event(
    kind: str, seconds: float, process: int, thread: str, name: str, **more: object
) -> Event:
    number = process + 1 + _THREADS.index(thread)
    when = _microseconds(seconds)
    return {"ph": kind, "ts": when, "pid": process, "tid": number, "name": name, **more}


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
