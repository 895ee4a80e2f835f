"""Look at a module the way chapter 4 of the SSL note does, and say what to try next."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bg95_host.cli import _module_options as where

_MARKS = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]?[/]"}


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("doctor", help=__doc__)(_doctor)


def _doctor(
    port: where.Port = None,
    board_port: where.BoardPort = None,
    baud: where.Baud = 115200,
    apn: Annotated[str, typer.Option(help="Go online with this APN first.")] = "",
    server: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Try a TLS connection to this server.")
    ] = "",
    ca: Annotated[
        str, typer.Option(metavar="NAME", help="CA file on the module to verify it with.")
    ] = "",
    as_json: where.Json = False,
) -> None:
    from rich.console import Console
    from rich.markup import escape

    from bg95_host.module_link import open_link

    host, server_port = _split(server)
    console = Console(quiet=as_json, highlight=False)
    with (
        open_link(port, board_port, baud) as link,
        console.status("asking the module; this can take minutes without coverage"),
    ):
        findings = link.examine(apn, host, server_port, ca)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        what = f"[bold]{escape(finding.what):<{width}}[/]"
        console.print(f"{_MARKS[finding.ok]} {what}  {escape(finding.seen)}", soft_wrap=True)
        if finding.advice:
            console.print(f"  {'':<{width}}  → {escape(finding.advice)}", soft_wrap=True)
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings]))
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


def _split(server: str) -> tuple[str, int]:
    host, _, number = server.rpartition(":")
    if server and not (host and number.isdigit() and int(number) < 65536):
        raise typer.BadParameter("write HOST:PORT", param_hint="--server")
    return host, int(number or 0)
