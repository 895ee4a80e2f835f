"""A trace for the eyes: in a terminal, or as a page without any other file."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from importlib import resources
from string import Template

from rich.console import Console
from rich.markup import escape

from bg95_host.trace.picture import picture
from bg95_host.trace.records import Record, duration, spans
from bg95_host.visible import visible
from bg95_host.wrapped import say

# direction -> its mark and colour on a terminal
ARROWS = {
    "host": ("→", "cyan"),
    "module": ("←", "green"),
    "urc": ("◂", "magenta"),
    "pin": ("⎍", "yellow"),
    "net": ("≈", "blue"),
    "log": ("·", "dim"),
}

_LISTED = 10  # refused commands at the top of a page


def print_timeline(records: Sequence[Record], console: Console) -> None:
    """One line a record: seconds, the time since the one before, direction, what."""
    before = 0.0
    began = {span.last: span for span in spans(records) if span.is_late}
    for number, record in enumerate(records):
        arrow, style = ARROWS[record.direction]
        gap = (record.time - before) * 1000
        before = record.time
        later = f"+{gap:,.0f} ms" if gap >= 1 else ""
        said = f"[{style}]{escape(named(record))}[/]"
        if span := began.get(number):
            name, took = span.command.partition("=")[0], (span.end - span.start) * 1000
            said += f" [dim]{escape(visible(name))} of {span.start:.3f}, {took:,.0f} ms[/]"
        say(console, said, f"[dim]{record.time:10.3f} {later:>12}[/] [{style}]{arrow}[/] ")
    say(console, summary(records))


def summary(records: Sequence[Record]) -> str:
    """One sentence: how many commands, how many failed, how much payload, how long."""
    commands = spans(records)
    failed = sum(span.failed for span in commands)
    sent = sum(record.size for record in records if record.sender == "host")
    received = sum(record.size for record in records if record.sender == "module")
    return (
        f"{len(commands):,} command{'s' * (len(commands) != 1)} ({failed:,} failed), "
        f"{sent:,} bytes out, {received:,} in, {duration(records):.3f} s"
    )


def page(records: Sequence[Record], title: str) -> str:
    """A self-contained HTML page: what was refused, a picture of each module, and every record."""
    template = resources.files("bg95_host.trace").joinpath("page.html").read_text("utf-8")
    return Template(template).substitute(
        title=html.escape(title),
        look=look(),
        summary=html.escape(summary(records)),
        refusals=_refusals(records),
        pictures="\n".join(_pictures(records)),
        lines=lines(records, linked=True),
    )


def look() -> str:
    """The style sheet that pages with `picture` and `lines` need."""
    return resources.files("bg95_host.trace").joinpath("look.css").read_text("utf-8")


def lines(records: Sequence[Record], linked: bool = False) -> str:
    """A table with every record; `linked`: rows can be pointed to as #line1, #line2, ..."""
    rows = []
    before = 0.0
    refused = {span.last + 1 for span in spans(records) if span.failed}
    for number, record in enumerate(records, 1):
        gap = (record.time - before) * 1000
        before = record.time
        kind = f"{record.direction} refused" if number in refused else record.direction
        anchor = f' id="line{number}"' if linked else ""
        rows.append(
            f'<tr class="{kind}"{anchor}><td>{record.time:.3f}</td>'
            f"<td>{f'+{gap:,.0f}' if gap >= 1 else ''}</td>"
            f"<td>{record.direction}</td><td>{html.escape(named(record))}</td></tr>"
        )
    head = "<thead><tr><th>s</th><th>ms</th><th></th><th></th></tr></thead>"
    return f'<table class="lines">{head}<tbody>\n' + "\n".join(rows) + "</tbody></table>"


def named(record: Record) -> str:
    """The record in one line, with its module where a trace holds several."""
    return f"[{visible(record.module)}] {record.shown}" if record.module else record.shown


def _pictures(records: Sequence[Record]) -> Iterator[str]:
    for module in dict.fromkeys(record.module for record in records):
        if module:
            yield f"<h2>{html.escape(module)}</h2>"
        of_module = [record for record in records if record.module == module]
        yield picture(of_module, until=duration(records))


def _refusals(records: Sequence[Record]) -> str:
    """What failed, each with a link to its line."""
    failed = [span for span in spans(records) if span.failed]
    if not failed:
        return ""
    items = [
        f'<li><a href="#line{span.line + 1}">{span.start:.3f} s</a> '
        f"<code>{html.escape(span.command)} → {html.escape(span.result or 'no answer')}</code></li>"
        for span in failed[:_LISTED]
    ]
    if len(failed) > _LISTED:
        items.append(f"<li>and {len(failed) - _LISTED:,} more</li>")
    return f'<ul class="refusals">{"".join(items)}</ul>'
