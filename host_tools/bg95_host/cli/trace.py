"""Show a recorded AT trace: as a timeline here, as a page, or for the Perfetto viewer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli import _sim_options
from bg95_host.cli._terminal import console, shown

if TYPE_CHECKING:
    from rich.console import Console

    from bg95_host.module_sim import SimOptions


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("trace", help=__doc__)(_trace)


def _trace(
    file: Annotated[
        Path, typer.Argument(help="From --trace, what modem.trace() wrote, or a terminal's log.")
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page that needs no other file.")
    ] = None,
    perfetto: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JSON for https://ui.perfetto.dev.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the commands with their times as JSON.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Say the host's side again to a simulated module, and show where that answers otherwise.",
        ),
    ] = False,
    profile: _sim_options.Profile = None,
    trait: _sim_options.Trait = None,
) -> None:
    from dataclasses import asdict

    from bg95_host import trace
    from bg95_host.trace import views
    from bg95_host.trace.perfetto import perfetto as events

    if check:
        options = _sim_options.sim_options(
            clock=None, resolve=None, fault=None, trait=trait, profile=profile
        )
        _check(console(quiet=as_json), file, options, as_json)
        return
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


def _check(terminal: Console, file: Path, options: SimOptions, as_json: bool) -> None:
    """Exit status 1 where the simulated module says something else."""
    from dataclasses import asdict

    from bg95_host.trace.replay import check
    from bg95_host.trace.script import load

    found = check(load(file), options)
    first = found.difference
    for urc in found.unmatched:
        terminal.print(shown(f"only the simulated module says {urc}"))
    if first is None:
        terminal.print(
            f"{found.commands} commands, {found.compared} lines of the module: no difference"
        )
    else:
        recorded = first.entry.text or f"{first.entry.size} bytes"
        terminal.print(
            shown(
                f"{file} line {first.entry.line}: differs at byte {first.at}, byte {first.column} of the line"
            )
        )
        for what, text in (
            ("after", first.after),
            ("recorded", recorded),
            ("simulated", first.said),
        ):
            terminal.print(f"  {what:<10}{shown(text)}")
    if as_json:
        print(json.dumps({**asdict(found), "at": first.at if first else None}, default=repr))
    if first:
        raise typer.Exit(1)


def _write(terminal: Console, file: Path, text: str) -> None:
    from bg95_host.errors import ToolError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ToolError(f"{file} cannot be written: {error.strerror}") from error
    terminal.print(f"wrote {shown(str(file))}")
