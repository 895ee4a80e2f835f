"""A trace for the eyes: in a terminal, as a page without any other file, in the Perfetto viewer."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib import resources
from string import Template
from typing import Any

from rich.console import Console
from rich.markup import escape

from bg95_host.trace.records import Record, Span, spans

_ARROWS = {
    "host": ("→", "cyan"),
    "module": ("←", "green"),
    "urc": ("◂", "magenta"),
    "pin": ("⎍", "yellow"),
    "net": ("≈", "blue"),
    "log": ("·", "dim"),
}

_LANES = ("commands", "urc", "pin", "net", "log")


def print_timeline(records: Sequence[Record], console: Console) -> None:
    """One line a record: seconds, the time since the one before, direction, what."""
    before = 0.0
    for record in records:
        arrow, style = _ARROWS[record.direction]
        gap = (record.time - before) * 1000
        before = record.time
        late = f"+{gap:,.0f} ms" if gap >= 1 else ""
        console.print(
            f"[dim]{record.time:10.3f} {late:>12}[/] [{style}]{arrow} {escape(record.shown)}[/]",
            soft_wrap=True,
        )
    console.print(summary(records))


def summary(records: Sequence[Record]) -> str:
    """One sentence: how many commands, how many failed, how much payload, how long."""
    commands = spans(records)
    failed = sum(span.failed for span in commands)
    sent = sum(record.size for record in records if record.direction == "host")
    received = sum(record.size for record in records if record.direction in ("module", "urc"))
    return (
        f"{len(commands):,} commands ({failed:,} failed), {sent:,} bytes out, {received:,} in, "
        f"{records[-1].time:.3f} s"
    )


def perfetto(records: Sequence[Record]) -> dict[str, Any]:
    """The trace in the Trace Event Format, which ui.perfetto.dev opens. Times in microseconds."""
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": 1, "name": "process_name", "args": {"name": "AT line"}}
    ]
    for number, lane in enumerate(_LANES):
        name = {"name": lane}
        events.append({"ph": "M", "pid": 1, "tid": number, "name": "thread_name", "args": name})
    for span in spans(records):
        events.append(_slice(span))
    for record in records:
        if record.direction in _LANES:
            events.append(
                {
                    "ph": "i",
                    "s": "t",
                    "pid": 1,
                    "tid": _LANES.index(record.direction),
                    "ts": _microseconds(record.time),
                    "name": record.shown,
                }
            )
    events += _payload_counters(records)
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _slice(span: Span) -> dict[str, Any]:
    return {
        "ph": "X",
        "pid": 1,
        "tid": 0,
        "ts": _microseconds(span.start),
        "dur": max(1, _microseconds(span.end - span.start)),
        "name": span.command,
        "args": {"result": span.result or "none", "sent": span.sent, "received": span.received},
    }


def _payload_counters(records: Sequence[Record]) -> list[dict[str, Any]]:
    out = {"host": 0, "module": 0}
    events = []
    for record in records:
        side = "host" if record.direction == "host" else "module"
        if record.size:
            out[side] += record.size
            values = {"sent": out["host"], "received": out["module"]}
            event = {"ph": "C", "pid": 1, "name": "payload", "args": values}
            events.append(event | {"ts": _microseconds(record.time)})
    return events


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def page(records: Sequence[Record], title: str) -> str:
    """A self-contained HTML page: a picture of the whole trace, and every record in a table."""
    template = resources.files("bg95_host.trace").joinpath("page.html").read_text("utf-8")
    return Template(template).substitute(
        title=html.escape(title),
        summary=html.escape(summary(records)),
        picture=picture(records),
        rows="\n".join(_row(record) for record in records),
    )


def picture(records: Sequence[Record], width: int = 1000) -> str:
    """An SVG of the trace: commands as bars (red where refused), URCs and pins as ticks."""
    total = max(records[-1].time, 0.001)
    scale = width / total
    shapes = []
    for span in spans(records):
        colour = "#c33" if span.failed else "#2a7"
        size = max(1.0, (span.end - span.start) * scale)
        label = f"{span.command} → {span.result or 'no answer'}"
        shapes.append(
            f'<rect x="{span.start * scale:.1f}" y="4" width="{size:.1f}" height="18" '
            f'fill="{colour}"><title>{html.escape(label)}</title></rect>'
        )
    for record in records:
        if record.direction in ("urc", "pin", "net"):
            y = {"urc": 28, "pin": 44, "net": 60}[record.direction]
            shapes.append(
                f'<rect x="{record.time * scale:.1f}" y="{y}" width="1.5" height="12" '
                f'fill="#639"><title>{html.escape(record.shown)}</title></rect>'
            )
    return (
        f'<svg viewBox="0 0 {width} 76" role="img" aria-label="timeline of {total:.3f} s">'
        + "".join(shapes)
        + "</svg>"
    )


def _row(record: Record) -> str:
    arrow, _ = _ARROWS[record.direction]
    return (
        f'<tr class="{record.direction}"><td>{record.time:.3f}</td>'
        f"<td>{arrow}</td><td>{html.escape(record.shown)}</td></tr>"
    )
