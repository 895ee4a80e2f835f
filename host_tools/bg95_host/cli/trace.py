"""Show a recorded AT trace: as a timeline here, as a page, or for the Perfetto viewer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli._terminal import console, shown

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("trace", help=__doc__)(_trace)


def _trace(
    file: Annotated[Path, typer.Argument(help="From --trace, or what modem.trace() wrote.")],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page that needs no other file.")
    ] = None,
    perfetto: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JSON for https://ui.perfetto.dev.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the commands with their times as JSON.")
    ] = False,
) -> None:
    from dataclasses import asdict

    from bg95_host import trace
    from bg95_host.trace import views
    from bg95_host.trace.perfetto import perfetto as events

    records = trace.load(file)
    terminal = console(quiet=as_json)
    if html:
        _write(terminal, html, views.page(records, file.name))
    if perfetto:
        _write(terminal, perfetto, json.dumps(events(records)))
    if as_json:
        print(json.dumps([asdict(span) for span in trace.spans(records)]))
    elif not (html or perfetto):
        views.print_timeline(records, terminal)


def _write(terminal: Console, file: Path, text: str) -> None:
    from bg95_host.errors import ToolError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ToolError(f"{file} cannot be written: {error.strerror}") from error
    terminal.print(f"wrote {shown(str(file))}")
